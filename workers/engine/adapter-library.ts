import { adapterId } from '#workers/adapters/adapter-id.ts';
import { checkFit } from '#workers/adapters/check-fit.ts';
import {
	CONFIG_FILE,
	MANIFEST_FILE,
	WEIGHTS_FILE,
	type LoraAdapter
} from '#workers/adapters/lora-adapter.ts';
import type { AdapterSource } from '#workers/adapters/link.ts';
import { parseAdapterConfig, type LoraConfig } from '#workers/adapters/lora-config.ts';
import { checkBase, parseManifest, type AdapterManifest } from '#workers/adapters/manifest.ts';
import { readAdapter } from '#workers/adapters/read-adapter.ts';
import { memorySource, readAhead } from '#workers/bytes.ts';
import { OpenLedgerError } from '#workers/errors.ts';
import type { FileStore } from '#workers/models/store/file-store.ts';
import { sha256Hex } from '#workers/models/store/hash.ts';
import type { Item } from '#workers/models/store/item.ts';
import type { LoraSlot } from '#workers/onnx/slots.ts';
import type { AdapterEntry } from '#workers/protocol.ts';

/** What the library notes of a stored adapter, so that listing thousands reads no weights. */
interface About {
	bundled: boolean;
	config: LoraConfig;
	manifest?: AdapterManifest;
	/** Where others can fetch it. */
	origin?: AdapterSource;
	bytes: number;
	/** [module path, in features, out features] of every module it changes. */
	modules: [path: string, inFeatures: number, outFeatures: number][];
}

/** The base that adapters are held against. */
export interface AdapterBase {
	name: string;
	/** SHA-256 of its weight files. */
	hashes: readonly string[];
	slots: readonly LoraSlot[];
}

const itemId = (id: string) => `adapter:${id}`;

/** Adapters on this device, each named by its weights and its configuration. */
export class AdapterLibrary {
	readonly #store: FileStore;

	constructor(store: FileStore) {
		this.#store = store;
	}

	async list(base: AdapterBase | undefined, resident: (id: string) => boolean): Promise<AdapterEntry[]> {
		const items = (await this.#store.items()).filter(({ kind }) => kind === 'adapter');
		return items
			.map((item) => entryOf(item, base, resident))
			.sort(
				(a, b) =>
					Number(b.source === 'bundled') - Number(a.source === 'bundled') || a.name.localeCompare(b.name)
			);
	}

	/**
	 * Stores the files of a PEFT folder after checking all of them.
	 * @throws OpenLedgerError `adapter/*`, `safetensors/malformed`, `storage/full`
	 */
	async import(
		files: ReadonlyMap<string, Uint8Array>,
		{ name, bundled = false, origin }: { name?: string; bundled?: boolean; origin?: AdapterSource } = {}
	): Promise<string> {
		const required = (file: string) => files.get(file) ?? missing(file);
		const weights = required(WEIGHTS_FILE);
		const config = parseAdapterConfig(required(CONFIG_FILE));
		const manifestBytes = files.get(MANIFEST_FILE);
		const manifest = manifestBytes && parseManifest(manifestBytes);
		const { modules } = readAdapter(config, memorySource(weights));
		const hashes = {
			[WEIGHTS_FILE]: await sha256Hex(weights),
			[CONFIG_FILE]: await sha256Hex(required(CONFIG_FILE))
		};
		for (const file of [WEIGHTS_FILE, CONFIG_FILE] as const)
			if (manifest && manifest.files[file] !== hashes[file]) throw differs(file);
		const id = await adapterId(hashes);
		const about: About = {
			bundled,
			config,
			manifest,
			origin,
			bytes: weights.byteLength,
			modules: [...modules].map(([path, { inFeatures, outFeatures }]) => [path, inFeatures, outFeatures])
		};
		await this.#store.put(
			{
				id: itemId(id),
				kind: 'adapter',
				name: (name?.trim() || manifest?.name) ?? `Adapter ${id.slice(0, 8)}`,
				source: bundled ? 'bundled' : '',
				about
			},
			new Map(files)
		);
		return id;
	}

