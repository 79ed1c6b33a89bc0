import { fromHex, type Hex } from '../hash.ts';
import { keccak256 } from '../keccak.ts';

/** The Solidity types of one leaf's values, in order: contribution id and contributor. */
export const LEAF_TYPES = ['bytes32', 'address'] as const;

export const HASH_BYTES = 32;

/** What a leaf commits to; a contract can check the row's contributor with one proof. */
export interface LeafValue {
	id: Hex;
	contributor: Hex;
}

/**
 * Leaf of OpenZeppelin's StandardMerkleTree: keccak256(keccak256(abi.encode(bytes32 id, address contributor))). Hashed
 * twice so that no inner node (64 bytes) can pass for a leaf.
 */
export function leafHash(value: LeafValue): Uint8Array {
	return leafOf(fromHex(value.id), value.contributor);
}

/** The same from the 32 bytes of an id. */
export function leafOf(id: Uint8Array, contributor: Hex): Uint8Array {
	const encoded = new Uint8Array(64);
	encoded.set(id, 0);
	encoded.set(fromHex(contributor), 44);
	return keccak256(keccak256(encoded));
}

/** Packed leaf hashes, 32 bytes each, in the order of the values. */
export function packLeaves(values: readonly LeafValue[]): Uint8Array {
	const packed = new Uint8Array(values.length * HASH_BYTES);
	values.forEach((value, i) => packed.set(leafHash(value), i * HASH_BYTES));
	return packed;
}
