import type { MicroBatch } from './batches.ts';
import { IGNORED, type Sample } from './encode.ts';

/** A micro-batch as the graph takes it: every array is [rows, width], row-major. */
export interface BatchArrays {
	rows: number;
	width: number;
	/** Token ids; 0 where there is padding. */
	ids: Int32Array<ArrayBuffer>;
	/** The token that follows, or `IGNORED`. */
	targets: Int32Array<ArrayBuffer>;
	/** Place of each token in its own sample, from 0. */
	positions: Int32Array<ArrayBuffer>;
	/** Which sample of the row a token belongs to, from 1; 0 for padding. Samples do not see each other. */
	segments: Int32Array<ArrayBuffer>;
	/** Targets that are learnt. */
	learnt: number;
}

/** @param wording picks among a sample's variants: 0 for the sample itself */
export function collate(
	{ width, sequences }: MicroBatch,
	samples: readonly Sample[],
	wording: (sample: number, variants: number) => number = () => 0
): BatchArrays {
	const rows = sequences.length;
	const array = () => new Int32Array(rows * width);
	const [ids, positions, segments] = [array(), array(), array()];
	const targets = array().fill(IGNORED);
	let learnt = 0;
	sequences.forEach((sequence, row) => {
		let at = row * width;
		sequence.forEach((number, i) => {
			const given = samples[number] as Sample;
			const variants = given.variants ?? [];
			const choice = variants.length > 0 ? wording(number, variants.length) : 0;
			const sample = choice > 0 ? (variants[choice - 1] as Sample) : given;
			ids.set(sample.ids, at);
			targets.set(sample.targets, at);
			for (let j = 0; j < sample.ids.length; j++) {
				positions[at + j] = j;
				segments[at + j] = i + 1;
				if (sample.targets[j] !== IGNORED) learnt++;
			}
			at += sample.ids.length;
		});
		if (at > (row + 1) * width) throw new RangeError(`row ${row} is wider than ${width} tokens`);
	});
	return { rows, width, ids, targets, positions, segments, learnt };
}
