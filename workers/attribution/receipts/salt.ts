import { bytesToHex } from '@noble/hashes/utils.js';
import type { Hex } from '#workers/datanets/hash.ts';

/** 32 random bytes: what keeps the hashes of a receipt from being guessed. By itself, since chat needs it before anything is hashed. */
export function newSalt(): Hex {
	return `0x${bytesToHex(crypto.getRandomValues(new Uint8Array(32)))}`;
}
