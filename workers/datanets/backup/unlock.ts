import { OpenLedgerError } from '../../errors.ts';
import { fromBase64, toBase64 } from '../bundle/base64.ts';
import { isRecord } from '../formats/items.ts';
import type { Sealed, VaultRecord } from '../store/schema.ts';
import { MOST_ITERATIONS } from '../store/vault.ts';

/**
 * Asks the person for a Datanet's passphrase; undefined: go on without this one.
 * @param again true after one that did not open it
 */
export type Unlock = (name: string, again: boolean) => Promise<string | undefined>;

/** Asks until `open` takes the passphrase. */
export async function askUntilOpen<T>(
	name: string,
	unlock: Unlock,
	open: (passphrase: string) => Promise<T>
): Promise<T | undefined> {
	for (let again = false; ; again = true) {
		const passphrase = await unlock(name, again);
		if (passphrase === undefined) return undefined;
		try {
			return await open(passphrase);
		} catch (error) {
			if (!(error instanceof OpenLedgerError) || error.code !== 'datanet/locked') throw error;
		}
	}
}

/** A vault as JSON: what it takes to check a passphrase, never the passphrase. */
export function vaultToJson({ salt, iterations, check }: VaultRecord) {
	return {
		salt: toBase64(salt),
		iterations,
		check: { nonce: toBase64(check.nonce), bytes: toBase64(check.bytes) }
	};
}

/** Undefined for what is none, or would keep the device busy for minutes. */
export function vaultFromJson(value: unknown): VaultRecord | undefined {
	if (!isRecord(value)) return undefined;
	const salt = bytesOf(value.salt);
	const check = sealedOf(value.check);
	const { iterations } = value;
	if (!salt || !check || typeof iterations !== 'number') return undefined;
	return iterations >= 1 && iterations <= MOST_ITERATIONS ? { salt, iterations, check } : undefined;
}

function sealedOf(value: unknown): Sealed | undefined {
	if (!isRecord(value)) return undefined;
	const [nonce, bytes] = [bytesOf(value.nonce), bytesOf(value.bytes)];
	return nonce && bytes ? { nonce, bytes } : undefined;
}

function bytesOf(value: unknown): Uint8Array | undefined {
	return typeof value === 'string' && value.length < 1_000 ? fromBase64(value) : undefined;
}
