import { memorySource } from '#workers/bytes.ts';
import type { Hex } from '#workers/datanets/hash.ts';
import { OpenLedgerError } from '#workers/errors.ts';
import type { Folder } from '#workers/models/store/folder.ts';
import { sha256Hex } from '#workers/models/store/hash.ts';
import { placeWhole, readWhole } from '#workers/models/store/whole-file.ts';
import { buildSpanIndex } from './build.ts';
import { removeSpans, SPANS } from './kept-spans.ts';
import { readSpanIndex, writeSpanIndex, type SpanIndex } from './span-index.ts';

/** Hex digits of the file's SHA-256 that stand in its name. */
const HASH_DIGITS = 24;

/**
 * Indexes of words on this device, one for an adapter: `spans/ADAPTER.ROWS.HASH`. ROWS is the hash of the rows' ids, so that other rows
 * are another index; HASH is that of the file, which is believed only if it has it. What is missing, damaged or of other rows is built anew.
 */
export class SpanStore {
	readonly #folder: Folder;

	constructor(folder: Folder) {
		this.#folder = folder;
	}

	/**
	 * The index of these rows: as it is stored, or built now and stored where there is room.
	 *
	 * @param rows keccak256 of their ids
	 * @param texts what they say, asked for only where the index has to be built
	 */
	async open(adapter: string, rows: Hex, texts: () => Iterable<string>): Promise<SpanIndex> {
		const stem = `${adapter}.${rows.slice(2)}`;
		for (const name of await this.#names(adapter)) {
			const index = name.startsWith(`${stem}.`) ? await this.#read(name) : undefined;
			if (index) return index;
		}
		const index = await buildSpanIndex(texts());
		await this.remove(adapter)
			.then(() => this.#write(stem, writeSpanIndex(index)))
			.catch(unlessFull);
		return index;
	}

	/** Removes those of adapters that are not here any more. */
	async keepOnly(adapters: ReadonlySet<string>): Promise<void> {
		for (const name of await this.#folder.names(SPANS))
			if (!adapters.has(name.slice(0, name.indexOf('.')))) await this.#folder.remove(`${SPANS}/${name}`);
	}

	remove(adapter: string): Promise<void> {
		return removeSpans(this.#folder, adapter);
	}

	async #names(adapter: string): Promise<string[]> {
		return (await this.#folder.names(SPANS)).filter((name) => name.startsWith(`${adapter}.`));
	}

	async #read(name: string): Promise<SpanIndex | undefined> {
		const bytes = await readWhole(this.#folder, `${SPANS}/${name}`);
		try {
			if (!bytes || !name.endsWith(`.${(await sha256Hex(bytes)).slice(0, HASH_DIGITS)}`)) return undefined;
			return readSpanIndex(memorySource(bytes));
		} catch (error) {
			// One of an earlier format.
			if (error instanceof OpenLedgerError && error.code === 'spans/malformed') return undefined;
			throw error;
		}
	}

	async #write(stem: string, bytes: Uint8Array): Promise<void> {
		const path = `${SPANS}/${stem}`;
		const hash = (await sha256Hex(bytes)).slice(0, HASH_DIGITS);
		await placeWhole(this.#folder, `${path}.part`, `${path}.${hash}`, bytes);
	}
}

/** Without room it is built again at the next visit; another tab that writes it at the same time does as well. */
function unlessFull(error: unknown): void {
	if (error instanceof OpenLedgerError && (error.code === 'storage/full' || error.code === 'engine/busy'))
		return;
	throw error;
}
