import { fromHex, toHex, type Hex } from '../hash.ts';
import { HASH_BYTES } from './leaf.ts';

/**
 * Sets of 32-byte hashes, kept ascending and packed into one array: 100,000 of them are 3.2 MB and cost the garbage
 * collector nothing.
 */

/** -1, 0 or 1 as hash `i` of `a` stands before, at or after hash `j` of `b` in byte order. */
export function compareAt(a: Uint8Array, i: number, b: Uint8Array, j: number): number {
	const p = i * HASH_BYTES;
	const q = j * HASH_BYTES;
	for (let k = 0; k < HASH_BYTES; k++) {
		const difference = (a[p + k] ?? 0) - (b[q + k] ?? 0);
		if (difference !== 0) return difference < 0 ? -1 : 1;
	}
	return 0;
}

/** More places than a Datanet, or a batch, has rows. */
const PLACES = 2 ** 21;

/** The hashes in ascending order; equal ones are kept. `order[k]` is where the k-th of them stood before. */
export function sortPacked(packed: Uint8Array): { sorted: Uint8Array; order: Uint32Array } {
	const count = packed.length / HASH_BYTES;
	const view = new DataView(packed.buffer, packed.byteOffset, packed.byteLength);
	// The first four bytes and the place in one number (32 + 21 bits) sort without a comparator.
	const keys = new Float64Array(count);
	for (let i = 0; i < count; i++) keys[i] = view.getUint32(i * HASH_BYTES) * PLACES + i;
	keys.sort();
	const order = Uint32Array.from(keys, (key) => key % PLACES);
	// Equal heads are rare, unless somebody made them so on purpose: then the rest of the bytes decides.
	for (let i = 1; i < count; i++)
		if (Math.floor((keys[i] ?? 0) / PLACES) === Math.floor((keys[i - 1] ?? 0) / PLACES)) {
			order.sort((x, y) => compareAt(packed, x, packed, y));
			break;
		}
	const sorted = new Uint8Array(packed.length);
	order.forEach((from, to) => sorted.set(hashAt(packed, from), to * HASH_BYTES));
	return { sorted, order };
}

/** Place of a hash in ascending packed hashes; where it is absent, the bitwise complement of where it would go. */
export function findPacked(sorted: Uint8Array, hash: Uint8Array): number {
	let low = 0;
	let high = sorted.length / HASH_BYTES - 1;
	while (low <= high) {
		const middle = (low + high) >>> 1;
		const order = compareAt(sorted, middle, hash, 0);
		if (order === 0) return middle;
		if (order < 0) low = middle + 1;
		else high = middle - 1;
	}
	return ~low;
}

/** A view of hash `index`. */
export function hashAt(packed: Uint8Array, index: number): Uint8Array {
	return packed.subarray(index * HASH_BYTES, (index + 1) * HASH_BYTES);
}

/** Hashes in ascending order, packed. */
export function packIds(ids: readonly Hex[]): Uint8Array {
	const packed = new Uint8Array(ids.length * HASH_BYTES);
	ids.forEach((id, i) => packed.set(fromHex(id), i * HASH_BYTES));
	return sortPacked(packed).sorted;
}

export function* unpackIds(packed: Uint8Array): Generator<Hex> {
	for (let i = 0; i < packed.length / HASH_BYTES; i++) yield toHex(hashAt(packed, i));
}

/** True where every hash stands after the one before it: sorted, none twice. */
export function isAscending(packed: Uint8Array): boolean {
	for (let i = 1; i < packed.length / HASH_BYTES; i++)
		if (compareAt(packed, i - 1, packed, i) >= 0) return false;
	return true;
}
