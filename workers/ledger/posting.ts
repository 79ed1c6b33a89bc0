import { bytesToHex, type Hex } from 'viem';
import { splitBatch } from '../../contracts/client/split.ts';
import type { Book, Checkpoint, Stretch } from './book.ts';
import { decodeLeaves } from '../../contracts/client/leaves.ts';
import type { TimedBatch } from './sync.ts';

/** Most batches in one checkpoint (Settlement.MAX_ROOTS). */
const MAX_ROOTS = 4096;

/** What somebody could post now: the arguments of Settlement.post. */
export interface Posting {
	parent: number;
	posterId: number;
	first: number;
	last: number;
	batches: Hex[];
	roots: Hex[];
	/** What the poster's share of these batches comes to. Wei. */
	reward: bigint;
	/** Whether `last` is the newest batch, so that `mark` can be called with it. */
	newest: boolean;
}

/** The checkpoint to go on from: of those that are right and stand on the final one, the one that reaches farthest. */
export function tip(book: Book): { id: number; last: number } {
	const { state } = book;
	let best = { id: state.finalised, last: state.checkpoints.get(state.finalised)?.last ?? 0 };
	for (const { id, last, verdict, refuted } of state.checkpoints.values())
		if (id > state.finalised && verdict === 'right' && !refuted && last > best.last) best = { id, last };
	return best;
}

/** How many batches wait for a root, and what posting them pays. Cheap; `preparePosting` does the work. */
export function waiting(book: Book): { first: number; last: number; reward: bigint } {
	const { last } = tip(book);
	let reward = 0n;
	for (const stretch of book.state.stretches) if (stretch.first > last) reward += stretch.posterPart;
	return { first: last + 1, last: book.state.batches, reward };
}

/** What one batch earns whom, with `posterId` paid for the root. */
export function rewardsOf(book: Book, batch: TimedBatch, posterId: number): Map<number, bigint> {
	const { params } = book.rulesOf(batch.id);
	const { base, sources } = book.lineage(batch.model);
	const { model, host, amount, leaves } = batch;
	const weights = leaves.length > 0 ? decodeLeaves(leaves) : undefined;
	return splitBatch({ shares: params, sources, model, base, host, poster: posterId, amount, weights });
}

/** Batch `id`'s hash, kept in its stretch. */
export function hashOf(stretches: readonly Stretch[], id: number): Hex {
	const stretch = stretches.find(({ first, last }) => first <= id && id <= last);
	if (!stretch) throw new Error(`batch ${id} lies in no stretch`);
	const at = 32 * (id - stretch.first);
	return bytesToHex(stretch.hashes.subarray(at, at + 32));
}

/**
 * The roots after each batch that waits, or after as many as one checkpoint takes.
 * @param batches those after the tip, in order (sync.ts, `readBatches`)
 * @param step called between batches; may throw to stop
 */
export async function preparePosting(
	book: Book,
	batches: readonly TimedBatch[],
	posterId: number,
	step: (done: number) => Promise<void> | undefined
): Promise<Posting | undefined> {
	const parent = tip(book);
	const some = batches.slice(0, MAX_ROOTS);
	const end = some.at(-1);
	if (!end) return undefined;
	const roots: Hex[] = [];
	let reward = 0n;
	await book.withTreeAt(parent.id, async (tree) => {
		const added: Map<number, bigint>[] = [];
		try {
			for (const batch of some) {
				const rewards = rewardsOf(book, batch, posterId);
				tree.add(rewards);
				added.push(rewards);
				roots.push(tree.root());
				reward += (batch.amount * BigInt(book.rulesOf(batch.id).params.poster)) / 10_000n;
				await step(roots.length);
			}
		} finally {
			for (const rewards of added) tree.add([...rewards].map(([key, wei]) => [key, -wei] as const));
		}
	});
	const hashes = some.map(({ id }) => hashOf(book.state.stretches, id));
	const { id: last } = end;
	const newest = last === book.state.batches;
	return {
		parent: parent.id,
		posterId,
		first: parent.last + 1,
		last,
		batches: hashes,
		roots,
		reward,
		newest
	};
}

/** Checkpoints that can be made final now: their window is over and they continue the final one. */
export function ripe(book: Book, now: number): Checkpoint[] {
	const { state } = book;
	return [...state.checkpoints.values()].filter(
		({ parent, refuted, deadline, id }) =>
			id > state.finalised && parent === state.finalised && !refuted && deadline <= now
	);
}
