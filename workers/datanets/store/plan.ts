import { isIn, lengthWhen } from '../membership.ts';
import { HASH_BYTES } from '../merkle/leaf.ts';
import type { Catalogue } from './catalogue.ts';
import { SEGMENT_ROWS, type SegmentRecord } from './schema.ts';

interface Growing {
	record: SegmentRecord;
	count: number;
}

/** What a change will do to a Datanet's segments, worked out on copies before anything is written. */
export class Plan {
	readonly #catalogue: Catalogue;
	readonly #changed = new Map<number, Growing>();
	readonly #slots: number[] = [];
	readonly #present: number[] = [];
	#segments: number;
	#delta = 0;

	constructor(catalogue: Catalogue) {
		this.#catalogue = catalogue;
		this.#segments = catalogue.segments.length;
	}

	/** Puts a known row in or out; nothing happens where it is so already. */
	set(slot: number, present: boolean): void {
		const { record } = this.#copy(Math.floor(slot / SEGMENT_ROWS));
		this.raise(slot, lengthWhen(present, record.lengths[slot % SEGMENT_ROWS]));
	}

	/** Raises a known row's causal length, as merging with another copy does. */
	raise(slot: number, length: number): void {
		const { record } = this.#copy(Math.floor(slot / SEGMENT_ROWS));
		const before = record.lengths[slot % SEGMENT_ROWS] ?? 0;
		if (length <= before) return;
		record.lengths[slot % SEGMENT_ROWS] = length;
		if (isIn(length) !== isIn(before)) this.#note(slot, isIn(length));
	}

	/** Appends a row that the catalogue does not know, to the open segment. Returns its slot. */
	append(id: Uint8Array, length = 1, place?: number): number {
		let last = this.#segments - 1;
		if (last < 0 || this.#current(last).closed || this.#countOf(last) === SEGMENT_ROWS)
			last = this.#segments++;
		const growing = this.#copy(last);
		const at = growing.count++;
		const slot = last * SEGMENT_ROWS + at;
		growing.record.ids.set(id, at * HASH_BYTES);
		growing.record.lengths[at] = length;
		growing.record.places[at] = place ?? slot;
		if (growing.count === SEGMENT_ROWS) growing.record.closed = true;
		if (isIn(length)) this.#note(slot, true);
		return slot;
	}

	/** Ends the open segment, so that what follows starts a new one. */
	close(): void {
		const last = this.#segments - 1;
		if (last >= 0 && !this.#current(last).closed) this.#copy(last).record.closed = true;
	}

	/** The number of the segment that the next `append` after `close` will open. */
	get nextSegment(): number {
		return this.#segments;
	}

	/** Change of the number of rows in. */
	get delta(): number {
		return this.#delta;
	}

	/** Changed segments, trimmed to their rows. */
	segments(): SegmentRecord[] {
		return [...this.#changed.values()].map(({ record, count }) => ({
			...record,
			ids: record.ids.slice(0, count * HASH_BYTES),
			lengths: record.lengths.slice(0, count),
			places: record.places.slice(0, count)
		}));
	}

	/** For the journal: slots that went in or out, and which. */
	changes(): { slots: Uint32Array; present: Uint8Array } {
		return { slots: Uint32Array.from(this.#slots), present: Uint8Array.from(this.#present) };
	}

	#note(slot: number, present: boolean): void {
		this.#slots.push(slot);
		this.#present.push(present ? 1 : 0);
		this.#delta += present ? 1 : -1;
	}

	#current(segment: number): SegmentRecord {
		return this.#changed.get(segment)?.record ?? (this.#catalogue.segments[segment] as SegmentRecord);
	}

	#countOf(segment: number): number {
		return this.#changed.get(segment)?.count ?? this.#catalogue.segments[segment]?.lengths.length ?? 0;
	}

	/** A copy with room for a full segment. */
	#copy(segment: number): Growing {
		let growing = this.#changed.get(segment);
		if (!growing) {
			const old = this.#catalogue.segments[segment];
			const record: SegmentRecord = {
				datanet: this.#catalogue.datanet,
				segment,
				ids: new Uint8Array(SEGMENT_ROWS * HASH_BYTES),
				lengths: new Uint32Array(SEGMENT_ROWS),
				places: new Uint32Array(SEGMENT_ROWS),
				closed: old?.closed ?? false
			};
			if (old) {
				record.ids.set(old.ids);
				record.lengths.set(old.lengths);
				record.places.set(old.places);
			}
			growing = { record, count: old?.lengths.length ?? 0 };
			this.#changed.set(segment, growing);
		}
		return growing;
	}
}
