import { OpenLedgerError } from '#workers/errors.ts';
import type { ModelEntry } from '#workers/protocol.ts';
import { parseModelConfig } from './builder/config.ts';
import { CATALOGUE } from './catalogue/catalogue.ts';
import { modelEntry, type DeviceFacts, type ModelFacts } from './catalogue/entry.ts';
import { shapeIn, weightBytes, type ModelShape } from './catalogue/memory.ts';
import { downloadItem, type DownloadOptions, type DownloadPlan } from './download/download-item.ts';
import { Hub, type HubOptions } from './hub/hub.ts';
import { planManifest } from './hub/manifest.ts';
import { dtypesIn, isDtype, pickFiles, type Dtype } from './hub/pick-files.ts';
import { importFolder, type FolderFile } from './import/import-folder.ts';
import { openModel, type OpenModel } from './open-model.ts';
import type { FileStore } from './store/file-store.ts';
import type { Item } from './store/item.ts';

const NANO = 'bundled:nano';
const nano = {
	name: 'Nano',
	summary: 'Starts at once and works offline. Tiny: it writes in the style of textbooks and is often wrong.',
	source: 'bundled',
	licence: 'CC-BY-4.0 (data: OpenStax)',
	dtype: 'q4',
	examples: ['What is inflation?', 'Define opportunity cost.', 'What is a mitochondrion?'] as string[]
} as const satisfies ModelFacts;

/** For what is asked in passing and can be done without. */
const once = { attempts: 1, baseMs: 0, maxMs: 0, stallMs: 5000 };

/** Models: what there is, what of it is stored, and bringing it here. Ids are those of `ModelEntry`. */
export class ModelLibrary {
	readonly #store: FileStore;
	readonly #nanoUrl: string;
	#hub = new Hub();
	/** What `find` has learnt, until the worker ends; stored models carry it themselves. */
	readonly #found = new Map<string, ModelFacts>();

	/** @param appUrl the app's own address with a trailing slash: nano lies in `models/nano/` under it */
	constructor(store: FileStore, appUrl: string) {
		this.#store = store;
		this.#nanoUrl = new URL('models/nano/', appUrl).href;
	}

	/** Takes effect for the next request. */
	useHub(options: HubOptions): void {
		this.#hub = new Hub(options);
	}

