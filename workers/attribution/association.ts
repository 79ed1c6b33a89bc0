/** A question and its reply, as tokens. */
export interface Answered {
	question: readonly number[];
	reply: readonly number[];
}

type Weights = ReadonlyMap<number, number>;

/** More than any token id. */
const IDS = 2 ** 26;

/**
 * How much more each reply resembles the replies to questions like its own than replies to any question, by the tokens that they share:
 * Σ_j ⟨qᵢ, qⱼ⟩⟨aᵢ, aⱼ⟩ / Σ_j ⟨qᵢ, qⱼ⟩ less the mean of ⟨aᵢ, aⱼ⟩, over all other rows j, with TF-IDF vectors of length 1 for questions q and
 * replies a. About 0.1 where a reply is what such questions are answered with, below 0 where it is what others are. 0 where no question has
 * a word in common with its own.
 *
 * Sums over rows are taken once, as a matrix of question tokens by reply tokens, so that time grows with the rows and not with their square.
 */
export function associations(rows: readonly Answered[]): number[] {
	const questions = tfidf(rows.map(({ question }) => question));
	const replies = tfidf(rows.map(({ reply }) => reply));
	const [allQuestions, allReplies] = [new Map<number, number>(), new Map<number, number>()];
	const pairs = new Map<number, number>();
	rows.forEach((_, row) => {
		for (const [u, q] of questions[row] ?? []) add(allQuestions, u, q);
		for (const [v, a] of replies[row] ?? []) {
			add(allReplies, v, a);
			for (const [u, q] of questions[row] ?? []) add(pairs, u * IDS + v, q * a);
		}
	});
	return rows.map((_, row) => {
		const question: Weights = questions[row] ?? new Map();
		const reply: Weights = replies[row] ?? new Map();
		// Sums over all rows, less what the row itself adds to them.
		const near = product(question, allQuestions) - product(question, question);
		const any = product(reply, allReplies) - product(reply, reply);
		let both = -product(question, question) * product(reply, reply);
		for (const [u, q] of question) for (const [v, a] of reply) both += q * a * (pairs.get(u * IDS + v) ?? 0);
		return near > 1e-9 ? both / near - any / (rows.length - 1) : 0;
	});
}

/** (1 + ln f) ln((1 + n) / (1 + holding)) of each token, together of length 1; nothing for tokens that all have. */
function tfidf(texts: readonly (readonly number[])[]): Weights[] {
	const counts = texts.map((text) => {
		const count = new Map<number, number>();
		for (const token of text) add(count, token, 1);
		return count;
	});
	const holding = new Map<number, number>();
	for (const count of counts) for (const token of count.keys()) add(holding, token, 1);
	return counts.map((count) => {
		const weights = new Map<number, number>();
		for (const [token, f] of count) {
			const idf = Math.log((1 + texts.length) / (1 + (holding.get(token) ?? 0)));
			if (idf > 0) weights.set(token, (1 + Math.log(f)) * idf);
		}
		const length = Math.sqrt(product(weights, weights));
		for (const [token, weight] of weights) weights.set(token, weight / length);
		return weights;
	});
}

function product(a: Weights, b: Weights): number {
	let sum = 0;
	for (const [token, weight] of a) sum += weight * (b.get(token) ?? 0);
	return sum;
}

function add(sums: Map<number, number>, key: number, value: number): void {
	sums.set(key, (sums.get(key) ?? 0) + value);
}
