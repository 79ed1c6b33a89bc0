import type { ByteSource } from '#workers/bytes.ts';
import { createSHA1, createSHA256, type IHasher } from 'hash-wasm';

/** A digest that grows with the bytes and whose state can be saved, so that a cut download need not be read again. */
export class RunningHash {
	readonly #hasher: IHasher;
	readonly #head: Uint8Array;

	private constructor(hasher: IHasher, head: Uint8Array) {
		this.#hasher = hasher;
		this.#head = head;
		this.reset();
	}

	static async sha256(): Promise<RunningHash> {
		return new RunningHash(await createSHA256(), new Uint8Array());
	}

	/** Git's name of a file: SHA-1 over `blob <size>\0` and its bytes. The Hub names small files so. */
	static async gitBlob(size: number): Promise<RunningHash> {
		return new RunningHash(await createSHA1(), new TextEncoder().encode(`blob ${size}\0`));
	}

	reset(): void {
		this.#hasher.init().update(this.#head);
	}

	update(bytes: Uint8Array): void {
		this.#hasher.update(bytes);
	}

	/** Lower-case hex. The hash can only be reset afterwards. */
	digest(): string {
		return this.#hasher.digest();
	}

	save(): number[] {
		return Array.from(this.#hasher.save());
	}

	/** False when the state is not one of this version's; the hash is then reset. */
	load(state: number[]): boolean {
		try {
			this.#hasher.load(Uint8Array.from(state));
			return true;
		} catch {
			this.reset();
			return false;
		}
	}
}

/** SHA-256 in lower-case hex. */
export async function sha256Hex(bytes: Uint8Array): Promise<string> {
	const hash = await RunningHash.sha256();
	hash.update(bytes);
	return hash.digest();
}

/** SHA-256 of a whole file, in lower-case hex; read in pieces. `yieldNow` is awaited between them. */
export async function sha256Of(
	source: ByteSource,
	yieldNow: () => Promise<void> | void = () => undefined
): Promise<string> {
	const hash = await RunningHash.sha256();
	const step = 4 << 20;
	for (let at = 0; at < source.size; at += step) {
		hash.update(source.read(at, Math.min(step, source.size - at)));
		await yieldNow();
	}
	return hash.digest();
}
