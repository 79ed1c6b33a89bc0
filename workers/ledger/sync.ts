import { decodeFunctionResult, encodeFunctionData, type Address, type Hex } from 'viem';
import { settlementAbi } from '../../contracts-abi/abi/Settlement.ts';
import type { Addresses } from '../../contracts/deploy/plan.ts';
import { Book, inconsistent, type Stretch } from './book.ts';
import {
	checkpointTopics,
	ledgerTopics,
	readEvent,
	readSettled,
	settledTopic,
	type Settled
} from './events.ts';
import { readLogs } from './logs.ts';
import { loadKeccak } from './running-hash.ts';
import { nonsense, readBlock, RpcError, unreachable, type Head, type RpcRequest } from './rpc.ts';

/** A chain whose books are kept, and where its contracts stand. */
export interface LedgerChain {
	id: number;
	addresses: Addresses;
	/** The block of the deployment: nothing lies before it. */
	fromBlock: number;
	/** Blocks that must follow before a block is taken for settled. 0 where nothing is ever reorganised. */
	depth: number;
}

export interface SyncProgress {
	/** Blocks read, of those there are to read. */
	done: number;
	total: number;
	batches: number;
}

export interface Reading {
	request: RpcRequest;
	chain: LedgerChain;
	signal: AbortSignal;
	onProgress?: (progress: SyncProgress) => void;
	/** Lets other messages in. */
	breathe?: () => Promise<void> | undefined;
}

const lower = (address: Address) => address.toLowerCase() as Hex;

/** Reads everything up to block `to` into the books. */
export async function advance(book: Book, to: Head, reading: Reading): Promise<void> {
	const { request, chain, signal, onProgress, breathe } = reading;
	const { settlement, models, rules, datanets } = chain.addresses;
	const from = Math.max(book.state.block + 1, chain.fromBlock);
	// Where checkpoints end is asked first: a stretch must end there too, and checkpoints are posted later than settled.
	const posted = {
		addresses: [lower(settlement)],
		topics: [checkpointTopics.slice(0, 1)],
		from,
		to: to.number,
		signal
	};
	for await (const { logs } of readLogs(request, posted))
		for (const log of logs) {
			const event = readEvent(log);
			if (event?.name !== 'CheckpointPosted') continue;
			if (event.last > book.state.batches) book.cuts.add(event.last);
			else await cutAt(book, event.last, reading);
		}
	const addresses = [settlement, models, rules, datanets].map(lower);
	for await (const page of readLogs(request, {
		addresses,
		topics: [ledgerTopics],
		from,
		to: to.number,
		signal
	})) {
		for (const log of page.logs) book.apply(log);
		await breathe?.();
		signal.throwIfAborted();
		onProgress?.({ done: page.to - from + 1, total: to.number - from + 1, batches: book.state.batches });
	}
	book.close();
	book.state.block = to.number;
	book.state.blockHash = to.hash;
}

/** Splits the stretch across batch `last`, from its logs: somebody posted a checkpoint that ends there. */
async function cutAt(book: Book, last: number, reading: Reading): Promise<void> {
	const at = book.state.stretches.findIndex((stretch) => stretch.first <= last && last < stretch.last);
	const stretch = book.state.stretches[at];
	if (!stretch) return;
	const empty = { batches: stretch.first - 1, stretches: [], checkpoints: new Map() };
	const part = new Book({ ...book.state, ...empty }, await loadKeccak());
	part.cuts.add(last);
	const query = {
		first: stretch.first,
		last: stretch.last,
		fromBlock: stretch.fromBlock,
		toBlock: stretch.toBlock
	};
	await eachBatch(query, reading, (log) => part.apply(log));
	part.close();
	book.state.stretches.splice(at, 1, ...part.state.stretches);
}

