import { memorySource } from '#workers/bytes.ts';
import { OpenLedgerError } from '#workers/errors.ts';
import type { FileStore } from '#workers/models/store/file-store.ts';
import { sha256Hex } from '#workers/models/store/hash.ts';
import type { Item } from '#workers/models/store/item.ts';
import { CONFIG_FILE, MANIFEST_FILE, WEIGHTS_FILE, type LoraAdapter } from './lora-adapter.ts';
import { parseAdapterConfig, type LoraConfig } from './lora-config.ts';
import { parseManifest, type AdapterManifest } from './manifest.ts';
import { readAdapter } from './read-adapter.ts';

/** What the catalogue needs of the file store. */
type Store = Pick<FileStore, 'items' | 'item' | 'put' | 'openItem' | 'remove'>;

/** A stored adapter, as a list shows it: no file is read for it. */
export interface CatalogueEntry {
	/** SHA-256 (hex) of its adapter_model.safetensors. */
	id: string;
	name: string;
	/** Where it came from; empty for what was made or imported here. */
	source: string;
	/** Bytes of its files. */
	bytes: number;
	config: LoraConfig;
	manifest?: AdapterManifest;
}

/** The adapters on this device; thousands are fine. */
export class AdapterCatalogue {
	readonly #store: Store;

	constructor(store: Store) {
		this.#store = store;
	}

	async list(): Promise<CatalogueEntry[]> {
		return (await this.#store.items()).filter(({ kind }) => kind === 'adapter').map(entryOf);
	}

	async entry(id: string): Promise<CatalogueEntry | undefined> {
		const item = await this.#store.item(itemId(id));
		return item && entryOf(item);
	}

	/**
	 * Checks an adapter's files completely and stores them; nothing is stored of one that fails. The same weights stored
	 * before are replaced, so that a corrected configuration takes effect.
	 *
	 * Throws what `readAdapter`, `parseAdapterConfig` and `parseManifest` throw, `adapter/malformed` where files are missing
	 * or differ from the manifest, and `storage/full`.
	 */
	async add(
		files: ReadonlyMap<string, Uint8Array>,
		{ name, source = '' }: { name?: string; source?: string } = {}
	): Promise<CatalogueEntry> {
		const [configBytes, weights] = [required(files, CONFIG_FILE), required(files, WEIGHTS_FILE)];
		const manifestBytes = files.get(MANIFEST_FILE);
		const config = parseAdapterConfig(configBytes);
		const manifest = manifestBytes && parseManifest(manifestBytes);
		const hashes = { [CONFIG_FILE]: await sha256Hex(configBytes), [WEIGHTS_FILE]: await sha256Hex(weights) };
		for (const file of [CONFIG_FILE, WEIGHTS_FILE] as const)
			if (manifest && manifest.files[file] !== hashes[file])
				throw malformed(`${file} is not the file that its manifest names`);
		readAdapter(config, memorySource(weights));

		const id = itemId(hashes[WEIGHTS_FILE]);
		const kept = new Map(
			[CONFIG_FILE, WEIGHTS_FILE, MANIFEST_FILE].flatMap((path) => {
				const bytes = files.get(path);
				return bytes ? [[path, bytes] as const] : [];
			})
		);
		if (await this.#store.item(id)) await this.#store.remove(id);
		const facts: Facts = { config, manifest };
		const label = manifest?.name ?? name ?? config.baseModel ?? 'Adapter';
		return entryOf(await this.#store.put({ id, kind: 'adapter', name: label, source, about: facts }, kept));
	}

	/** An adapter's matrices. Throws `storage/damaged` when it is not stored. */
	async load(id: string): Promise<LoraAdapter> {
		const open = await this.#store.openItem(itemId(id));
		try {
			const config = parseAdapterConfig(await open.bytes(CONFIG_FILE));
			return readAdapter(config, await open.file(WEIGHTS_FILE));
		} finally {
			await open.close();
		}
	}

	/** Removes an adapter's files. Forget it in the pool as well. */
	async remove(id: string): Promise<void> {
		await this.#store.remove(itemId(id));
	}
}

/** Kept with the item, so that listing reads no files. */
interface Facts {
	config: LoraConfig;
	manifest?: AdapterManifest;
}

const PREFIX = 'adapter:';

function itemId(id: string): string {
	return PREFIX + id;
}

function entryOf({ id, name, source, files, about }: Item): CatalogueEntry {
	const { config, manifest } = about as Facts;
	const bytes = files.reduce((sum, { size }) => sum + size, 0);
	return { id: id.slice(PREFIX.length), name, source, bytes, config, manifest };
}

function required(files: ReadonlyMap<string, Uint8Array>, path: string): Uint8Array {
	const bytes = files.get(path);
	if (!bytes) throw malformed(`the file ${path} is missing`);
	return bytes;
}

function malformed(reason: string): OpenLedgerError {
	return new OpenLedgerError('adapter/malformed', `This adapter cannot be used: ${reason}.`, {
		remedy: `Choose a folder with ${CONFIG_FILE} and ${WEIGHTS_FILE} as PEFT saves them.`
	});
}
