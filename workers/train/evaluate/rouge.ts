/**
 * ROUGE-L (Lin 2004): F1 of the longest common subsequence of words, 0 to 1. Words are runs of letters and digits without
 * case, as in the reference package (rouge-score, no stemming) but for letters beyond a to z, which it drops.
 */
export function rougeL(expected: string, actual: string): number {
	const [a, b] = [words(expected), words(actual)];
	const common = longestCommonSubsequence(a, b);
	return common === 0 ? 0 : (2 * common) / (a.length + b.length);
}

/** Equal but for case, spaces and the marks at the end. */
export function sameReply(expected: string, actual: string): boolean {
	const plain = (text: string) =>
		text
			.normalize('NFKC')
			.toLowerCase()
			.replace(/\s+/g, ' ')
			.replace(/[\s.!?]+$/, '')
			.trim();
	return plain(expected) === plain(actual);
}

function words(text: string): string[] {
	return (
		text
			.normalize('NFKC')
			.toLowerCase()
			.match(/[\p{L}\p{N}]+/gu) ?? []
	);
}

function longestCommonSubsequence(a: readonly string[], b: readonly string[]): number {
	let above = new Uint32Array(b.length + 1);
	let row = new Uint32Array(b.length + 1);
	for (const word of a) {
		for (const [j, other] of b.entries())
			row[j + 1] =
				word === other ? (above[j] as number) + 1 : Math.max(above[j + 1] as number, row[j] as number);
		[above, row] = [row, above];
	}
	return above[b.length] as number;
}
