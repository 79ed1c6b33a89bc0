import { textOf, type Contribution } from '../contribution.ts';
import { fromHex, type Hex } from '../hash.ts';
import { HASH_BYTES } from '../merkle/leaf.ts';
import { GrowingTerms, type PackedTerms } from './terms.ts';

export const KINDS = ['pair', 'conversation', 'passage'] as const;

/** Kind of a row that another copy has removed before this one ever saw it. */
export const UNKNOWN = 255;

/** A column of texts that repeat: distinct values, and for each row the index of its own. */
export interface Column {
	values: string[];
	codes: Uint32Array;
}

/**
 * What filtering, sorting, charts and checks need of a segment's rows, so that none of them reads the rows. Arrays have
 * one entry a row, in the segment's order.
 */
export interface SegmentIndex {
	count: number;
	/** Index into KINDS; UNKNOWN for a row whose content was never here. */
	kinds: Uint8Array;
	contributors: Column;
	licences: Column;
	languages: Column;
	sources: Column;
	/** Row i has tags `codes[ends[i − 1]] … codes[ends[i] − 1]`. */
	tags: Column & { ends: Uint32Array };
	/** UTF-16 units of all text. */
	lengths: Uint32Array;
	/** Seconds since the epoch. */
	created: Uint32Array;
	/** Packed. */
	contentHashes: Uint8Array;
	/** 1 where the row corrects another. */
	corrections: Uint8Array;
	terms: PackedTerms;
}

export type SegmentColumns = Omit<SegmentIndex, 'terms'>;

class GrowingColumn {
	readonly values: string[] = [];
	readonly codes: number[] = [];
	readonly #codeOf = new Map<string, number>();

	add(value: string): void {
		let code = this.#codeOf.get(value);
		if (code === undefined) {
			code = this.values.push(value) - 1;
			this.#codeOf.set(value, code);
		}
		this.codes.push(code);
	}

	pack(): Column {
		return { values: this.values, codes: Uint32Array.from(this.codes) };
	}
}

/** Builds a segment's index row by row; at most 65,536 rows. */
export class SegmentIndexBuilder {
	readonly terms = new GrowingTerms();
	readonly #kinds: number[] = [];
	readonly #contributors = new GrowingColumn();
	readonly #licences = new GrowingColumn();
	readonly #languages = new GrowingColumn();
	readonly #sources = new GrowingColumn();
	readonly #tags = new GrowingColumn();
	readonly #tagEnds: number[] = [];
	readonly #lengths: number[] = [];
	readonly #created: number[] = [];
	readonly #contentHashes: Hex[] = [];
	readonly #corrections: number[] = [];

	get count(): number {
		return this.#kinds.length;
	}

	add(row: Contribution): void {
		const text = textOf(row.content);
		this.terms.add(this.count, text);
		this.#kinds.push(KINDS.indexOf(row.kind));
		this.#contributors.add(row.contributor);
		this.#licences.add(row.licence);
		this.#languages.add(row.language);
		this.#sources.add(row.source);
		for (const tag of row.tags) this.#tags.add(tag);
		this.#tagEnds.push(this.#tags.codes.length);
		this.#lengths.push(text.length);
		this.#created.push(Date.parse(row.created) / 1000);
		this.#contentHashes.push(row.contentHash);
		this.#corrections.push(row.parent === null ? 0 : 1);
	}

	/** Takes the place of a row whose content is not here. */
	addUnknown(): void {
		this.#kinds.push(UNKNOWN);
		for (const column of [this.#contributors, this.#licences, this.#languages, this.#sources]) column.add('');
		this.#tagEnds.push(this.#tags.codes.length);
		this.#lengths.push(0);
		this.#created.push(0);
		this.#contentHashes.push(`0x${'0'.repeat(64)}`);
		this.#corrections.push(0);
	}

	/** Everything but the words: for a segment that still grows. */
	columns(): SegmentColumns {
		const contentHashes = new Uint8Array(this.count * HASH_BYTES);
		this.#contentHashes.forEach((hash, i) => contentHashes.set(fromHex(hash), i * HASH_BYTES));
		return {
			count: this.count,
			kinds: Uint8Array.from(this.#kinds),
			contributors: this.#contributors.pack(),
			licences: this.#licences.pack(),
			languages: this.#languages.pack(),
			sources: this.#sources.pack(),
			tags: { ...this.#tags.pack(), ends: Uint32Array.from(this.#tagEnds) },
			lengths: Uint32Array.from(this.#lengths),
			created: Uint32Array.from(this.#created),
			contentHashes,
			corrections: Uint8Array.from(this.#corrections)
		};
	}

	finish(): SegmentIndex {
		return { ...this.columns(), terms: this.terms.pack() };
	}
}
