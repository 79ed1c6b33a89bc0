/** Without regard to case and accents. */
const plain = (text: string) =>
	text
		.normalize('NFKD')
		.replace(/\p{M}+/gu, '')
		.toLowerCase()
		.replaceAll('ß', 'ss');

/**
 * Whether texts hold all words of a query, in any order. A number is meant whole: `model 4` is not found in “model 14” or
 * “0.4 OPEN”.
 */
export function matches(query: string, texts: readonly string[]): boolean {
	const all = plain(texts.join('\n'));
	return plain(query)
		.split(/\s+/)
		.filter(Boolean)
		.every((word) =>
			/^\p{N}+$/u.test(word)
				? new RegExp(`(?<![\\p{L}\\p{N}]|\\p{N}[.,])${word}(?![\\p{L}\\p{N}]|[.,]\\p{N})`, 'u').test(all)
				: all.includes(word)
		);
}
