import type { OrtTensor } from '#workers/runtime/ort-tensor.ts';
import type { Ort } from '#workers/runtime/ort.ts';
import type { BatchArrays } from '../rows/collate.ts';
import { fillUniform } from '../rows/random.ts';

/** A batch as a loss graph's inputs, in the wasm heap. The caller disposes of them. */
export function batchFeeds(
	ort: Ort,
	{ rows, width, ids, positions, segments, targets }: BatchArrays
): Map<string, OrtTensor> {
	const dims = [rows, width];
	const weights = new Float32Array(rows * width).fill(1);
	return new Map([
		['input_ids', ort.tensor('int32', ids, dims)],
		['position_ids', ort.tensor('int32', positions, dims)],
		['segment_ids', ort.tensor('int32', segments, dims)],
		['labels', ort.tensor('int32', targets, dims)],
		['weights', ort.tensor('float32', weights, dims)],
		['row_shape', ort.tensor('int64', BigInt64Array.of(BigInt(rows), BigInt(width), -1n), [3])]
	]);
}

/** A teacher's expectations [rows, width, hidden], and the share of each label that gives way to them. */
export function teacherFeeds(
	ort: Ort,
	{ rows, width }: BatchArrays,
	expected: Float32Array,
	share: number
): [string, OrtTensor][] {
	const dims = [rows, width, expected.length / (rows * width)];
	return [
		['teacher', ort.tensor('float32', expected, dims)],
		['teacher_share', ort.tensor('float32', Float32Array.of(share), [])]
	];
}

/** [rows, width, `columns`]: 0 with probability `share`, else what keeps the mean. */
export function dropoutMask(
	ort: Ort,
	{ rows, width }: BatchArrays,
	columns: number,
	share: number,
	seed: number
): OrtTensor {
	const mask = ort.allocate('float32', [rows, width, columns]);
	const values = mask.floats();
	fillUniform(values, seed);
	const kept = 1 / (1 - share);
	for (let i = 0; i < values.length; i++) values[i] = (values[i] as number) < share ? 0 : kept;
	return mask;
}
