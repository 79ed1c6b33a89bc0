import { fromHex, toHex, type Hex } from '../hash.ts';
import { isIn } from '../membership.ts';
import { HASH_BYTES } from '../merkle/leaf.ts';
import { hashAt } from '../merkle/packed.ts';
import { allOf, type DatanetDb } from './db.ts';
import { IdTable } from './id-table.ts';
import { SEGMENT_ROWS, type SegmentRecord } from './schema.ts';
import type { Vault } from './vault.ts';

/**
 * Which rows a Datanet holds, in memory: every segment, and a table from id to slot. 100,000 rows take 5 MB and load
 * in the time of one read. Slots are never renumbered, so a slot stays valid whatever other tabs do. It changes only by
 * `take`, once the database has confirmed.
 */
export class Catalogue {
	readonly datanet: string;
	/** What it was opened with; a Datanet that has another by now takes no change (vault.ts). */
	readonly vault: Pick<Vault, 'salt'> | undefined;
	#revision = -1;
	#segments: SegmentRecord[] = [];
	#table = this.#emptyTable();

	constructor(datanet: string, vault?: Pick<Vault, 'salt'>) {
		this.datanet = datanet;
		this.vault = vault;
	}

	/** The revision of the Datanet that this is the state of. */
	get revision(): number {
		return this.#revision;
	}

	/** Reads all segments anew. Inside a transaction, that must cover `segments`. */
	async load(db: DatanetDb, revision: number): Promise<void> {
		this.#segments = await allOf(db.segments, this.datanet).toArray();
		this.#table = this.#emptyTable();
		this.#table.reserve(this.#segments.reduce((sum, { lengths }) => sum + lengths.length, 0));
		for (const { segment, ids } of this.#segments) this.#table.addPacked(segment * SEGMENT_ROWS, ids);
		this.#revision = revision;
	}

	/** Takes over segments that a committed change has written. */
	take(changed: SegmentRecord[], revision: number): void {
		// Another change may have read the new state from the database meanwhile.
		if (revision <= this.#revision) return;
		for (const record of changed) {
			const known = this.#segments[record.segment]?.lengths.length ?? 0;
			this.#segments[record.segment] = record;
			this.#table.addPacked(record.segment * SEGMENT_ROWS + known, record.ids.subarray(known * HASH_BYTES));
		}
		this.#revision = revision;
	}

	get segments(): readonly SegmentRecord[] {
		return this.#segments;
	}

	/** Rows in the Datanet now, in the order in which they are listed: a correction stands where its parent stood. */
	listed(): Uint32Array {
		const slots = new Uint32Array(this.#segments.reduce((sum, { lengths }) => sum + lengths.length, 0));
		let count = 0;
		let moved = false;
		for (const { segment, lengths, places } of this.#segments)
			for (let i = 0; i < lengths.length; i++) {
				if (!isIn(lengths[i])) continue;
				const slot = segment * SEGMENT_ROWS + i;
				slots[count++] = slot;
				moved ||= places[i] !== slot;
			}
		const listed = slots.slice(0, count);
		return moved ? listed.sort((a, b) => this.placeOf(a) - this.placeOf(b) || a - b) : listed;
	}

	/** Slot of an id, or -1. */
	find(id: Hex): number {
		return this.#table.find(fromHex(id));
	}

	findBytes(id: Uint8Array): number {
		return this.#table.find(id);
	}

	idAt(slot: number): Hex {
		return toHex(this.bytesAt(slot));
	}

	/** A view of the 32 bytes of the id in a slot. */
	bytesAt(slot: number): Uint8Array {
		return hashAt(this.#segmentOf(slot).ids, slot % SEGMENT_ROWS);
	}

	lengthAt(slot: number): number {
		return this.#segmentOf(slot).lengths[slot % SEGMENT_ROWS] ?? 0;
	}

	isIn(slot: number): boolean {
		return isIn(this.lengthAt(slot));
	}

	placeOf(slot: number): number {
		return this.#segmentOf(slot).places[slot % SEGMENT_ROWS] ?? slot;
	}

	#segmentOf(slot: number): SegmentRecord {
		const segment = this.#segments[Math.floor(slot / SEGMENT_ROWS)];
		if (!segment) throw new RangeError(`no row in slot ${slot}`);
		return segment;
	}

	#emptyTable(): IdTable {
		return new IdTable((slot) => this.bytesAt(slot));
	}
}
