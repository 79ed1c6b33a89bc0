/**
 * input_ids, attention_mask and position_ids of one run. Rows lie flush left: row r's cache holds its tokens at
 * positions 0 … length−1 and the rest of its slots is never read, since GroupQueryAttention takes each row's length
 * from its mask's sum. The mask is as wide as the longest row.
 */
export interface StepInputs {
	rows: number;
	/** New tokens per row. */
	fresh: number;
	/** Width of the mask: the longest row after this run. */
	total: number;
	inputIds: BigInt64Array;
	attentionMask: BigInt64Array;
	positionIds: BigInt64Array;
}

export function stepInputs(lengths: readonly number[], tokens: readonly (readonly number[])[]): StepInputs {
	const rows = lengths.length;
	const fresh = tokens[0]?.length ?? 0;
	if (tokens.length !== rows || fresh === 0 || tokens.some((row) => row.length !== fresh))
		throw new RangeError(`${rows} rows need as many equally long, non-empty token lists`);
	const total = Math.max(...lengths) + fresh;
	const inputIds = new BigInt64Array(rows * fresh);
	const attentionMask = new BigInt64Array(rows * total);
	const positionIds = new BigInt64Array(rows * fresh);
	for (const [row, length] of lengths.entries()) {
		attentionMask.fill(1n, row * total, row * total + length + fresh);
		tokens[row]?.forEach((token, i) => {
			inputIds[row * fresh + i] = BigInt(token);
			positionIds[row * fresh + i] = BigInt(length + i);
		});
	}
	return { rows, fresh, total, inputIds, attentionMask, positionIds };
}
