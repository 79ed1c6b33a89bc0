import { OpenLedgerError } from '../errors.ts';
import { nonsense, readBlock, readQuantity, RpcError, type RpcRequest } from './rpc.ts';

type Hex = `0x${string}`;

/** One event as a node reports it. */
export interface Log {
	/** Lower case. */
	address: Hex;
	topics: Hex[];
	data: Hex;
	block: number;
	/** Of its block, seconds since the epoch. */
	time: number;
	transaction: Hex;
	index: number;
}

export interface LogQuery {
	addresses: readonly Hex[];
	/** By position, as eth_getLogs takes them; null is any. */
	topics?: readonly (Hex | readonly Hex[] | null)[];
	/** First and last block. */
	from: number;
	to: number;
	signal?: AbortSignal;
}

export interface LogPage {
	logs: Log[];
	/** All logs up to this block have been seen. */
	to: number;
}

/** Logs a page aims at: some megabytes where each carries a thousand leaves. */
const PAGE_LOGS = 250;
/** Bytes of a page beyond which fewer blocks are asked for; one block is taken as it is. */
const PAGE_BYTES = 4 * 2 ** 20;
/** Few blocks at first, and never many more than before: nobody says how much the next ones hold. */
const FIRST_SPAN = 16;
const LARGEST_SPAN = 2_000;

/**
 * All logs of a query in the chain's order, a page at a time; while one page is worked on the next is under way. The
 * span of blocks follows how many logs came and what the node refuses. Whatever a node could make up is checked.
 */
export async function* readLogs(request: RpcRequest, query: LogQuery): AsyncGenerator<LogPage> {
	let span = FIRST_SPAN;
	const fetchPage = async (from: number): Promise<LogPage> => {
		for (;;) {
			query.signal?.throwIfAborted();
			const to = Math.min(from + span - 1, query.to);
			try {
				const logs = await getLogs(request, query, from, to);
				const fitting = Math.round((span * PAGE_LOGS) / Math.max(logs.length, 1));
				span = Math.max(1, Math.min(fitting, span * 2, LARGEST_SPAN));
				return { logs, to };
			} catch (error) {
				// Nodes word their limits differently; a smaller span is the answer to all of them.
				if (!(error instanceof RpcError) || to === from) throw error;
				span = Math.max(1, Math.floor((to - from + 1) / 2));
			}
		}
	};
	if (query.from > query.to) return;
	let next: Promise<LogPage> | undefined = fetchPage(query.from);
	while (next) {
		const page: LogPage = await next;
		next = page.to < query.to ? fetchPage(page.to + 1) : undefined;
		next?.catch(() => undefined);
		yield page;
	}
}

async function getLogs(request: RpcRequest, query: LogQuery, from: number, to: number): Promise<Log[]> {
	const filter = {
		address: query.addresses,
		topics: query.topics ?? [],
		fromBlock: `0x${from.toString(16)}`,
		toBlock: `0x${to.toString(16)}`
	};
	const most = to > from ? PAGE_BYTES : undefined;
	const answer = await request({ method: 'eth_getLogs', params: [filter], most });
	if (!Array.isArray(answer)) throw nonsense('logs that are no list');
	const known = new Set(query.addresses.map((address) => address.toLowerCase()));
	const logs: Log[] = [];
	const untimed = new Set<number>();
	let before = -1;
	for (const entry of answer as Record<string, unknown>[]) {
		const log = readLog(entry);
		const place = log.block * 2 ** 20 + log.index;
		if (log.block < from || log.block > to || !known.has(log.address))
			throw nonsense('a log that nobody asked for');
		if (place <= before) throw nonsense('logs out of order');
		before = place;
		if (Number.isNaN(log.time)) untimed.add(log.block);
		logs.push(log);
	}
	if (untimed.size > 0) await addTimes(request, logs, [...untimed]);
	return logs;
}

function readLog(entry: Record<string, unknown>): Log {
	const { address, topics, data, blockTimestamp, transactionHash } = entry;
	if (typeof address !== 'string' || typeof data !== 'string' || typeof transactionHash !== 'string')
		throw nonsense('a log without its parts');
	if (!Array.isArray(topics) || topics.some((topic) => typeof topic !== 'string' || topic.length !== 66))
		throw nonsense('a log with malformed topics');
	if (entry.removed === true) throw nonsense('a log of a block that is gone');
	return {
		address: address.toLowerCase() as Hex,
		topics: topics as Hex[],
		data: data as Hex,
		block: readQuantity(entry.blockNumber, 'a log without a block'),
		time:
			blockTimestamp === undefined || blockTimestamp === null
				? Number.NaN
				: readQuantity(blockTimestamp, 'a log without a time'),
		transaction: transactionHash as Hex,
		index: readQuantity(entry.logIndex, 'a log without an index')
	};
}

/** Nodes that do not put the block's time into a log are asked for the block, sixteen at once. */
async function addTimes(request: RpcRequest, logs: Log[], blocks: number[]): Promise<void> {
	const times = new Map<number, number>();
	for (let i = 0; i < blocks.length; i += 16) {
		const some = blocks.slice(i, i + 16);
		const found = await Promise.all(some.map((block) => readBlock(request, block)));
		some.forEach((block, j) => {
			const time = found[j]?.time;
			if (time === undefined) throw nonsense('a log in a block that does not exist');
			times.set(block, time);
		});
	}
	for (const log of logs) if (Number.isNaN(log.time)) log.time = times.get(log.block) ?? Number.NaN;
}

/** True for an error that another try from the beginning may cure: the chain moved while it was read. */
export function isInconsistent(error: unknown): boolean {
	return error instanceof OpenLedgerError && error.code === 'ledger/inconsistent';
}
