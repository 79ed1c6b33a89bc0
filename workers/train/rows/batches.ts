import type { Hyperparameters } from '../hyperparameters.ts';
import { shuffled } from './random.ts';

/** What one run of the training graph computes: sequences of equal width, each of one sample or of several. */
export interface MicroBatch {
	/** Tokens of a sequence, padding included. */
	width: number;
	/** Numbers of the samples in each sequence, in their order. */
	sequences: number[][];
}

type Packing = Pick<Hyperparameters, 'batchTokens' | 'packing'>;

/** Sequences that several samples share are at least this wide, so that most of them are full. */
const PACKED_WIDTH = 128;

/**
 * One epoch: every sample once, in micro-batches of at most `batchTokens` tokens (a longer sample alone is one). Samples of
 * like length come together, or share sequences: both leave little padding. Which go together and in which order
 * the batches come is drawn anew for every epoch.
 *
 * @param lengths tokens of each sample
 */
export function epochBatches(
	lengths: readonly number[],
	{ batchTokens, packing }: Packing,
	seed: number,
	epoch: number
): MicroBatch[] {
	const lengthOf = (sample: number) => lengths[sample] as number;
	const order = shuffled(lengths.length, seed, 'order', epoch);
	// Stable: samples of equal length stay in random order.
	const byLength = [...order].sort((a, b) => lengthOf(b) - lengthOf(a));
	const sequences = packing ? pack(order, lengthOf, batchTokens) : byLength.map((sample) => [sample]);
	const widthOf = (sequence: readonly number[]) =>
		sequence.reduce((sum, sample) => sum + lengthOf(sample), 0);

	const batches: MicroBatch[] = [];
	let open: MicroBatch | undefined;
	for (const sequence of sequences.sort((a, b) => widthOf(b) - widthOf(a))) {
		if (!open || open.width * (open.sequences.length + 1) > batchTokens) {
			open = { width: widthOf(sequence), sequences: [] };
			batches.push(open);
		}
		open.sequences.push(sequence);
	}
	return shuffled(batches.length, seed, 'batches', epoch).map((i) => batches[i] as MicroBatch);
}

/** First fit, in random order: a sample goes into the first sequence that has room for it. */
function pack(
	order: readonly number[],
	lengthOf: (sample: number) => number,
	batchTokens: number
): number[][] {
	const longest = Math.max(0, ...order.map(lengthOf));
	const width = Math.max(longest, Math.min(PACKED_WIDTH, batchTokens));
	const open: { sequence: number[]; room: number }[] = [];
	const full: number[][] = [];
	const least = Math.min(...order.map(lengthOf));
	for (const sample of order) {
		const length = lengthOf(sample);
		let target = open.find(({ room }) => room >= length);
		if (!target) open.push((target = { sequence: [], room: width }));
		target.sequence.push(sample);
		target.room -= length;
		if (target.room < least) {
			open.splice(open.indexOf(target), 1);
			full.push(target.sequence);
		}
	}
	return [...full, ...open.map(({ sequence }) => sequence)];
}

/** Tokens that a batch makes the device compute, padding included. */
export function paddedTokens({ width, sequences }: MicroBatch): number {
	return width * sequences.length;
}