	/** The embedded model, the catalogue by size, then what else is stored. */
	async entries(device: DeviceFacts): Promise<ModelEntry[]> {
		const items = (await this.#store.items()).filter(({ kind }) => kind === 'model');
		const pending = (await this.#store.pendingItems()).filter(
			({ kind, resumable }) => kind === 'model' && resumable
		);
		if (!this.#found.has(NANO) && !items.some(({ id }) => id === NANO))
			await this.#nanoPlan({ policy: once }).catch(() => undefined);
		const known = new Map<string, ModelFacts>([[NANO, nano]]);
		for (const model of CATALOGUE)
			for (const dtype of ['q4', 'q4f16'] as const) {
				const downloadBytes = weightBytes(model.shape, dtype) + model.tokenizerBytes;
				known.set(hubId(model.repo, 'main', dtype), { ...model, source: 'hub', dtype, downloadBytes });
			}
		for (const [id, facts] of this.#found) known.set(id, facts);
		for (const { id, about } of [...pending, ...items])
			if (isFacts(about)) known.set(id, { ...known.get(id), ...about });
		const stored = new Map<string, ModelEntry['stored']>();
		for (const { id } of pending) stored.set(id, 'partial');
		for (const { id } of items) stored.set(id, 'complete');
		return [...known].map(([id, facts]) => modelEntry(id, facts, stored.get(id) ?? 'none', device));
	}

	/**
	 * A Hub repository in the onnx-community layout, one entry per precision.
	 * @throws OpenLedgerError `hub/*`, `aborted`
	 */
	async find(
		repo: string,
		revision: string,
		device: DeviceFacts,
		signal?: AbortSignal
	): Promise<ModelEntry[]> {
		const listed = await this.#hub.list(repo, revision, signal);
		const dtypes = dtypesIn(listed.files.map(({ path }) => path));
		// Throws what is missing.
		if (dtypes.length === 0) pickFiles(listed.files, 'q4');
		const shape = shapeOf(await this.#hub.json(listed, 'config.json', signal));
		const ids = dtypes.map((dtype) => {
			const id = hubId(repo, revision, dtype);
			this.#found.set(id, {
				name: repo.slice(repo.indexOf('/') + 1),
				summary: `From ${repo}.`,
				licence: listed.licence,
				...CATALOGUE.find((model) => model.repo === repo),
				source: 'hub',
				dtype,
				shape,
				downloadBytes: pickFiles(listed.files, dtype).reduce((sum, { size }) => sum + size, 0)
			});
			return id;
		});
		return (await this.entries(device)).filter(({ id }) => ids.includes(id));
	}

	/**
	 * Brings a model into the store, or goes on where that was left. Nothing is fetched when it is there; only nano is
	 * replaced when the app has a newer one.
	 * @throws OpenLedgerError `hub/*`, `storage/full`, `aborted`
	 */
	async fetch(id: string, options: DownloadOptions = {}): Promise<Item> {
		const { signal, onProgress } = options;
		const stored = await this.#store.item(id);
		if (stored && (await this.#store.check(id)).length === 0) {
			const newer = id === NANO ? await this.#newerNano(stored, signal) : undefined;
			if (!newer) return stored;
			await this.#store.remove(id);
			return downloadItem(this.#store, newer, options);
		}
		if (id.startsWith('local:')) await this.#store.known(id);
		onProgress?.({ phase: 'waiting' });
		return downloadItem(this.#store, await this.#plan(id, signal), options);
	}

	/** The plan of what the app ships now, when that is not what is stored. Offline nothing is newer. */
	async #newerNano({ files }: Item, signal?: AbortSignal): Promise<DownloadPlan | undefined> {
		const plan = await this.#nanoPlan({ signal, policy: once }).catch((error: unknown) => {
			if (signal?.aborted) throw error;
			return undefined;
		});
		const stored = new Set(files.map(({ sha256 }) => sha256));
		return plan?.files.every(({ sha256 }) => sha256 && stored.has(sha256)) ? undefined : plan;
	}

	/** Opens a stored model. Close it when the session holds what it needs. */
	async open(id: string): Promise<OpenModel> {
		return openModel(this.#store, id);
	}

	/**
	 * Imports a local folder: an ONNX export, or Hugging Face safetensors, which are built into 4-bit ONNX.
	 * Returns the new model's id. @throws OpenLedgerError `config/*`, `tokenizer/malformed`, `safetensors/malformed`,
	 * `storage/full`, `aborted`
	 */
	async import(files: readonly FolderFile[], options: DownloadOptions = {}): Promise<string> {
		return importFolder(this.#store, files, options);
	}

	async #nanoPlan(options: Pick<DownloadOptions, 'signal' | 'policy'>): Promise<DownloadPlan> {
		const label = { id: NANO, kind: 'model' as const, name: nano.name, source: 'bundled' };
		const plan = await planManifest(this.#nanoUrl, label, options);
		const { config, parameters, dtype } = plan;
		const about: ModelFacts = {
			...nano,
			dtype: typeof dtype === 'string' && isDtype(dtype) ? dtype : nano.dtype,
			parameters: typeof parameters === 'number' ? parameters : undefined,
			shape: shapeIn(config),
			downloadBytes: plan.files.reduce((sum, { size }) => sum + (size ?? 0), 0)
		};
		this.#found.set(NANO, about);
		return { label: { ...label, about }, files: plan.files };
	}

	async #plan(id: string, signal?: AbortSignal): Promise<DownloadPlan> {
		if (id === NANO) return this.#nanoPlan({ signal });
		const { repo, revision, dtype } = parseHubId(id);
		const listed = await this.#hub.list(repo, revision, signal);
		const files = pickFiles(listed.files, dtype);
		const catalogued = CATALOGUE.find((model) => model.repo === repo);
		const about: ModelFacts = this.#found.get(id) ?? {
			name: repo.slice(repo.indexOf('/') + 1),
			summary: `From ${repo}.`,
			...catalogued,
			licence: catalogued?.licence ?? listed.licence,
			source: 'hub',
			dtype,
			downloadBytes: files.reduce((sum, { size }) => sum + size, 0)
		};
		return {
			label: { id, kind: 'model', name: about.name, source: repo, revision: listed.commit, about },
			files: files.map((file) => ({ ...file, remote: this.#hub.remote(listed, file.path) }))
		};
	}
}

function hubId(repo: string, revision: string, dtype: Dtype): string {
	return `hf:${repo}@${revision}/${dtype}`;
}

function parseHubId(id: string): { repo: string; revision: string; dtype: Dtype } {
	const [, repo, revision, dtype] = /^hf:([^@]+)@(.+)\/([^/]+)$/.exec(id) ?? [];
	if (repo && revision && isDtype(dtype)) return { repo, revision, dtype };
	throw new OpenLedgerError('hub/not-found', 'There is no such model.', {
		remedy: 'Choose a model from the list, or enter the name of a repository.',
		details: { id: id.slice(0, 200) }
	});
}

/** Undefined for a family that the estimate does not know; the model may still run. */
function shapeOf(config: unknown): ModelShape | undefined {
	try {
		return parseModelConfig(config);
	} catch {
		return undefined;
	}
}

function isFacts(about: unknown): about is ModelFacts {
	return typeof about === 'object' && about !== null && 'dtype' in about && 'source' in about;
}
