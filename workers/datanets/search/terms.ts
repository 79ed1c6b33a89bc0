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
	readonly #rows = new Map<string, number[]>();

	add(row: number, text: string): void {
		eachToken(text, (token) => {
			const rows = this.#rows.get(token);
			if (!rows) this.#rows.set(token, [row]);
			else if (rows.at(-1) !== row) rows.push(row);
		});
	}

	rowsWith(term: string): Iterable<number> {
		return this.#rows.get(term) ?? [];
	}

	*rowsWithPrefix(prefix: string): Generator<number> {
		for (const [term, rows] of this.#rows) if (term.startsWith(prefix)) yield* rows;
	}

	pack(): PackedTerms {
		const terms = [...this.#rows.keys()].sort();
		const ends = new Uint32Array(terms.length);
		const rowEnds = new Uint32Array(terms.length);
		const rows: number[] = [];
		let length = 0;
		terms.forEach((term, i) => {
			ends[i] = length += term.length;
			for (const row of this.#rows.get(term) ?? []) rows.push(row);
			rowEnds[i] = rows.length;
		});
		return { text: terms.join(''), ends, rowEnds, rows: Uint16Array.from(rows) };
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
