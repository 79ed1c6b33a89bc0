import { keccak_256 } from '@noble/hashes/sha3.js';
import { bytesToHex, zeroHash, type Hex } from 'viem';
import type { Batch } from '../../contracts/client/batch.ts';
import { transitionPath } from '../../contracts/client/tree.ts';
import { inconsistent, type Book, type Checkpoint, type Stretch } from './book.ts';
import { checkpointTopics, readEvent } from './events.ts';
import { readLogs } from './logs.ts';
import { hashOf } from './posting.ts';
import { readBetween, type Reading, type TimedBatch } from './sync.ts';

/** Where a batch stands in a checkpoint (contracts/src/Types.sol, struct Place). */
export interface Place {
	checkpoint: bigint;
	index: bigint;
	before: Hex;
	later: Hex;
	path: Hex[];
}

/** A batch as the chain hashes it, with what proves its number to any contract (B5). */
export interface BatchProof {
	place: Place;
	batch: Batch;
}

/**
 * Proves a batch by a checkpoint that holds it, final or not.
 * @param stretches all that the checkpoint reaches over, in order
 */
export async function proveBatch(
	book: Book,
	checkpoint: Checkpoint,
	stretches: readonly Stretch[],
	id: number,
	reading: Reading
): Promise<BatchProof> {
	const { first, last, parent } = checkpoint;
	const stretch = stretches.find((each) => each.first <= id && id <= each.last);
	// Of a final one the books keep only the last root.
	const roots = checkpoint.roots.length > 0 ? checkpoint.roots : await readRoots(checkpoint, reading);
	const [settled] = stretch ? await readBetween({ ...stretch, first: id, last: id }, reading) : [];
	if (!settled) throw inconsistent(`settlement ${id} is missing`);
	const hashes = Array.from({ length: last - first + 1 }, (_, i) => hashOf(stretches, first + i));
	const before = book.state.checkpoints.get(parent)?.root ?? zeroHash;
	return {
		place: placeOf(checkpoint.id, before, roots, hashes, id - first),
		batch: chainBatch(book, settled)
	};
}

/** The place of step `index` in a checkpoint. @param before the root that it goes on from */
export function placeOf(
	checkpoint: number,
	before: Hex,
	roots: readonly Hex[],
	hashes: readonly Hex[],
	index: number
): Place {
	return {
		checkpoint: BigInt(checkpoint),
		index: BigInt(index),
		before: index === 0 ? before : (roots[index - 1] ?? zeroHash),
		later: roots[index] ?? zeroHash,
		path: transitionPath(before, roots, hashes, index)
	};
}

/** The batch as the chain hashes it. */
export function chainBatch(book: Book, batch: TimedBatch): Batch {
	const { payer, time, model, host, amount, transcripts, leaves } = batch;
	const hash = leaves.length > 0 ? bytesToHex(keccak_256(leaves)) : zeroHash;
	return {
		payer,
		time,
		rules: book.rulesOf(batch.id).version,
		model,
		host,
		amount,
		transcripts,
		leaves: hash
	};
}

async function readRoots({ id, block }: Checkpoint, { request, chain, signal }: Reading): Promise<Hex[]> {
	const query = {
		addresses: [chain.addresses.settlement.toLowerCase() as Hex],
		topics: [checkpointTopics.slice(0, 1)],
		from: block,
		to: block,
		signal
	};
	for await (const { logs } of readLogs(request, query))
		for (const log of logs) {
			const event = readEvent(log);
			if (event?.name === 'CheckpointPosted' && event.id === id) return event.roots;
		}
	throw inconsistent(`checkpoint ${id} is missing`);
}
