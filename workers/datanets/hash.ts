import { bytesToHex, hexToBytes } from '@noble/hashes/utils.js';
import canonicalize from 'canonicalize';
import { keccak256 } from './keccak.ts';

/** 0x and lower-case hexadecimal digits. */
export type Hex = `0x${string}`;

const encoder = new TextEncoder();
/** Used again for each text that fits, so that a hundred thousand rows leave no garbage. */
const scratch = new Uint8Array(65_536);

/**
 * keccak256 over the UTF-8 bytes of the canonical JSON (RFC 8785) of plain data: the same for the same data on every
 * machine. Throws a plain Error for NaN, infinities and lone surrogates, which canonical JSON forbids.
 */
export function hashJson(value: unknown): Hex {
	const text = canonicalize(value);
	if (text === undefined) throw new Error('undefined has no canonical JSON');
	const bytes =
		text.length * 3 <= scratch.length
			? scratch.subarray(0, encoder.encodeInto(text, scratch).written)
			: encoder.encode(text);
	return toHex(keccak256(bytes));
}

export function toHex(bytes: Uint8Array): Hex {
	return `0x${bytesToHex(bytes)}`;
}

/** Bytes of a hexadecimal string with 0x. Throws a plain Error where it is none. */
export function fromHex(hex: Hex): Uint8Array {
	return hexToBytes(hex.slice(2));
}

/** True for 0x and exactly 64 lower-case digits. */
export function isHash(value: unknown): value is Hex {
	return typeof value === 'string' && /^0x[0-9a-f]{64}$/.test(value);
}

/** True for 0x and exactly 40 lower-case digits. */
export function isAddress(value: unknown): value is Hex {
	return typeof value === 'string' && /^0x[0-9a-f]{40}$/.test(value);
}

/** True for 0x and 65 bytes: an ECDSA signature with its recovery byte. */
export function isSignature(value: unknown): value is Hex {
	return typeof value === 'string' && /^0x[0-9a-f]{130}$/.test(value);
}
