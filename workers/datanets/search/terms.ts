import { eachToken } from './tokens.ts';

/** An inverted index over at most 65,536 rows: which rows hold a word. */
export interface Terms {
	/** Rows, ascending. */
	rowsWith(term: string): Iterable<number>;
	/** Rows with any word that starts so; a row may come several times. */
	rowsWithPrefix(prefix: string): Iterable<number>;
}

/** The same as plain data: a few strings and arrays, so that storing and loading it costs no parsing. */
export interface PackedTerms {
	/** All words in ascending order, one after another. */
	text: string;
	/** Where each word ends in `text`. */
	ends: Uint32Array;
	/** Where each word's rows end in `rows`. */
	rowEnds: Uint32Array;
	rows: Uint16Array;
}

/** Collects words row by row; can be searched while it grows. */
export class GrowingTerms implements Terms {
	/** Number of each word, in order of first sight. */
	readonly #numbers = new Map<string, number>();
	/** Row in which each word was seen last, by the word's number. */
	readonly #lastRow: number[] = [];
	/** Every occurrence in order of arrival, once a row: which word, and in which row. */
	#words = new Uint32Array(1024);
	#rows = new Uint16Array(1024);
	#count = 0;

	add(row: number, text: string): void {
		eachToken(text, (token) => {
			let number = this.#numbers.get(token);
			if (number === undefined) this.#numbers.set(token, (number = this.#numbers.size));
			if (this.#lastRow[number] === row) return;
			this.#lastRow[number] = row;
			if (this.#count === this.#words.length) this.#grow();
			this.#words[this.#count] = number;
			this.#rows[this.#count++] = row;
		});
	}

	rowsWith(term: string): Iterable<number> {
		const number = this.#numbers.get(term);
		return number === undefined ? [] : this.#rowsOf((word) => word === number);
	}

	rowsWithPrefix(prefix: string): Iterable<number> {
		const wanted = new Uint8Array(this.#numbers.size);
		for (const [term, number] of this.#numbers) if (term.startsWith(prefix)) wanted[number] = 1;
		return this.#rowsOf((word) => wanted[word] === 1);
	}

	pack(): PackedTerms {
		const terms = [...this.#numbers.keys()].sort();
		const ends = new Uint32Array(terms.length);
		const rowEnds = new Uint32Array(terms.length);
		const counts = new Uint32Array(terms.length);
		for (const word of this.#words.subarray(0, this.#count)) counts[word] = (counts[word] ?? 0) + 1;
		// Where the next row of each word goes, by the word's number.
		const places = new Uint32Array(terms.length);
		let length = 0;
		let placed = 0;
		terms.forEach((term, i) => {
			const number = this.#numbers.get(term) ?? 0;
			ends[i] = length += term.length;
			places[number] = placed;
			rowEnds[i] = placed += counts[number] ?? 0;
		});
		const rows = new Uint16Array(this.#count);
		for (let i = 0; i < this.#count; i++) {
			const word = this.#words[i] ?? 0;
			const place = places[word] ?? 0;
			rows[place] = this.#rows[i] ?? 0;
			places[word] = place + 1;
		}
		return { text: terms.join(''), ends, rowEnds, rows };
	}

	*#rowsOf(wanted: (word: number) => boolean): Generator<number> {
		for (let i = 0; i < this.#count; i++) if (wanted(this.#words[i] ?? 0)) yield this.#rows[i] ?? 0;
	}

	#grow(): void {
		const words = new Uint32Array(this.#words.length * 2);
		words.set(this.#words);
		this.#words = words;
		const rows = new Uint16Array(this.#rows.length * 2);
		rows.set(this.#rows);
		this.#rows = rows;
	}
}

/** Searches packed terms without unpacking them. */
export class SearchableTerms implements Terms {
	readonly #packed: PackedTerms;

	constructor(packed: PackedTerms) {
		this.#packed = packed;
	}

	rowsWith(term: string): Uint16Array {
		const place = this.#firstFrom(term);
		return this.#term(place) === term ? this.#rowsOf(place) : new Uint16Array();
	}

	/** Words that begin alike stand together, and so do their rows. */
	rowsWithPrefix(prefix: string): Uint16Array {
		const { rows, rowEnds } = this.#packed;
		const first = this.#firstFrom(prefix);
		const end = this.#firstFrom(`${prefix}\uffff`);
		return first === end ? new Uint16Array() : rows.subarray(first && rowEnds[first - 1], rowEnds[end - 1]);
	}

	/** Index of the first word that is not before `term`. */
	#firstFrom(term: string): number {
		let low = 0;
		let high = this.#packed.ends.length;
		while (low < high) {
			const middle = (low + high) >>> 1;
			if ((this.#term(middle) ?? '') < term) low = middle + 1;
			else high = middle;
		}
		return low;
	}

	#term(index: number): string | undefined {
		const { text, ends } = this.#packed;
		return index < ends.length ? text.slice(index && ends[index - 1], ends[index]) : undefined;
	}

	#rowsOf(index: number): Uint16Array {
		const { rows, rowEnds } = this.#packed;
		return rows.subarray(index && rowEnds[index - 1], rowEnds[index]);
	}
}
