import { OpenLedgerError } from '../../errors.ts';
import type { DatanetRecord, Sealed, VaultRecord } from './schema.ts';

/** PBKDF2-HMAC-SHA-256 rounds (OWASP Password Storage Cheat Sheet, 2023: at least 600,000). */
export const ITERATIONS = 600_000;
/** What a hostile file may ask of the device before a passphrase can be checked. */
export const MOST_ITERATIONS = 5_000_000;
const CONSTANT = 'openledger';

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Encrypts plain data under a passphrase: PBKDF2 for the key, AES-256-GCM with a fresh 96-bit nonce each time. */
export class Vault {
	/** Names it: no two vaults have the same. */
	readonly salt: Uint8Array;
	readonly #key: CryptoKey;

	private constructor(salt: Uint8Array, key: CryptoKey) {
		this.salt = salt;
		this.#key = key;
	}

	/** A new vault and what must be stored to open it again. */
	static async create(passphrase: string): Promise<{ vault: Vault; record: VaultRecord }> {
		const salt = crypto.getRandomValues(new Uint8Array(16));
		const vault = new Vault(salt, await deriveKey(passphrase, salt, ITERATIONS));
		return { vault, record: { salt, iterations: ITERATIONS, check: await vault.seal(CONSTANT) } };
	}

	/** Throws `datanet/locked` for a wrong passphrase. */
	static async unlock(record: VaultRecord, passphrase: string): Promise<Vault> {
		const vault = new Vault(record.salt, await deriveKey(passphrase, record.salt, record.iterations));
		await vault.open(record.check);
		return vault;
	}

	async seal(value: unknown): Promise<Sealed> {
		return seal(this.#key, encoder.encode(JSON.stringify(value)));
	}

	async open<T>(sealed: Sealed): Promise<T> {
		return JSON.parse(decoder.decode(await open(this.#key, sealed))) as T;
	}
}

/**
 * Refuses to go on with a Datanet that was locked, or unlocked, since it was opened: what would be written then lay in
 * the clear, or could not be opened again. Throws `datanet/locked`.
 */
export function requireVault(datanet: DatanetRecord, vault: Pick<Vault, 'salt'> | undefined): void {
	const [a, b] = [datanet.vault?.salt, vault?.salt];
	if (a?.join() === b?.join()) return;
	throw new OpenLedgerError('datanet/locked', 'This Datanet was locked or unlocked in another tab.', {
		remedy: 'Open it again, then do this once more. Nothing was changed.'
	});
}

export async function seal(key: CryptoKey, bytes: Uint8Array<ArrayBuffer>): Promise<Sealed> {
	const nonce = crypto.getRandomValues(new Uint8Array(12));
	return {
		nonce,
		bytes: new Uint8Array(await crypto.subtle.encrypt({ name: 'AES-GCM', iv: nonce }, key, bytes))
	};
}

/** Throws `datanet/locked` where the key is another or the bytes were changed. */
export async function open(key: CryptoKey, { nonce, bytes }: Sealed): Promise<Uint8Array<ArrayBuffer>> {
	try {
		const iv = new Uint8Array(nonce);
		return new Uint8Array(await crypto.subtle.decrypt({ name: 'AES-GCM', iv }, key, new Uint8Array(bytes)));
	} catch (cause) {
		throw locked(cause);
	}
}

export function locked(cause: unknown): OpenLedgerError {
	return new OpenLedgerError('datanet/locked', 'That passphrase does not open this.', {
		remedy: 'Check the passphrase. Without it nobody can read the data, and it cannot be reset.',
		cause
	});
}

/** PBKDF2-HMAC-SHA-256 to a key that cannot be read out. */
export async function deriveKey(
	passphrase: string,
	salt: Uint8Array,
	iterations: number
): Promise<CryptoKey> {
	const material = await crypto.subtle.importKey(
		'raw',
		encoder.encode(passphrase.normalize('NFC')),
		'PBKDF2',
		false,
		['deriveKey']
	);
	return crypto.subtle.deriveKey(
		{ name: 'PBKDF2', hash: 'SHA-256', salt: new Uint8Array(salt), iterations },
		material,
		{ name: 'AES-GCM', length: 256 },
		false,
		['encrypt', 'decrypt']
	);
}
