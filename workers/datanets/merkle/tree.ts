import { toHex, type Hex } from '../hash.ts';
import { keccak256 } from '../keccak.ts';
import { HASH_BYTES } from './leaf.ts';
import { compareAt, findPacked, hashAt, sortPacked } from './packed.ts';

/**
 * The tree of OpenZeppelin's StandardMerkleTree (format `standard-v1`, leaves sorted): a complete binary tree in one
 * array, root first, leaves last and in reverse; a pair is hashed smaller first. The root depends on the set of
 * leaves alone, not on the order in which they came.
 */

/** All 2n − 1 nodes, packed, for n ascending leaf hashes, packed. n must not be 0. */
export function buildTree(sortedLeaves: Uint8Array): Uint8Array {
	const leaves = sortedLeaves.length / HASH_BYTES;
	if (leaves === 0) throw new RangeError('a Merkle tree needs at least one leaf');
	const nodes = new Uint8Array((2 * leaves - 1) * HASH_BYTES);
	const last = 2 * leaves - 2;
	for (let i = 0; i < leaves; i++) nodes.set(hashAt(sortedLeaves, i), (last - i) * HASH_BYTES);
	const pair = new Uint8Array(2 * HASH_BYTES);
	for (let i = leaves - 2; i >= 0; i--) {
		const left = 2 * i + 1;
		const swapped = compareAt(nodes, left, nodes, left + 1) > 0;
		pair.set(hashAt(nodes, left), swapped ? HASH_BYTES : 0);
		pair.set(hashAt(nodes, left + 1), swapped ? 0 : HASH_BYTES);
		nodes.set(keccak256(pair), i * HASH_BYTES);
	}
	return nodes;
}

/** Root over leaf hashes in any order, packed. */
export function merkleRoot(leaves: Uint8Array): Hex {
	return rootOf(buildTree(sortPacked(leaves).sorted));
}

export function rootOf(nodes: Uint8Array): Hex {
	return toHex(hashAt(nodes, 0));
}

/** Sibling hashes from the leaf up to the root. Throws a RangeError where the leaf is not in the tree. */
export function merkleProof(nodes: Uint8Array, leaf: Uint8Array): Hex[] {
	const count = (nodes.length / HASH_BYTES + 1) / 2;
	const sorted = new Uint8Array(count * HASH_BYTES);
	for (let i = 0; i < count; i++) sorted.set(hashAt(nodes, 2 * count - 2 - i), i * HASH_BYTES);
	const place = findPacked(sorted, leaf);
	if (place < 0) throw new RangeError('that leaf is not in the tree');
	const proof: Hex[] = [];
	for (let i = 2 * count - 2 - place; i > 0; i = (i - 1) >>> 1)
		proof.push(toHex(hashAt(nodes, i % 2 === 1 ? i + 1 : i - 1)));
	return proof;
}

/**
 * Ascending leaf hashes after a change: without `removed` (one occurrence each, absent ones are passed over) and with
 * `added`. Only changed leaves are hashed anew by the caller; the array is merged in one pass.
 */
export function replaceLeaves(sorted: Uint8Array, removed: Uint8Array[], added: Uint8Array[]): Uint8Array {
	const drop = new Set<number>();
	for (const leaf of removed) {
		const place = findPacked(sorted, leaf);
		if (place >= 0) drop.add(place);
	}
	const additions = new Uint8Array(added.length * HASH_BYTES);
	added.forEach((leaf, i) => additions.set(leaf, i * HASH_BYTES));
	const incoming = sortPacked(additions).sorted;
	const count = sorted.length / HASH_BYTES;
	const result = new Uint8Array((count - drop.size + added.length) * HASH_BYTES);
	let out = 0;
	let next = 0;
	const put = (leaf: Uint8Array) => {
		result.set(leaf, out * HASH_BYTES);
		out++;
	};
	for (let i = 0; i < count; i++) {
		if (drop.has(i)) continue;
		while (next < added.length && compareAt(incoming, next, sorted, i) < 0) put(hashAt(incoming, next++));
		put(hashAt(sorted, i));
	}
	while (next < added.length) put(hashAt(incoming, next++));
	return result;
}
