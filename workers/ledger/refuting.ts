import { bytesToHex, encodeAbiParameters, keccak256, zeroHash, type Address, type Hex } from 'viem';
import type { Batch } from '../../contracts/client/batch.ts';
import type { RewardTree } from '../../contracts/client/tree.ts';
import type { Book, Checkpoint } from './book.ts';
import { hashOf, rewardsOf } from './posting.ts';
import { chainBatch, placeOf, type Place } from './proving.ts';
import type { TimedBatch } from './sync.ts';

/** Keys that one call of `replay` takes: some three million gas (docs/settlement.md, C3). */
const KEYS_A_CALL = 500;

/** One step of a checkpoint, as the core wants it shown (Checkpoints.sol, Step). */
interface Step {
	place: Place;
	batch: Batch;
	leaves: Hex;
}

/** The calls of the core that void a wrong checkpoint, in order. All but the last only advance a replay. */
export interface Refutation {
	checkpoint: number;
	/** Which of its steps is wrong, from 0. */
	index: number;
	batch: number;
	/** The one key that got something else, where that could be told from the root alone; else the step is replayed. */
	key?: number;
	/** Posted less earned, in wei, for that key. */
	difference?: bigint;
	calls: { functionName: 'refute' | 'replay'; args: readonly unknown[] }[];
}

/** For `replay` the commitment names this key. */
const ANY_KEY = 2 ** 32 - 1;

/** What a watcher commits to ten minutes before refuting, so that nobody can take the reward by copying (C5). */
export function commitment(watcher: Address, { checkpoint, index, key }: Refutation, salt: Hex): Hex {
	return keccak256(
		encodeAbiParameters(
			[
				{ type: 'address' },
				{ type: 'uint256' },
				{ type: 'uint256' },
				{ type: 'uint32' },
				{ type: 'bytes32' }
			],
			[watcher, BigInt(checkpoint), BigInt(index), key ?? ANY_KEY, salt]
		)
	);
}

/**
 * Finds a step whose root before is right and whose root after is wrong, by halving, and what refutes it. The checkpoint
 * must be wrong and its parent right.
 * @param batches all batches of the checkpoint, in order
 * @param touched asks the chain's own splitter for the keys that a batch touches, ascending
 * @param replayed keys of that step which somebody has replayed before
 */
export async function refutationOf(
	book: Book,
	checkpoint: Checkpoint,
	batches: readonly TimedBatch[],
	ask: {
		touched: (batch: Batch, posterId: number, leaves: Hex) => Promise<readonly number[]>;
		replayed: (checkpoint: number, index: number) => Promise<number>;
	},
	salt: Hex = zeroHash
): Promise<Refutation> {
	const { id, parent, posterId, roots } = checkpoint;
	const rewards = batches.map((batch) => rewardsOf(book, batch, posterId));
	return await book.withTreeAt(parent, async (tree) => {
		const before = tree.root();
		const move = (from: number, to: number, sign: 1n | -1n) => {
			for (const earned of rewards.slice(from, to))
				tree.add([...earned].map(([key, wei]) => [key, sign * wei] as const));
		};
		// The tree stands after `low` batches, where the posted root is right; after `high` it is wrong.
		let low = 0;
		let high = roots.length;
		while (high - low > 1) {
			const middle = (low + high) >> 1;
			move(low, middle, 1n);
			if (tree.root() === roots[middle - 1]) low = middle;
			else {
				move(low, middle, -1n);
				high = middle;
			}
		}
		try {
			const [batch, earned, later] = [batches[low], rewards[low], roots[low]];
			if (!batch || !earned || !later) throw new Error(`checkpoint ${id} has no step ${low}`);
			const hashes = batches.map((one) => hashOf(book.state.stretches, one.id));
			const place = placeOf(id, before, roots, hashes, low);
			const leaves = bytesToHex(batch.leaves);
			const step: Step = { place, batch: chainBatch(book, batch), leaves };
			const keys = await ask.touched(step.batch, posterId, leaves);
			const found: Omit<Refutation, 'calls'> = { checkpoint: id, index: low, batch: batch.id };
			const lie = guessLie(tree, earned, keys, later);
			if (lie) {
				const args = [step, lie.key, lie.before, lie.proofBefore, lie.after, lie.proofAfter, salt];
				const { key, difference } = lie;
				return { ...found, key, difference, calls: [{ functionName: 'refute' as const, args }] };
			}
			const done = await ask.replayed(id, low);
			return { ...found, calls: replays(tree, step, earned, keys, done, salt) };
		} finally {
			move(0, low, -1n);
		}
	});
}

/**
 * Tries the lies that a root shows by itself: one of the touched keys got a wei more or less, nothing, or twice its due.
 * Refuting one key costs a tenth of a replay. The tree stands before the step and is left so.
 */
function guessLie(tree: RewardTree, earned: Map<number, bigint>, keys: readonly number[], later: Hex) {
	const before = new Map(keys.map((key) => [key, tree.get(key)] as const));
	tree.add(earned);
	tree.root();
	let lie: { key: number; difference: bigint; after: bigint; proofAfter: Hex } | undefined;
	for (const key of keys) {
		const due = earned.get(key) ?? 0n;
		const right = tree.get(key);
		for (const difference of new Set([1n, -1n, -due, due])) {
			const after = right + difference;
			if (difference === 0n || after < 0n || tree.rootWith(key, after) !== later) continue;
			lie = { key, difference, after, proofAfter: tree.proof(key) };
			break;
		}
		if (lie) break;
	}
	tree.add([...earned].map(([key, wei]) => [key, -wei] as const));
	return lie && { ...lie, before: before.get(lie.key) ?? 0n, proofBefore: tree.proof(lie.key) };
}

/** The calls that recompute the whole step from keys[done] on. The tree stands before the step and is left so. */
function replays(
	tree: RewardTree,
	step: Step,
	earned: Map<number, bigint>,
	keys: readonly number[],
	done: number,
	salt: Hex
): Refutation['calls'] {
	const part = (from: number, to: number, sign: bigint) =>
		keys.slice(from, to).map((key) => [key, sign * (earned.get(key) ?? 0n)] as const);
	tree.add(part(0, done, 1n));
	const calls: Refutation['calls'] = [];
	for (let from = done; from < keys.length || calls.length === 0; from += KEYS_A_CALL) {
		const to = Math.min(from + KEYS_A_CALL, keys.length);
		const witness = from < keys.length ? tree.witness(keys.slice(from, to)) : [];
		calls.push({ functionName: 'replay', args: [step, BigInt(to), witness, salt] });
		tree.add(part(from, to, 1n));
	}
	tree.add(part(0, keys.length, -1n));
	return calls;
}
