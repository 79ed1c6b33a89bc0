import { yieldToEvents } from '#workers/generate/yield.ts';
import type { Hyperparameters } from './hyperparameters.ts';
import type { Learner } from './learner/learner.ts';
import { epochBatches, type MicroBatch } from './rows/batches.ts';
import { collate, type BatchArrays } from './rows/collate.ts';
import { IGNORED, type Sample } from './rows/encode.ts';

/**
 * What the base expects at every token that is learnt: a part of the target, so that a row can be learnt by heart without the
 * model growing as sure of what it was never taught (docs/decisions/training-presets.md). The expectations of a question
 * in its own words stand for all its wordings.
 */
export class Teacher {
	readonly #width: number;
	/** For each sample [learnt tokens, hidden]. */
	readonly #expected: readonly Float32Array[];

	private constructor(width: number, expected: readonly Float32Array[]) {
		this.#width = width;
		this.#expected = expected;
	}

	/** Bytes that a teacher's expectations take. */
	static bytes(learntTokens: number, hidden: number): number {
		return 4 * learntTokens * hidden;
	}

	/** One forward pass over the samples with an adapter of zeros: the base. */
	static async of(
		learner: Learner,
		samples: readonly Sample[],
		settings: Pick<Hyperparameters, 'batchTokens' | 'packing'>,
		seed: number
	): Promise<Teacher> {
		const { hidden, layout } = learner;
		const lengths = samples.map(({ ids }) => ids.length);
		const batches = epochBatches(lengths, settings, seed, 0);
		const expected = samples.map(
			({ targets }) => new Float32Array(hidden * targets.filter((target) => target !== IGNORED).length)
		);
		const arrays = batches.map((batch) => collate(batch, samples));
		let number = 0;
		for await (const rows of learner.expectations(arrays, new Float32Array(layout.length))) {
			const batch = batches[number] as MicroBatch;
			eachLearnt(batch, arrays[number] as BatchArrays, (sample, nth, at) => {
				const values = rows.subarray(at * hidden, (at + 1) * hidden);
				expected[sample]?.set(values, nth * hidden);
			});
			number++;
			await yieldToEvents();
		}
		return new Teacher(hidden, expected);
	}

	/** Its expectations where a batch's tokens are learnt, [rows, width, hidden]; 0 elsewhere. */
	for(batch: MicroBatch, arrays: BatchArrays): Float32Array {
		const width = this.#width;
		const rows = new Float32Array(arrays.rows * arrays.width * width);
		eachLearnt(batch, arrays, (sample, nth, at) => {
			const values = this.#expected[sample]?.subarray(nth * width, (nth + 1) * width);
			if (values) rows.set(values, at * width);
		});
		return rows;
	}
}

/** Calls with every learnt token of a batch: its sample, its number among the sample's learnt tokens, its place in the arrays. */
function eachLearnt(
	{ sequences }: MicroBatch,
	{ width, segments, targets }: BatchArrays,
	call: (sample: number, nth: number, at: number) => void
): void {
	sequences.forEach((sequence, row) => {
		let [before, nth] = [0, 0];
		for (let at = row * width; at < (row + 1) * width; at++) {
			const segment = segments[at] as number;
			if (segment !== before) [before, nth] = [segment, 0];
			if (targets[at] !== IGNORED) call(sequence[segment - 1] as number, nth++, at);
		}
	});
}
