import { wordsOf } from '#workers/attribution/spans/words.ts';

/** BM25 (Robertson and Zaragoza 2009; k1 = 1.2, b = 0.75) of documents for queries: [query][document]. */
export function bm25(documents: readonly string[], queries: readonly string[]): number[][] {
	const words = (text: string) => Array.from(wordsOf(text), ({ text: word }) => word);
	const counts = documents.map((text) => {
		const count = new Map<string, number>();
		for (const word of words(text)) count.set(word, (count.get(word) ?? 0) + 1);
		return count;
	});
	const lengths = documents.map((text) => words(text).length);
	const mean = lengths.reduce((sum, length) => sum + length, 0) / Math.max(1, lengths.length);
	const holding = new Map<string, number>();
	for (const count of counts)
		for (const word of count.keys()) holding.set(word, (holding.get(word) ?? 0) + 1);
	return queries.map((query) => {
		const asked = new Set(words(query));
		return counts.map((count, i) => {
			let score = 0;
			for (const word of asked) {
				const f = count.get(word) ?? 0;
				const n = holding.get(word) ?? 0;
				const idf = Math.log(1 + (documents.length - n + 0.5) / (n + 0.5));
				score += (idf * f * 2.2) / (f + 1.2 * (0.25 + (0.75 * (lengths[i] ?? 0)) / mean));
			}
			return score;
		});
	});
}
