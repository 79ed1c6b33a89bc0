import { fromBase64, toBase64 } from '../bundle/base64.ts';
import { damaged } from '../bundle/records.ts';
import { isRecord } from '../formats/items.ts';
import { startsWith } from '../formats/text.ts';
import { deriveKey, ITERATIONS, locked, MOST_ITERATIONS } from '../store/vault.ts';

/**
 * A file under a passphrase: a line of JSON with the key derivation, then frames of AES-256-GCM. Each frame's number,
 * and whether it is the last, is authenticated with it, so that frames cannot be reordered or left out.
 */
const HEAD = '{"format":"openledger-encrypted"';
const FRAME = 1_000_000;
const TAG_BYTES = 16;

export async function encryptFile(file: Blob, passphrase: string): Promise<Blob> {
	const salt = crypto.getRandomValues(new Uint8Array(16));
	const key = await deriveKey(passphrase, salt, ITERATIONS);
	const head = `${HEAD},"version":1,"salt":"${toBase64(salt)}","iterations":${ITERATIONS}}\n`;
	const parts: BlobPart[] = [head];
	const frames = Math.max(1, Math.ceil(file.size / FRAME));
	for (let frame = 0; frame < frames; frame++) {
		const plain = await file.slice(frame * FRAME, (frame + 1) * FRAME).arrayBuffer();
		// One key a file, numbered frames: no nonce comes twice.
		parts.push(
			new Blob([await crypto.subtle.encrypt(frameParameters(frame, frame === frames - 1), key, plain)])
		);
	}
	return new Blob(parts);
}

export async function isEncrypted(file: Blob): Promise<boolean> {
	return startsWith(file, [...new TextEncoder().encode(HEAD)]);
}

/** Throws `datanet/locked` for a wrong passphrase or a changed file, `datanet/malformed` for one that is none. */
export async function decryptFile(file: Blob, passphrase: string): Promise<Blob> {
	const start = await file.slice(0, 1_000).text();
	const end = start.indexOf('\n');
	const { salt, iterations } = headOf(start.slice(0, end));
	const key = await deriveKey(passphrase, salt, iterations);
	const parts: Blob[] = [];
	for (let at = end + 1, frame = 0; at < file.size; frame++) {
		const next = Math.min(file.size, at + FRAME + TAG_BYTES);
		const sealed = await file.slice(at, next).arrayBuffer();
		try {
			parts.push(
				new Blob([await crypto.subtle.decrypt(frameParameters(frame, next === file.size), key, sealed)])
			);
		} catch (cause) {
			throw locked(cause);
		}
		at = next;
	}
	return new Blob(parts);
}

function frameParameters(frame: number, last: boolean): AesGcmParams {
	const iv = new Uint8Array(12);
	new DataView(iv.buffer).setUint32(8, frame);
	return { name: 'AES-GCM', iv, additionalData: new Uint8Array([last ? 1 : 0]) };
}

function headOf(line: string): { salt: Uint8Array<ArrayBuffer>; iterations: number } {
	let head: unknown;
	try {
		head = JSON.parse(line);
	} catch (cause) {
		throw damaged('it is no encrypted file', cause);
	}
	const salt = isRecord(head) && typeof head.salt === 'string' ? fromBase64(head.salt) : undefined;
	const iterations = isRecord(head) ? head.iterations : undefined;
	if (!salt || typeof iterations !== 'number' || !(iterations >= 1 && iterations <= MOST_ITERATIONS))
		throw damaged('it is no encrypted file');
	return { salt, iterations };
}