	/** The weights, ready to be packed. @throws OpenLedgerError `adapter/wrong-base` */
	async read(id: string, base: AdapterBase): Promise<LoraAdapter> {
		const open = await this.#store.openItem(itemId(id));
		try {
			const about = open.item.about as About;
			if (about.manifest) checkBase(about.manifest, { id: base.name, hashes: base.hashes });
			const adapter = readAdapter(about.config, readAhead(await open.file(WEIGHTS_FILE)));
			checkFit(adapter, base.slots);
			return adapter;
		} finally {
			// The next reply need not wait until the index has been looked at again.
			void open.close().catch((error: unknown) => console.warn('An adapter’s files stay open.', error));
		}
	}

	/** Notes where others can fetch it from now on. */
	async publish(id: string, origin: AdapterSource): Promise<void> {
		const item = await this.#store.item(itemId(id));
		if (item) await this.#store.note(item.id, { ...(item.about as About), origin });
	}

	async export(id: string): Promise<File[]> {
		const open = await this.#store.openItem(itemId(id));
		try {
			return await Promise.all(
				open.item.files.map(async ({ path }) => new File([new Uint8Array(await open.bytes(path))], path))
			);
		} finally {
			await open.close();
		}
	}

	/** @throws OpenLedgerError `adapter/bundled` for one that ships with the app */
	async remove(id: string): Promise<void> {
		const item = await this.#store.item(itemId(id));
		if (item && (item.about as About).bundled)
			throw new OpenLedgerError('adapter/bundled', `${item.name} comes with the app.`, {
				remedy: 'It stays: the app brings it along each time it starts.'
			});
		await this.#store.remove(itemId(id));
	}

	async has(id: string): Promise<boolean> {
		return (await this.#store.item(itemId(id))) !== undefined;
	}
}

function entryOf(item: Item, base: AdapterBase | undefined, resident: (id: string) => boolean): AdapterEntry {
	const { bundled, config, manifest, origin, bytes, modules } = item.about as About;
	const id = item.id.slice(itemId('').length);
	const evaluation = manifest?.evaluation;
	const hashOf = (path: string) => item.files.find((file) => file.path === path)?.sha256 ?? '';
	return {
		id,
		name: item.name,
		summary: manifest?.description ?? '',
		author: manifest?.author,
		licence: manifest?.licence,
		origin,
		source: bundled ? 'bundled' : 'imported',
		base: manifest?.base.id ?? config.baseModel ?? '',
		baseHashes: manifest?.base.sha256 ?? [],
		...fit(config, manifest, modules, base),
		rank: config.rank,
		targetModules: [...new Set(modules.map(([path]) => path.slice(path.lastIndexOf('.') + 1)))],
		files: { weights: hashOf(WEIGHTS_FILE), config: hashOf(CONFIG_FILE) },
		bytes,
		resident: resident(id),
		examples: manifest?.examples,
		evaluation: evaluation && {
			baseLoss: evaluation.lossBefore,
			adapterLoss: evaluation.lossAfter,
			rows: evaluation.heldOutRows
		},
		datanets:
			manifest?.datanets.map(({ name, rows, id, root, sha256 }) => ({ name, rows, id, root, sha256 })) ?? [],
		parents:
			manifest?.lineage?.map(({ sha256, weights, name, datanets }) => ({
				id: sha256,
				weights,
				name,
				datanets: datanets.map(({ name, rows, root }) => ({ name, rows, root }))
			})) ?? []
	};
}

function fit(
	config: LoraConfig,
	manifest: AdapterManifest | undefined,
	modules: About['modules'],
	base: AdapterBase | undefined
): { fits: boolean; reason?: string } {
	if (!base) return { fits: false, reason: 'No model is loaded.' };
	try {
		if (manifest) checkBase(manifest, { id: base.name, hashes: base.hashes });
		const shapes = modules.map(
			([path, inFeatures, outFeatures]) => [path, { inFeatures, outFeatures }] as const
		);
		checkFit({ config, modules: new Map(shapes) }, base.slots);
		return { fits: true };
	} catch (error) {
		if (error instanceof OpenLedgerError) return { fits: false, reason: error.message };
		throw error;
	}
}

function missing(file: string): never {
	throw new OpenLedgerError('adapter/malformed', `The adapter has no ${file}.`, {
		remedy:
			'Choose the whole folder that PEFT wrote (save_pretrained): adapter_config.json and adapter_model.safetensors.',
		details: { file }
	});
}

function differs(file: string): OpenLedgerError {
	return new OpenLedgerError(
		'adapter/malformed',
		`${file} is not the one that the adapter's manifest names.`,
		{
			remedy: 'Get the adapter again from its source, or import it without the manifest.',
			details: { file }
		}
	);
}
