import { HASH_BYTES } from '../merkle/leaf.ts';

/**
 * From a 32-byte id to its slot: open addressing over the id's first four bytes, which a hash spreads evenly. 100,000
 * ids take 2 MB, where a Map of strings takes 15.
 */
export class IdTable {
	#slots = new Int32Array(1024).fill(-1);
	/** The first four bytes of the id in each place: few ids have to be looked at whole, or again when it grows. */
	#heads = new Int32Array(1024);
	#count = 0;
	readonly #idAt: (slot: number) => Uint8Array;

	/** @param idAt the 32 bytes of the id in a slot that was added */
	constructor(idAt: (slot: number) => Uint8Array) {
		this.#idAt = idAt;
	}

	/** Adds the id in a slot. An id that is there keeps its first slot. */
	add(slot: number): void {
		this.#add(slot, this.#idAt(slot), 0);
	}

	/** Adds the ids in slots `first`, `first + 1`, …, given as they stand there, packed. */
	addPacked(first: number, ids: Uint8Array): void {
		for (let at = 0; at < ids.length; at += HASH_BYTES) this.#add(first + at / HASH_BYTES, ids, at);
	}

	/** Slot of an id, or -1. */
	find(id: Uint8Array): number {
		return this.#find(id, 0);
	}

	#add(slot: number, ids: Uint8Array, at: number): void {
		if (this.#find(ids, at) >= 0) return;
		this.reserve(++this.#count);
		this.#put(slot, head(ids, at));
	}

	/** Room for so many ids, half of the places empty. */
	reserve(count: number): void {
		if (count * 2 <= this.#slots.length) return;
		const [slots, heads] = [this.#slots, this.#heads];
		const places = 2 ** Math.ceil(Math.log2(count * 2));
		this.#slots = new Int32Array(places).fill(-1);
		this.#heads = new Int32Array(places);
		for (let place = 0; place < slots.length; place++) {
			const kept = slots[place] ?? -1;
			if (kept >= 0) this.#put(kept, heads[place] ?? 0);
		}
	}

	#find(ids: Uint8Array, from: number): number {
		const mask = this.#slots.length - 1;
		const wanted = head(ids, from);
		for (let at = wanted & mask; ; at = (at + 1) & mask) {
			const slot = this.#slots[at] ?? -1;
			if (slot < 0 || (this.#heads[at] === wanted && same(this.#idAt(slot), ids, from))) return slot;
		}
	}

	#put(slot: number, idHead: number): void {
		const mask = this.#slots.length - 1;
		let at = idHead & mask;
		while ((this.#slots[at] ?? -1) >= 0) at = (at + 1) & mask;
		this.#slots[at] = slot;
		this.#heads[at] = idHead;
	}
}

/** A set of 32-byte ids that knows nothing else: packed, and found by a table. */
export class IdSet {
	#ids = new Uint8Array(1024 * HASH_BYTES);
	#count = 0;
	readonly #table = new IdTable((slot) => this.#ids.subarray(slot * HASH_BYTES, (slot + 1) * HASH_BYTES));

	/** False where it is there already. */
	add(id: Uint8Array): boolean {
		if (this.#table.find(id) >= 0) return false;
		if ((this.#count + 1) * HASH_BYTES > this.#ids.length) {
			const ids = new Uint8Array(this.#ids.length * 2);
			ids.set(this.#ids);
			this.#ids = ids;
		}
		this.#ids.set(id, this.#count * HASH_BYTES);
		this.#table.add(this.#count++);
		return true;
	}
}

/** The first four bytes of the id that begins at `at`. */
function head(ids: Uint8Array, at: number): number {
	return ((ids[at] ?? 0) << 24) | ((ids[at + 1] ?? 0) << 16) | ((ids[at + 2] ?? 0) << 8) | (ids[at + 3] ?? 0);
}

function same(id: Uint8Array, ids: Uint8Array, at: number): boolean {
	for (let i = 0; i < HASH_BYTES; i++) if (id[i] !== ids[at + i]) return false;
	return true;
}
