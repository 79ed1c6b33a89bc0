/**
 * The inputs of a loss graph with `learntOnly`: which tokens have a label, and where each token stands among those; their number where it
 * does not. One token at least, since onnxruntime's products take no empty tensors.
 *
 * @param labels of all tokens, negative for none
 */
export function learntTokens(labels: ArrayLike<number>): { learnt: Int32Array; rows: Int32Array } {
	const found: number[] = [];
	const rows = new Int32Array(labels.length);
	for (let at = 0; at < labels.length; at++) rows[at] = (labels[at] as number) < 0 ? -1 : found.push(at) - 1;
	if (found.length === 0) found.push(0);
	return { learnt: Int32Array.from(found), rows: rows.map((row) => (row < 0 ? found.length : row)) };
}
