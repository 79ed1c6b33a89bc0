import { suffixArray } from './suffix-array.ts';
import { MAX_RANK, MIN_WORDS, putRank, unitsOf, type SpanIndex } from './span-index.ts';
import { wordsOf } from './words.ts';

/** Rows between two looks at whether to go on. */
const BURST = 2000;

/** Rows' words as numbers in order of first sight, −1 after each row. */
class WordList {
	readonly seen = new Map<string, number>();
	readonly counts: number[] = [];
	rows = 0;
	length = 0;
	#numbers = new Int32Array(2 ** 16);

	add(text: string): void {
		for (const { text: word } of wordsOf(text)) {
			let number = this.seen.get(word);
			if (number === undefined) {
				number = this.seen.size;
				this.seen.set(word, number);
				this.counts.push(0);
			}
			this.counts[number] = (this.counts[number] ?? 0) + 1;
			this.#push(number);
		}
		this.#push(-1);
		this.rows++;
	}

	/** The list itself, to be overwritten. */
	take(): Int32Array {
		return this.#numbers.subarray(0, this.length);
	}

	#push(number: number): void {
		if (this.length === this.#numbers.length) {
			const more = new Int32Array(this.#numbers.length * 2);
			more.set(this.#numbers);
			this.#numbers = more;
		}
		this.#numbers[this.length++] = number;
	}
}

/**
 * Indexes rows of text by the words that follow each word.
 *
 * @param rows texts in the Datanet's order; a row without words stays empty
 * @param goOn called now and then with the rows read; may throw to cancel
 */
export async function buildSpanIndex(
	rows: Iterable<string>,
	goOn: (done: number) => void | Promise<void> = () => undefined
): Promise<SpanIndex> {
	const list = new WordList();
	for (const row of rows) {
		list.add(row);
		if (list.rows % BURST === 0) await goOn(list.rows);
	}
	await goOn(list.rows);
	const { ranks, vocabulary, counts } = rank(list);

	// Ranks in place of numbers, 0 at the end of rows.
	const text = list.take();
	let length = 0;
	for (let i = 0; i < text.length; i++) {
		const number = text[i] as number;
		text[i] = number < 0 ? 0 : (ranks[number] as number);
		length += unitsOf(text[i] as number);
	}
	const suffixes = suffixArray(text, vocabulary.length + 1);

	const units = new Uint16Array(length);
	const rowStarts = new Uint32Array(list.rows);
	const offsets = new Uint32Array(text.length);
	for (let i = 0, offset = 0, row = 0; i < text.length; i++) {
		if (i === 0 || text[i - 1] === 0) rowStarts[row++] = offset;
		offsets[i] = offset;
		offset = putRank(units, offset, text[i] as number);
	}

	// Suffixes with too few words to the end of their row can be no span's beginning.
	let kept = 0;
	for (const at of suffixes) if (isLongEnough(text, at)) suffixes[kept++] = offsets[at] as number;
	return {
		units,
		order: Uint32Array.from(suffixes.subarray(0, kept)),
		rowStarts,
		vocabulary,
		counts,
		total: text.length - list.rows
	};
}

function isLongEnough(text: Int32Array, at: number): boolean {
	for (let i = 0; i < MIN_WORDS; i++) if ((text[at + i] ?? 0) === 0) return false;
	return true;
}

/** Ranks from 1 on by falling frequency, by number of first sight. */
function rank({ seen, counts }: WordList) {
	if (seen.size > MAX_RANK) throw new RangeError(`${seen.size} different words are too many`);
	const words = [...seen.keys()];
	const order = words.map((_, i) => i).sort((a, b) => (counts[b] ?? 0) - (counts[a] ?? 0) || a - b);
	const ranks = new Int32Array(words.length);
	order.forEach((number, i) => (ranks[number] = i + 1));
	return {
		ranks,
		vocabulary: order.map((number) => words[number] ?? ''),
		counts: Uint32Array.from(order, (number) => counts[number] ?? 0)
	};
}
