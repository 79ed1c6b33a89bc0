import { wordsOf } from '#workers/attribution/spans/words.ts';

type Counts = Map<string, number>;

/** BM25 (Robertson and Zaragoza 2009; k1 = 1.2, b = 0.75) of documents for queries: [query][document]. */
export function bm25(documents: readonly string[], queries: readonly string[]): number[][] {
	const counts = documents.map(countsOf);
	const lengths = counts.map((count) => Array.from(count.values()).reduce((sum, value) => sum + value, 0));
	const mean = lengths.reduce((sum, length) => sum + length, 0) / Math.max(1, lengths.length);
	const holding = holdingOf(counts);
	return queries.map((query) => {
		const asked = countsOf(query).keys().toArray();
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

/** Cosine of TF-IDF vectors, idf = ln((1 + documents) / (1 + holding)) + 1 as in scikit-learn: [query][document]. */
export function tfidf(documents: readonly string[], queries: readonly string[]): number[][] {
	const counts = documents.map(countsOf);
	const holding = holdingOf(counts);
	const weigh = (count: Counts): Counts => {
		const weights = new Map(
			Array.from(count, ([word, f]) => [
				word,
				f * (Math.log((1 + documents.length) / (1 + (holding.get(word) ?? 0))) + 1)
			])
		);
		const length = Math.hypot(...weights.values());
		return new Map(Array.from(weights, ([word, weight]) => [word, weight / length]));
	};
	const vectors = counts.map(weigh);
	return queries.map((query) => {
		const asked = weigh(countsOf(query));
		return vectors.map((vector) => {
			let sum = 0;
			for (const [word, weight] of asked) sum += weight * (vector.get(word) ?? 0);
			return sum;
		});
	});
}

function countsOf(text: string): Counts {
	const counts: Counts = new Map();
	for (const { text: word } of wordsOf(text)) counts.set(word, (counts.get(word) ?? 0) + 1);
	return counts;
}

/** In how many documents each word stands. */
function holdingOf(counts: readonly Counts[]): Counts {
	const holding: Counts = new Map();
	for (const count of counts)
		for (const word of count.keys()) holding.set(word, (holding.get(word) ?? 0) + 1);
	return holding;
}
