import { MIN_WORDS, rankAt, rowAt, unitsOf, type SpanIndex } from './span-index.ts';
import { wordsOf, type Word } from './words.ts';

/** Words of a reply that stand, one after another, in rows of the Datanet. */
export interface Span {
	/** Where it stands in the reply (UTF-16 units). */
	start: number;
	end: number;
	words: number;
	/** −log₂ of the chance of these words, each taken for itself by its frequency in the Datanet. */
	surprise: number;
	/** How often it stands in the Datanet. */
	count: number;
	/** Where: rows and the number of the span's first word in them, the first MAX_PLACES in the rows' order. */
	places: { row: number; word: number }[];
}

export interface FindOptions {
	/** A span that stands in the Datanet more often is a phrase, not a source. */
	maxCount?: number;
	/** Least surprise in bits. */
	minSurprise?: number;
	/** Most spans, the most surprising ones; by default one for twenty words, but four for a short reply. */
	limit?: number;
}

const MAX_PLACES = 10;

/** Finds spans in replies. Keeps the words by their text, so make one for many replies. */
export class SpanFinder {
	readonly #index: SpanIndex;
	readonly #ranks: Map<string, number>;

	constructor(index: SpanIndex) {
		this.#index = index;
		this.#ranks = new Map(index.vocabulary.map((word, i) => [word, i + 1]));
	}

	/**
	 * The reply's maximal spans (OLMoTrace: Liu et al., 2025, §3): the longest match from each word, those kept that reach further than
	 * all before them, without what is too common or too plain; the most surprising ones, in the order in which they stand.
	 */
	find(reply: string, { maxCount = 10, minSurprise = 30, limit }: FindOptions = {}): Span[] {
		const words = [...wordsOf(reply)];
		const ranks = words.map(({ text }) => this.#ranks.get(text) ?? -1);
		const spans: Span[] = [];
		let reached = 0;
		for (let from = 0; from + MIN_WORDS <= words.length; from++) {
			const length = this.#longestMatch(ranks, from);
			if (length < MIN_WORDS || from + length <= reached) continue;
			reached = from + length;
			const pattern = ranks.slice(from, reached);
			const surprise = this.#surprise(pattern);
			const [first, end] = this.#occurrences(pattern);
			if (end - first > maxCount || surprise < minSurprise) continue;
			spans.push({
				start: (words[from] as Word).start,
				end: (words[reached - 1] as Word).end,
				words: length,
				surprise,
				count: end - first,
				places: this.#places(first, end)
			});
		}
		const most = limit ?? Math.max(4, Math.ceil(words.length / 20));
		return spans
			.toSorted((a, b) => b.surprise - a.surprise)
			.slice(0, most)
			.sort((a, b) => a.start - b.start);
	}

	/** Words from `from` on that stand somewhere: the better of the two suffixes between which the reply's would be. */
	#longestMatch(ranks: readonly number[], from: number): number {
		const { order } = this.#index;
		const place = this.#search((offset) => this.#compare(ranks, from, ranks.length, offset) <= 0);
		let best = 0;
		for (const neighbour of [place - 1, place]) {
			const offset = order[neighbour];
			if (offset !== undefined) best = Math.max(best, this.#common(ranks, from, offset));
		}
		return best;
	}

	/** Range in `order` of the suffixes that begin with the pattern. */
	#occurrences(pattern: readonly number[]): [first: number, end: number] {
		const compare = (offset: number) => this.#compare(pattern, 0, pattern.length, offset);
		return [this.#search((offset) => compare(offset) <= 0), this.#search((offset) => compare(offset) < 0)];
	}

	/** First place in `order` whose suffix `isAfter`; the suffixes are ascending. */
	#search(isAfter: (offset: number) => boolean): number {
		const { order } = this.#index;
		let low = 0;
		let high = order.length;
		while (low < high) {
			const middle = (low + high) >>> 1;
			if (isAfter(order[middle] as number)) high = middle;
			else low = middle + 1;
		}
		return low;
	}

	/** Negative, 0 or positive as ranks [from, to) stand before, begin, or stand after the suffix. */
	#compare(ranks: readonly number[], from: number, to: number, offset: number): number {
		const { units } = this.#index;
		for (let i = from; i < to; i++) {
			const rank = rankAt(units, offset);
			const difference = (ranks[i] as number) - rank;
			if (difference !== 0) return difference;
			offset += unitsOf(rank);
		}
		return 0;
	}

	/** Words that the reply from `from` on and a suffix have in common, within its row. */
	#common(ranks: readonly number[], from: number, offset: number): number {
		const { units } = this.#index;
		let i = from;
		while (i < ranks.length) {
			const rank = rankAt(units, offset);
			if (rank === 0 || rank !== ranks[i]) break;
			offset += unitsOf(rank);
			i++;
		}
		return i - from;
	}

	#surprise(pattern: readonly number[]): number {
		const { counts, total } = this.#index;
		return pattern.reduce((bits, rank) => bits - Math.log2((counts[rank - 1] as number) / total), 0);
	}

	#places(first: number, end: number): Span['places'] {
		const { units, order, rowStarts } = this.#index;
		const offsets = order.slice(first, end).sort().subarray(0, MAX_PLACES);
		return Array.from(offsets, (offset) => {
			const row = rowAt(this.#index, offset);
			let word = 0;
			for (let at = rowStarts[row] as number; at < offset; at += unitsOf(rankAt(units, at))) word++;
			return { row, word };
		});
	}
}