/** Calls `see` with the log of each batch from `first` to `last`, which lie between two blocks. */
async function eachBatch(
	where: { first: number; last: number; fromBlock: number; toBlock: number },
	{ request, chain, signal, breathe }: Reading,
	see: (log: Parameters<Book['apply']>[0], settled: Settled) => void
): Promise<void> {
	const addresses = [lower(chain.addresses.settlement)];
	const query = { addresses, topics: [settledTopic], from: where.fromBlock, to: where.toBlock, signal };
	let expected = where.first;
	for await (const { logs } of readLogs(request, query)) {
		for (const log of logs) {
			const settled = readSettled(log);
			if (settled.id < where.first || settled.id > where.last) continue;
			if (settled.id !== expected++) throw inconsistent(`settlement ${expected - 1} is missing`);
			see(log, settled);
		}
		await breathe?.();
	}
	if (expected !== where.last + 1) throw inconsistent(`settlement ${expected} is missing`);
}

/** A settlement with the time of its block. */
export interface TimedBatch extends Settled {
	time: number;
}

/** The batches from `first` to `last`, read again from the chain: the books keep only sums. */
export async function readBatches(
	book: Book,
	first: number,
	last: number,
	reading: Reading
): Promise<TimedBatch[]> {
	const within = book.state.stretches.filter(
		(stretch: Stretch) => stretch.first <= last && stretch.last >= first
	);
	const [start, end] = [within.at(0), within.at(-1)];
	if (!start || !end) return [];
	return await readBetween({ first, last, fromBlock: start.fromBlock, toBlock: end.toBlock }, reading);
}

/** The batches from `first` to `last`, which lie between two blocks. */
export async function readBetween(
	where: { first: number; last: number; fromBlock: number; toBlock: number },
	reading: Reading
): Promise<TimedBatch[]> {
	const batches: TimedBatch[] = [];
	await eachBatch(where, reading, ({ time }, settled) => void batches.push({ ...settled, time }));
	return batches;
}

/** A view function of the core as it stands at a block. */
export async function readCore<T>(
	request: RpcRequest,
	to: Address,
	functionName: 'chain' | 'progress' | 'marks' | 'replays' | 'finalRoot',
	args: readonly unknown[],
	block: number | 'latest'
): Promise<T> {
	const data = encodeFunctionData({ abi: settlementAbi, functionName, args } as Parameters<
		typeof encodeFunctionData
	>[0]);
	const tag = typeof block === 'number' ? `0x${block.toString(16)}` : block;
	const answer = await request({ method: 'eth_call', params: [{ to, data }, tag] });
	try {
		return decodeFunctionResult({ abi: settlementAbi, functionName, data: answer as Hex } as Parameters<
			typeof decodeFunctionResult
		>[0]) as T;
	} catch {
		throw nonsense(`no ${functionName} where the contract should be`);
	}
}

/** The newest block, and the newest one that is deep enough to be taken for settled. */
export async function readHeads({ request, chain }: Reading): Promise<{ head: Head; safe: Head }> {
	const head = await readBlock(request, 'latest');
	if (!head) throw unreachable();
	const safe = chain.depth === 0 ? head : await readBlock(request, Math.max(head.number - chain.depth, 0));
	if (!safe) throw inconsistent('an old block is gone');
	return { head, safe };
}

/**
 * Compares the books with the core at their last block: the running hash covers every batch, its rules, its time and its
 * leaves, so nothing can have been left out or changed on the way.
 */
export async function agrees(book: Book, reading: Reading): Promise<boolean> {
	try {
		return await compare(book, reading);
	} catch (error) {
		// Nodes without old states refuse to say how a block was that is not the newest any more.
		if (error instanceof RpcError) return false;
		throw error;
	}
}

async function compare(book: Book, { request, chain }: Reading): Promise<boolean> {
	const { settlement } = chain.addresses;
	const { block, blockHash, batches, finalised } = book.state;
	const running = await readCore<Hex>(request, settlement, 'chain', [], block);
	const [settled, , final] = await readCore<readonly bigint[]>(request, settlement, 'progress', [], block);
	const now = await readBlock(request, block);
	return (
		now?.hash === blockHash &&
		running === book.chainHash &&
		settled === BigInt(batches) &&
		final === BigInt(finalised)
	);
}
