import { hashAt, unpackIds } from '../merkle/packed.ts';
import { IdTable } from '../store/id-table.ts';
import { stored } from '../store/failures.ts';
import { allOf, keepIndex } from '../store/db.ts';
import { SEGMENT_ROWS, type SegmentRecord } from '../store/schema.ts';
import type { Access } from '../store/staging.ts';
import { SegmentIndexBuilder, UNKNOWN, type SegmentColumns } from './segment-index.ts';
import { SearchableTerms, type PackedTerms, type Terms } from './terms.ts';

/** One segment's columns and words, as they are now. */
export interface Part {
	segment: number;
	columns: SegmentColumns;
	/** Undefined until `loadWords`. */
	terms: Terms | undefined;
}

/** Rows read at a time where an index has to be built. */
const BATCH = 1_000;

/**
 * The columns and words of all rows of one Datanet in memory: what filters, sorts, searches, charts and checks read.
 * Closed segments come ready from the database; only the open one, and what has no index yet, is built from rows.
 */
export class TableIndex {
	readonly #access: Access;
	readonly #parts: (Part & { builder?: SegmentIndexBuilder })[] = [];
	#loading: Promise<void> = Promise.resolve();

	constructor(access: Access) {
		this.#access = access;
	}

	get parts(): readonly Part[] {
		return this.#parts;
	}

	/** Brings the index up to the catalogue. `onProgress` hears of rows where many must be read. */
	async sync(onProgress?: (done: number, total: number) => void): Promise<void> {
		const { catalogue, db } = this.#access;
		const missing = catalogue.segments.filter((record) => this.#isBehind(record));
		if (missing.length === 0) return;
		const ready = new Map<number, SegmentColumns>();
		if (missing.some((record) => record.closed))
			for (const { segment, index } of await stored(() => allOf(db.indexes, catalogue.datanet).toArray()))
				ready.set(segment, index);
		const total = missing.reduce((sum, record) => sum + record.lengths.length, 0);
		let done = 0;
		for (const record of missing) {
			const index = ready.get(record.segment);
			done += record.lengths.length;
			if (record.closed && index?.count === record.lengths.length)
				this.#take(record.segment, index, undefined);
			else {
				await this.#build(record);
				onProgress?.(done, total);
			}
		}
	}

	/** Makes the words searchable. Throws `storage/*`. */
	loadWords(): Promise<void> {
		// One reading at a time; a later call looks again.
		return (this.#loading = this.#loading.catch(() => undefined).then(() => this.#loadWords()));
	}

	async #loadWords(): Promise<void> {
		const { catalogue, db } = this.#access;
		const lacking = this.#parts.filter((part) => !part.terms);
		if (lacking.length === 0) return;
		const keys = lacking.map(({ segment }): [string, number] => [catalogue.datanet, segment]);
		const records = await stored(() => db.words.bulkGet(keys));
		for (const [i, { segment, columns }] of lacking.entries()) {
			const terms = records[i]?.terms;
			const record = catalogue.segments[segment];
			if (terms) this.#take(segment, columns, terms);
			else if (record) await this.#build(record);
		}
	}

	/** The column entry of a slot: its part, and the place in it. */
	partOf(slot: number): { columns: SegmentColumns; at: number } {
		const part = this.#parts[Math.floor(slot / SEGMENT_ROWS)];
		if (!part) throw new RangeError(`no index for slot ${slot}`);
		return { columns: part.columns, at: slot % SEGMENT_ROWS };
	}

	/** False where the content of a slot was never here. */
	isKnown(slot: number): boolean {
		const { columns, at } = this.partOf(slot);
		return columns.kinds[at] !== UNKNOWN;
	}

	/** The 32 bytes of the content hash of a slot. */
	contentHashAt(slot: number): Uint8Array {
		const { columns, at } = this.partOf(slot);
		return hashAt(columns.contentHashes, at);
	}

	/** A test whether the Datanet holds content with a hash now. */
	contents(): (contentHash: Uint8Array) => boolean {
		const table = new IdTable((slot) => this.contentHashAt(slot));
		for (const slot of this.#access.catalogue.listed()) table.add(slot);
		return (contentHash) => table.find(contentHash) >= 0;
	}

	#isBehind(record: SegmentRecord): boolean {
		const part = this.#parts[record.segment];
		return part?.columns.count !== record.lengths.length || (record.closed && part.builder !== undefined);
	}

	#take(segment: number, columns: SegmentColumns, terms: PackedTerms | undefined): void {
		this.#parts[segment] = { segment, columns, terms: terms && new SearchableTerms(terms) };
	}

	async #build(record: SegmentRecord): Promise<void> {
		const { db, rows, catalogue, vault } = this.#access;
		const builder = this.#parts[record.segment]?.builder ?? new SegmentIndexBuilder();
		const ids = [...unpackIds(record.ids)].slice(builder.count);
		for (let at = 0; at < ids.length; at += BATCH)
			for (const row of await rows.get(ids.slice(at, at + BATCH))) {
				if (row) builder.add(row);
				else builder.addUnknown();
			}
		if (!record.closed) {
			this.#parts[record.segment] = {
				segment: record.segment,
				columns: builder.columns(),
				terms: builder.terms,
				builder
			};
			return;
		}
		const index = builder.finish();
		const { terms, ...columns } = index;
		this.#take(record.segment, columns, terms);
		if (!vault) await stored(() => keepIndex(db, catalogue.datanet, record.segment, index));
	}
}
