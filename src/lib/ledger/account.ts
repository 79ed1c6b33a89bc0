import {
	decodeEventLog,
	encodeEventTopics,
	pad,
	type Abi,
	type AbiEvent,
	type Address,
	type Hex
} from 'viem';
import { readLogs, type Log } from '#workers/ledger/logs.ts';
import { readBlock, unreachable } from '#workers/ledger/rpc.ts';
import { settlementAbi } from '../../../contracts-abi/abi/Settlement.ts';
import type { Network } from './network.ts';

/** One thing that moved an account's prepaid balance or paid it, as the chain's log has it. */
export interface Entry {
	kind:
		'deposit' | 'withdrawal' | 'payment' | 'received' | 'sent' | 'reward' | 'bond' | 'bond back' | 'penalty';
	/** What it did to the prepaid balance. Wei. A reward is paid out in coin and leaves it as it is. */
	amount: bigint;
	/** Of a reward: coin that went to the account itself. Wei. */
	coin: bigint;
	/** Seconds since the epoch. */
	time: number;
	transaction: Hex;
	block: number;
	index: number;
	/** Model that was paid, reward key that was claimed, checkpoint. */
	about?: number;
	/** Of a payment: its number on the chain. */
	batch?: number;
	other?: Address;
}

const events = new Map<Hex, AbiEvent>();
const topic = (abi: Abi, name: string): Hex => {
	const hash = encodeEventTopics({ abi, eventName: name })[0] as Hex;
	events.set(hash, abi.find((item) => item.type === 'event' && item.name === name) as AbiEvent);
	return hash;
};
const core = (name: string) => topic(settlementAbi as Abi, name);

/** First indexed argument is the account. */
const byFirst = ['Deposited', 'Withdrawn', 'Moved', 'Settled'].map(core);
/** Second indexed argument is the account. */
const bySecond = ['Moved', 'Claimed', 'RefutationPaid', 'BondReleased', 'Penalised'].map(core);
const byThird = ['CheckpointPosted', 'Penalised'].map(core);

/** Everything that happened to an account's money, the newest first. @param bond wei that posting took, by checkpoint */
export async function readAccount(
	{ request, chain }: Pick<Network, 'request' | 'chain'>,
	account: Address,
	bond: (checkpoint: number) => bigint
): Promise<Entry[]> {
	const head = await readBlock(request, 'latest');
	if (!head) throw unreachable();
	const addresses = [chain.addresses.settlement.toLowerCase() as Hex];
	const who = pad(account.toLowerCase() as Hex);
	const queries = [
		[byFirst, who],
		[bySecond, null, who],
		[byThird, null, null, who]
	];
	const entries = new Map<string, Entry>();
	for (const topics of queries)
		for await (const { logs } of readLogs(request, {
			addresses,
			topics,
			from: chain.fromBlock,
			to: head.number
		}))
			for (const log of logs) {
				const entry = readEntry(log, account, bond);
				if (entry) entries.set(`${log.block} ${log.index}`, entry);
			}
	return [...entries.values()].sort((a, b) => b.block - a.block || b.index - a.index);
}

function readEntry(log: Log, account: Address, bond: (id: number) => bigint): Entry | undefined {
	const event = events.get(log.topics[0] as Hex);
	if (!event) return undefined;
	const { args } = decodeEventLog({ abi: [event], topics: log.topics as [Hex, ...Hex[]], data: log.data });
	const { amount = 0n, ...rest } = args as unknown as Record<string, never> & { amount?: bigint };
	const mine = (address: unknown) => (address as string | undefined)?.toLowerCase() === account.toLowerCase();
	const base = { time: log.time, transaction: log.transaction, block: log.block, index: log.index, coin: 0n };
	switch (event.name) {
		case 'Deposited':
			return { ...base, kind: 'deposit', amount };
		case 'Withdrawn':
			return { ...base, kind: 'withdrawal', amount: -amount, other: rest.to };
		case 'Settled':
			return {
				...base,
				kind: 'payment',
				amount: -amount,
				about: Number(rest.model),
				batch: Number(rest.id)
			};
		case 'Moved': {
			if (mine(rest.from) && mine(rest.to)) return undefined;
			return mine(rest.from)
				? { ...base, kind: 'sent', amount: -amount, other: rest.to }
				: { ...base, kind: 'received', amount, other: rest.from };
		}
		case 'Claimed':
			return { ...base, kind: 'reward', amount: 0n, coin: amount, about: Number(rest.key) };
		case 'CheckpointPosted':
			return { ...base, kind: 'bond', amount: -bond(Number(rest.id)), about: Number(rest.id) };
		case 'BondReleased':
		case 'RefutationPaid':
			return { ...base, kind: 'bond back', amount, about: Number(rest.id) };
		case 'Penalised':
			return mine(rest.payer)
				? { ...base, kind: 'penalty', amount: -amount, about: Number(rest.batch) }
				: undefined;
	}
	return undefined;
}
