import { chacha20poly1305 } from '@noble/ciphers/chacha';
import { x25519 } from '@noble/curves/ed25519';
import { hkdf } from '@noble/hashes/hkdf.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex, concatBytes, hexToBytes, randomBytes } from '@noble/hashes/utils.js';
import { fromBase64, toBase64 } from '#workers/datanets/bundle/base64.ts';

/** Bytes of a symmetric key, of a nonce and of the authentication tag (RFC 8439). */
const KEY = 32;
const NONCE = 12;
const TAG = 16;
/** Sealed with a key that both sides have; the only kind that a wallet sends to who asked it. */
const SYMMETRIC = 0;

/** Nothing that wallets say is longer; base64 characters. */
const LONGEST = 1_000_000;

/** A fresh X25519 key pair (RFC 7748), in hexadecimal digits without 0x. */
export function keyPair(): { secret: string; public: string } {
	const secret = x25519.utils.randomPrivateKey();
	return { secret: bytesToHex(secret), public: bytesToHex(x25519.getPublicKey(secret)) };
}

export function randomKey(): string {
	return bytesToHex(randomBytes(KEY));
}

/**
 * The session's key: HKDF-SHA256 (RFC 5869) of what X25519 gives, without salt and info. All in hexadecimal digits.
 * Throws a plain Error where the other's key is no point or a weak one.
 */
export function sharedKey(secret: string, theirs: string): string {
	const shared = x25519.getSharedSecret(hexToBytes(secret), hexToBytes(theirs));
	return bytesToHex(hkdf(sha256, shared, undefined, undefined, KEY));
}

/** The topic under which messages of a session are exchanged: SHA-256 of its key. */
export function topicOf(key: string): string {
	return bytesToHex(sha256(hexToBytes(key)));
}

/** ChaCha20-Poly1305 under a fresh nonce; base64 of type, nonce, ciphertext. */
export function seal(key: string, text: string): string {
	const nonce = randomBytes(NONCE);
	const sealed = chacha20poly1305(hexToBytes(key), nonce).encrypt(new TextEncoder().encode(text));
	return toBase64(concatBytes(Uint8Array.of(SYMMETRIC), nonce, sealed));
}

/** What was sealed under the key; undefined for anything else, which the relay or a stranger may have sent. */
export function open(key: string, message: string): string | undefined {
	const bytes = message.length <= LONGEST ? fromBase64(message) : undefined;
	if (!bytes || bytes[0] !== SYMMETRIC || bytes.length < 1 + NONCE + TAG) return undefined;
	try {
		const cipher = chacha20poly1305(hexToBytes(key), bytes.subarray(1, 1 + NONCE));
		return new TextDecoder('utf-8', { fatal: true }).decode(cipher.decrypt(bytes.subarray(1 + NONCE)));
	} catch {
		return undefined;
	}
}
