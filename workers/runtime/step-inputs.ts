import type { OrtTensor } from './ort-tensor.ts';
import type { Ort } from './ort.ts';

/** Inputs that describe the tokens of one run. A graph takes the mask, or the two lengths in its place. */
export const STEP_INPUTS = [
	'input_ids',
	'attention_mask',
	'seqlens_k',
	'total_sequence_length',
	'position_ids',
	'num_logits_to_keep'
] as const;

export interface Step {
	rows: number;
	/** New tokens per row. */
	fresh: number;
	/** Tokens of the longest row after this run. */
	total: number;
}

/** @throws RangeError unless every row has equally many new tokens, at least one */
export function stepOf(lengths: readonly number[], tokens: readonly (readonly number[])[]): Step {
	const rows = lengths.length;
	const fresh = tokens[0]?.length ?? 0;
	if (tokens.length !== rows || fresh === 0 || tokens.some((row) => row.length !== fresh))
		throw new RangeError(`${rows} rows need as many equally long, non-empty token lists`);
	return { rows, fresh, total: Math.max(...lengths) + fresh };
}

/**
 * The tensors of one run, those that the graph takes. Rows lie flush left: row r's cache holds its tokens at positions
 * 0 … length−1 and the rest of its slots is never read, since GroupQueryAttention takes each row's length from its mask's
 * sum (or from seqlens_k). The mask is as wide as the longest row.
 *
 * @param keep positions that get logits, counted from the last; 0 for all
 */
export function stepTensors(
	ort: Ort,
	inputs: { has(name: string): boolean },
	lengths: readonly number[],
	tokens: readonly (readonly number[])[],
	keep: number
): Map<string, OrtTensor> {
	const { rows, fresh, total } = stepOf(lengths, tokens);
	const int64 = (values: readonly number[], dims: number[]) =>
		ort.tensor('int64', BigInt64Array.from(values, BigInt), dims);
	const makers: Record<(typeof STEP_INPUTS)[number], () => OrtTensor> = {
		input_ids: () => int64(tokens.flat(), [rows, fresh]),
		attention_mask: () => {
			const mask = new BigInt64Array(rows * total);
			lengths.forEach((length, row) => mask.fill(1n, row * total, row * total + length + fresh));
			return ort.tensor('int64', mask, [rows, total]);
		},
		seqlens_k: () =>
			ort.tensor(
				'int32',
				Int32Array.from(lengths, (length) => length + fresh - 1),
				[rows]
			),
		total_sequence_length: () => ort.tensor('int32', Int32Array.of(total), []),
		position_ids: () =>
			int64(
				lengths.flatMap((length) => Array.from({ length: fresh }, (_, i) => length + i)),
				[rows, fresh]
			),
		num_logits_to_keep: () => int64([keep], [])
	};
	return new Map(STEP_INPUTS.filter((name) => inputs.has(name)).map((name) => [name, makers[name]()]));
}
