import type { Abi, Hex } from 'viem';
import { topicOf } from '#workers/ledger/events.ts';
import { readLogs } from '#workers/ledger/logs.ts';
import { datanetsAbi } from '../../../contracts-abi/abi/Datanets.ts';
import type { Network } from '../ledger/network.ts';

/** Where a version stands on a chain. */
export interface Published {
	datanet: number;
	version: number;
}

/** Versions that a chain knows, by their roots (lower case, without 0x): the same data here and there. @param to newest block */
export async function readPublished(
	{ chain, request }: Pick<Network, 'chain' | 'request'>,
	to: number
): Promise<ReadonlyMap<string, Published>> {
	const found = new Map<string, Published>();
	const query = {
		addresses: [chain.addresses.datanets.toLowerCase() as Hex],
		topics: [topicOf(datanetsAbi as Abi, 'DatanetPublished')]
	};
	for await (const { logs } of readLogs(request, { ...query, from: chain.fromBlock, to }))
		for (const { topics, data } of logs)
			found.set(rootKey(data.slice(0, 66)), { datanet: Number(topics[1]), version: Number(topics[2]) });
	return found;
}

export function rootKey(root: string): string {
	return root.toLowerCase().replace(/^0x/, '');
}
