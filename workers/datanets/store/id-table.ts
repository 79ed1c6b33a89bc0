import { HASH_BYTES } from '../merkle/leaf.ts';

/**
 * From a 32-byte id to its slot: open addressing over the id's first four bytes, which a hash spreads evenly. 100,000
 * ids take 1 MB, where a Map of strings takes 15.
 */
export class IdTable {
	#slots = new Int32Array(1024).fill(-1);
	#count = 0;
	readonly #idAt: (slot: number) => Uint8Array;

	/** @param idAt the 32 bytes of the id in a slot that was added */
	constructor(idAt: (slot: number) => Uint8Array) {
		this.#idAt = idAt;
	}

	/** Adds the id in a slot. An id that is there keeps its first slot. */
	add(slot: number): void {
		if (this.find(this.#idAt(slot)) >= 0) return;
		if (++this.#count * 2 > this.#slots.length) {
			const old = this.#slots;
			this.#slots = new Int32Array(old.length * 2).fill(-1);
			for (const kept of old) if (kept >= 0) this.#put(kept);
		}
		this.#put(slot);
	}

	/** Slot of an id, or -1. */
	find(id: Uint8Array): number {
		const mask = this.#slots.length - 1;
		for (let at = head(id) & mask; ; at = (at + 1) & mask) {
			const slot = this.#slots[at] ?? -1;
			if (slot < 0 || same(this.#idAt(slot), id)) return slot;
		}
	}

	#put(slot: number): void {
		const mask = this.#slots.length - 1;
		let at = head(this.#idAt(slot)) & mask;
		while ((this.#slots[at] ?? -1) >= 0) at = (at + 1) & mask;
		this.#slots[at] = slot;
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

function head(id: Uint8Array): number {
	return (((id[0] ?? 0) << 24) | ((id[1] ?? 0) << 16) | ((id[2] ?? 0) << 8) | (id[3] ?? 0)) >>> 0;
}

function same(a: Uint8Array, b: Uint8Array): boolean {
	for (let i = 0; i < HASH_BYTES; i++) if (a[i] !== b[i]) return false;
	return true;
}
