import { keccak_256 } from '@noble/hashes/sha3.js';
import { bytesToHex } from '@noble/hashes/utils.js';
import type { Hex } from '#workers/datanets/hash.ts';

/** Rows enough to tell losses apart; more only cost time. */
const MOST = 500;
/** With fewer different contents than this, all are learnt. */
const LEAST = 4;

/**
 * Which contributions are held back for validation: those whose hash together with the seed is lowest. So the choice depends
 * on nothing but content and seed, rows of equal content fall on the same side, and a row that is added moves
 * few others.
 *
 * @param contentHashes of the contributions, in any order
 * @param share of the different contents, rounded; at least one, unless it is 0 or there are fewer than four
 * @returns for each contribution whether it is held back
 */
export function holdBack(contentHashes: readonly Hex[], share: number, seed: number): boolean[] {
	const distinct = [...new Set(contentHashes)];
	const wanted = Math.min(MOST, Math.round(share * distinct.length));
	const count = share > 0 && distinct.length >= LEAST ? Math.max(1, wanted) : 0;
	const encoder = new TextEncoder();
	const keyed = distinct.map((hash) => ({
		hash,
		key: bytesToHex(keccak_256(encoder.encode(`validation ${seed} ${hash}`)))
	}));
	keyed.sort((a, b) => (a.key < b.key ? -1 : 1));
	const held = new Set(keyed.slice(0, count).map(({ hash }) => hash));
	return contentHashes.map((hash) => held.has(hash));
}
