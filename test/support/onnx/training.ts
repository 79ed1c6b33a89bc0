import type { ParameterLayout } from '#workers/onnx/train/parameters.ts';
import type { Values } from './run-decoder.ts';

/** One sequence of a batch, and how much each predicted token counts. */
export interface TrainingRow {
	/** One or, packed, several sequences of token ids. */
	sequences: readonly (readonly number[])[];
	/** Weight of the prediction of token `at` of a sequence; 0 for no label. 1 for every token but the first unless told. */
	weight?: (sequence: number, at: number) => number;
}

const int32 = (values: number[], dims: number[]): Values => ({ data: Int32Array.from(values), dims });

/** What a loss graph is fed for some rows, padded at the end to the longest or to `length`. */
export function trainingFeeds(rows: readonly TrainingRow[], length = 0): Record<string, Values> {
	const sizes = rows.map(({ sequences }) => sequences.reduce((sum, ids) => sum + ids.length, 0));
	const width = Math.max(length, ...sizes);
	const columns = { ids: [] as number[], positions: [] as number[], segments: [] as number[] };
	const labels: number[] = [];
	const weights: number[] = [];
	for (const { sequences, weight = () => 1 } of rows) {
		const start = columns.ids.length;
		sequences.forEach((ids, sequence) =>
			ids.forEach((id, at) => {
				columns.ids.push(id);
				columns.positions.push(at);
				columns.segments.push(sequence + 1);
				const next = at + 1 < ids.length ? weight(sequence, at + 1) : 0;
				labels.push(next ? (ids[at + 1] ?? 0) : -100);
				weights.push(next);
			})
		);
		for (let at = columns.ids.length - start; at < width; at++) {
			columns.ids.push(0);
			columns.positions.push(at);
			columns.segments.push(0);
			labels.push(-100);
			weights.push(1);
		}
	}
	const dims = [rows.length, width];
	return {
		input_ids: int32(columns.ids, dims),
		position_ids: int32(columns.positions, dims),
		segment_ids: int32(columns.segments, dims),
		labels: int32(labels, dims),
		weights: { data: Float32Array.from(weights), dims },
		row_shape: { data: BigInt64Array.of(BigInt(rows.length), BigInt(width), -1n), dims: [3] }
	};
}

/** A parameter vector from tensors by name. */
export function parameterVector(
	layout: ParameterLayout,
	tensor: (name: string, shape: readonly number[]) => ArrayLike<number>
): Values {
	const data = new Float32Array(layout.length);
	for (const { name, offset, shape } of layout.slices) data.set(tensor(name, shape), offset);
	return { data, dims: [layout.length] };
}
