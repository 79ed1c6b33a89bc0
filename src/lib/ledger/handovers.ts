import { encodeFunctionData, pad, zeroAddress, type Abi, type Address, type Hex } from 'viem';
import { topicOf } from '#workers/ledger/events.ts';
import { readLogs } from '#workers/ledger/logs.ts';
import { readBlock, unreachable } from '#workers/ledger/rpc.ts';
import { modelsAbi } from '../../../contracts-abi/abi/Models.ts';
import { settlementAbi } from '../../../contracts-abi/abi/Settlement.ts';
import { read, type Network, type TitledCall } from './network.ts';

/** What earns and can change hands: a contributor's number, a model. */
export interface Earner {
	kind: 'contributor' | 'model';
	id: number;
}

/** It changes hands only when `to` accepts, so that nothing is lost to a mistyped address. */
export interface Handover extends Earner {
	to: Address;
}

const kinds = [
	{ kind: 'contributor', event: 'ContributorOffered', abi: settlementAbi as Abi, contract: 'settlement' },
	{ kind: 'model', event: 'ModelOffered', abi: modelsAbi as Abi, contract: 'models' }
] as const;

export function nameOf({ kind, id }: Earner): string {
	return `${kind === 'model' ? 'Model' : 'Contributor'} ${id}`;
}

/** Offers that hold: to the account, and of what it owns. */
export async function readHandovers(
	{ request, chain }: Pick<Network, 'request' | 'chain'>,
	account: Address,
	owned: readonly Earner[]
): Promise<Handover[]> {
	const head = await readBlock(request, 'latest');
	if (!head) throw unreachable();
	const found: Handover[] = [];
	for (const { kind, event, abi, contract } of kinds) {
		const address = chain.addresses[contract];
		const ids = new Set(owned.filter((earner) => earner.kind === kind).map(({ id }) => id));
		const topics = [topicOf(abi, event), null, pad(account.toLowerCase() as Hex)];
		const query = { addresses: [address.toLowerCase() as Hex], topics, from: chain.fromBlock };
		for await (const { logs } of readLogs(request, { ...query, to: head.number }))
			for (const log of logs) ids.add(Number(log.topics[1]));
		for (const id of ids) {
			const call = { address, abi: settlementAbi, functionName: 'offeredTo', args: [id] } as const;
			const to = await read(request, call);
			if (to !== zeroAddress) found.push({ kind, id, to });
		}
	}
	return found;
}

/** Offers something to an address; the zero address takes the offer back. */
export function offerCall(network: Pick<Network, 'chain'>, earner: Earner, to: Address): TitledCall {
	return { title: `Hand over ${nameOf(earner)}`, ...callOf(network, earner, 'offer', [earner.id, to]) };
}

export function acceptCall(network: Pick<Network, 'chain'>, earner: Earner): TitledCall {
	return { title: `Accept ${nameOf(earner)}`, ...callOf(network, earner, 'accept', [earner.id]) };
}

function callOf(
	{ chain }: Pick<Network, 'chain'>,
	{ kind }: Earner,
	functionName: 'offer' | 'accept',
	args: readonly unknown[]
) {
	const { abi, contract } = kinds[kind === 'model' ? 1 : 0];
	return { to: chain.addresses[contract], data: encodeFunctionData({ abi, functionName, args }) };
}
