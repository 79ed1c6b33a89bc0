import type { AdapterSource } from '#workers/adapters/link.ts';
import { CONFIG_FILE, INDEX_FILE, MANIFEST_FILE, WEIGHTS_FILE } from '#workers/adapters/lora-adapter.ts';
import { formatManifest, parseManifest } from '#workers/adapters/manifest.ts';
import { BuildDrafts } from '#workers/attribution/index/build-draft.ts';
import { checkIndexOf, readIndex, writeIndex } from '#workers/attribution/index/index-file.ts';
import { indexItem, IndexStore } from '#workers/attribution/index/index-store.ts';
import { removeSpans, spanSizes } from '#workers/attribution/spans/kept-spans.ts';
import { OpenLedgerError } from '#workers/errors.ts';
import { sha256Hex } from '#workers/models/store/hash.ts';
import { fitTogether, requireMemory, type DeviceFacts } from '#workers/models/catalogue/entry.ts';
import { ModelLibrary } from '#workers/models/library.ts';
import { FileStore } from '#workers/models/store/file-store.ts';
import type {
	AdapterEntry,
	Completion,
	DeviceReport,
	EngineApi,
	EngineSettings,
	GenerateEvent,
	GenerateRequest,
	LoadedModel,
	LoadOptions,
	LoadProgress,
	ModelEntry,
	StorageReport,
	StoredItem
} from '#workers/protocol.ts';
import { chooseProvider, type ModelNeeds } from '#workers/runtime/choose-provider.ts';
import { Processor } from '#workers/runtime/processor.ts';
import { probeDevice } from '#workers/runtime/probe.ts';
import { RunStore } from '#workers/train/runs/run-store.ts';
import { adapterFiles } from './adapter-files.ts';
import { AdapterLibrary } from './adapter-library.ts';
import type { Base } from './base.ts';
import { bundledAdapters } from './bundled.ts';
import type { EngineEnvironment } from './environment.ts';
import { startBase } from './start-base.ts';
import { Tasks } from './tasks.ts';

/** What the ids of training runs begin with among stored items. */
const RUN = 'run:';
/** And of what attribution keeps beside its indexes, by adapter. */
const SKETCHES = 'sketches:';
const SPAN = 'spans:';

/** What `probe` chooses for: larger than what is faster on the processor anyway. */
const TYPICAL_MODEL: ModelNeeds = { weightBytes: 2 ** 28, features: [] };

/** The engine behind `EngineApi`: ties the rooms together and holds what is loaded. */
export class Engine implements EngineApi {
	readonly #environment: EngineEnvironment;
	readonly #tasks = new Tasks();
	readonly #store: Promise<FileStore>;
	readonly #models: Promise<ModelLibrary>;
	readonly #processor: Processor;
	#base: Base | undefined;
	/** How the loaded model was started, and its estimate of memory. */
	#loadedBy: LoadOptions | undefined;
	#memoryBytes: number | undefined;
	/** The load under way: another one cancels it. */
	#loading: { task: string; done: Promise<unknown> } | undefined;
	#bundled: Promise<void> | undefined;

	constructor(environment: EngineEnvironment) {
		this.#environment = environment;
		this.#processor = new Processor(environment.ortUrls?.wasm);
		this.#store = Promise.resolve(environment.folder).then((folder) => FileStore.open(folder));
		this.#models = this.#store.then((store) => new ModelLibrary(store, environment.appUrl));
	}

	async configure({ hubUrl, hubToken }: EngineSettings): Promise<void> {
		(await this.#models).useHub({ url: hubUrl, token: hubToken });
	}

	async probe(): Promise<DeviceReport> {
		const { gpu, isolated, memoryBytes, handheld, ...machine } = await probeDevice();
		const { provider, reason } = chooseProvider({ gpu, isolated, ...machine }, TYPICAL_MODEL);
		const { threads } = chooseProvider({ isolated, ...machine }, TYPICAL_MODEL, 'wasm');
		const webgpu = gpu ? { adapter: gpu.name, software: gpu.software, shaderF16: gpu.shaderF16 } : null;
		return { provider, reason, webgpu, threads, isolated, memoryBytes, handheld };
	}

	async #device(): Promise<DeviceFacts> {
		const { provider, webgpu, memoryBytes, handheld } = await this.probe();
		return { provider, shaderF16: webgpu?.shaderF16 ?? false, memoryBytes, handheld };
	}

	async models(): Promise<ModelEntry[]> {
		return (await this.#models).entries(await this.#device());
	}

	async findModel(repo: string, revision = 'main'): Promise<ModelEntry[]> {
		return (await this.#models).find(repo, revision, await this.#device());
	}

	async load(
		options: LoadOptions,
		task: string,
		onProgress: (p: LoadProgress) => void
	): Promise<LoadedModel> {
		const previous = this.#loading;
		const done = this.#tasks.run(task, async (signal) => {
			if (previous) this.#tasks.cancel(previous.task);
			await previous?.done.catch(() => undefined);
			return this.#load(options, signal, onProgress);
		});
		const loading = { task, done };
		this.#loading = loading;
		try {
			return await done;
		} finally {
			if (this.#loading === loading) this.#loading = undefined;
		}
	}

	async #load(
		{ id, provider }: LoadOptions,
		signal: AbortSignal,
		onProgress: (progress: LoadProgress) => void
	): Promise<LoadedModel> {
		const models = await this.#models;
		const found = await this.#device();
		const device = { ...found, provider: provider === 'auto' ? found.provider : provider };
		const entry = (await models.entries(device)).find((model) => model.id === id);
		if (entry) requireMemory(entry, device);
		await models.fetch(id, { signal, onProgress });
		signal.throwIfAborted();
		onProgress({ phase: 'start' });
		const before = this.#base;
		// The loaded model stays until the next one has proved itself, where there is room for both.
		const room = before && fitTogether([this.#memoryBytes, entry?.memoryBytes], device);
		if (!room) await this.#unload();
		try {
			const base = await this.#start({ id, provider }, signal, onProgress);
			if (room) await this.#unload();
			this.#base = base;
			this.#memoryBytes = entry?.memoryBytes;
			this.#loadedBy = { id, provider: base.info.provider };
			return base.info;
		} catch (error) {
			if (before && !room) await this.#restore();
			throw error;
		}
	}

	async #start(
		{ id, provider }: LoadOptions,
		signal: AbortSignal | undefined,
		onProgress: (progress: LoadProgress) => void
	): Promise<Base> {
		const open = await (await this.#models).open(id);
		try {
			return await startBase(open, await this.#library(), {
				wanted: provider,
				folder: (await this.#store).folder,
				startOrt: this.#processor.start,
				urls: this.#environment.ortUrls,
				signal,
				onProgress
			});
		} catch (error) {
			await open.close();
			throw error;
		}
	}

	async #unload(): Promise<void> {
		const base = this.#base;
		this.#base = undefined;
		await base?.dispose();
	}

	/** The model that had to make room for one that then failed. It has worked before; if it does not now, none is loaded. */
	async #restore(): Promise<void> {
		if (this.#loadedBy)
			this.#base = await this.#start(this.#loadedBy, undefined, () => undefined).catch(() => undefined);
	}

	loaded(): Promise<LoadedModel | undefined> {
		return Promise.resolve(this.#base?.info);
	}

	async importModel(
		files: File[],
		task: string,
		onProgress: (progress: LoadProgress) => void
	): Promise<ModelEntry> {
		const models = await this.#models;
		const id = await this.#tasks.run(task, (signal) =>
			models.import(
				files.map((file) => ({ path: file.webkitRelativePath || file.name, file })),
				{ signal, onProgress }
			)
		);
		const entry = (await this.models()).find((model) => model.id === id);
		if (!entry) throw new RangeError(`model ${id} is not in the library`);
		return entry;
	}

	async adapters(): Promise<AdapterEntry[]> {
		const library = await this.#library();
		await this.#importBundled(library);
		const base = this.#base;
		return library.list(base?.adapterBase, (id) => base?.isResident(id) ?? false);
	}

	async importAdapter(files: File[], name?: string, origin?: AdapterSource): Promise<AdapterEntry> {
		const found = await adapterFiles(files);
		// An index that is damaged, or another's, is refused with its adapter: a person would take it for this one's.
		const packed = found.get(INDEX_FILE);
		found.delete(INDEX_FILE);
		const index = packed && (await readIndex(packed));
		const hashOf = async (file: string) => sha256Hex(found.get(file) ?? new Uint8Array());
		if (index) {
			const adapter = { config: await hashOf(CONFIG_FILE), weights: await hashOf(WEIGHTS_FILE) };
			checkIndexOf(index, { base: index.description.base, adapter });
			const manifest = found.get(MANIFEST_FILE);
			const stated = manifest && parseManifest(manifest).indexRoot;
			if (stated !== undefined && stated !== index.root) throw otherIndex();
		}
		const id = await (await this.#library()).import(found, { name, origin });
		const entry = (await this.adapters()).find((adapter) => adapter.id === id);
		if (!entry) throw new RangeError(`adapter ${id} is not in the library`);
		if (index) await (await this.#indexes()).put(id, entry.name, { index });
		return entry;
	}

	async exportAdapter(id: string): Promise<File[]> {
		const files = await (await this.#library()).export(id);
		const entry = (await this.adapters()).find((adapter) => adapter.id === id);
		// Without its index nobody else could check a receipt. The rows' texts stay here: they may be private.
		const stored = entry && (await (await this.#indexes()).read(entry).catch(() => undefined));
		if (!stored) return files;
		const { index } = stored;
		return [
			...(await Promise.all(files.map((file) => withRoot(file, index.root)))),
			new File([writeIndex(index)], INDEX_FILE)
		];
	}

	async publishAdapter(id: string, origin: AdapterSource): Promise<void> {
		await (await this.#library()).publish(id, origin);
	}

	async generate(request: GenerateRequest, onEvent: (event: GenerateEvent) => void): Promise<Completion> {
		const base = this.#running();
		return this.#tasks.run(request.id, (signal) => base.generate(request, onEvent, signal));
	}

	async measureInstructions(text: string): Promise<{ tokens: number; room: number }> {
		return this.#running().measureInstructions(text);
	}

	#running(): Base {
		if (this.#base) return this.#base;
		throw new OpenLedgerError('engine/not-loaded', 'No model is loaded.', {
			remedy: 'Choose a model first.'
		});
	}

	cancel(id: string): Promise<void> {
		this.#tasks.cancel(id);
		return Promise.resolve();
	}

	async storage(): Promise<StorageReport> {
		const { items, pending, space, unclaimed, lasting } = await (await this.#store).report();
		const complete: StoredItem[] = items.map(({ id, kind, name, source, files, lastUsed }) => ({
			id,
			kind,
			name,
			bytes: files.reduce((sum, { size }) => sum + size, 0),
			lastUsed,
			complete: true,
			...(kind === 'adapter' && source === 'bundled' && { bundled: true })
		}));
		const partial: StoredItem[] = pending.map(({ id, kind, name, bytesDone }) => ({
			id,
			kind,
			name,
			bytes: bytesDone,
			complete: false
		}));
		return {
			items: [
				...complete,
				...partial,
				...(await this.#storedRuns()),
				...(await this.#keptByAttribution(complete))
			],
			usageBytes: space?.used,
			quotaBytes: space?.quota,
			unclaimedBytes: unclaimed,
			lasting
		};
	}

	async cleanUp(): Promise<number> {
		return (await this.#store).cleanUp();
	}

	async remove(id: string): Promise<void> {
		const { folder } = await this.#store;
		if (id.startsWith(RUN)) return new RunStore(folder).remove(id.slice(RUN.length));
		if (id.startsWith(SPAN)) return removeSpans(folder, id.slice(SPAN.length));
		if (id.startsWith(SKETCHES)) {
			const [drafts, adapter] = [new BuildDrafts(folder), id.slice(SKETCHES.length)];
			return drafts.alone(adapter, () => drafts.remove(adapter));
		}
		const library = await this.#library();
		const adapter = id.replace(/^adapter:/, '');
		if (await library.has(adapter)) {
			await library.remove(adapter);
			await (await this.#store).remove(indexItem(adapter));
			await removeSpans(folder, adapter);
			this.#base?.forgetAdapter(adapter);
		} else await (await this.#store).remove(id);
	}

	/** What training keeps: a run's rows, log and checkpoints. A damaged one goes by its id. */
	async #storedRuns(): Promise<StoredItem[]> {
		const runs = new RunStore((await this.#store).folder);
		const [sizes, list] = await Promise.all([runs.sizes(), runs.list()]);
		return [...sizes].map(([id, bytes]) => {
			const run = list.find((listed) => listed.id === id);
			return {
				id: RUN + id,
				kind: 'run',
				name: run?.name ?? id,
				bytes,
				lastUsed: run?.started,
				complete: run !== undefined,
				...(run?.state === 'running' && { inUse: true })
			};
		});
	}

	/** Sketches of half built indexes, and indexes of words. What is left of adapters that were deleted goes by their ids. */
	async #keptByAttribution(items: readonly StoredItem[]): Promise<StoredItem[]> {
		const { folder } = await this.#store;
		const drafts = new BuildDrafts(folder);
		const [sketches, spans, left] = [await drafts.sizes(), await spanSizes(folder), await drafts.list()];
		const nameOf = (adapter: string) => items.find(({ id }) => id === `adapter:${adapter}`)?.name;
		const item = (kind: 'sketches' | 'spans', adapter: string, bytes: number): StoredItem => ({
			id: (kind === 'spans' ? SPAN : SKETCHES) + adapter,
			kind,
			name: nameOf(adapter) ?? adapter.slice(0, 8),
			bytes,
			complete: true
		});
		const busy = new Set(left.filter(({ elsewhere }) => elsewhere).map(({ adapter }) => adapter));
		return [
			...[...sketches].map(([adapter, bytes]) => ({
				...item('sketches', adapter, bytes),
				...(busy.has(adapter) && { inUse: true })
			})),
			...[...spans].map(([adapter, bytes]) => item('spans', adapter, bytes))
		];
	}

	async #indexes(): Promise<IndexStore> {
		return new IndexStore(await this.#store, this.#environment.appUrl);
	}

	async #library(): Promise<AdapterLibrary> {
		return new AdapterLibrary(await this.#store);
	}

	/** Once per start, and again after a failure: the examples that the app brings along. */
	#importBundled(library: AdapterLibrary): Promise<void> {
		const load = async () => {
			for await (const { folder, files } of bundledAdapters(this.#environment.appUrl))
				await library.import(files, { bundled: true, origin: { kind: 'web', folder } });
		};
		this.#bundled ??= load().catch((error: unknown) => {
			this.#bundled = undefined;
			// The person's own adapters are worth showing without them.
			if (!(error instanceof OpenLedgerError) || error.code !== 'hub/unreachable') throw error;
		});
		return this.#bundled;
	}
}

/** The manifest with the root of the index that goes along, other files as they are. */
async function withRoot(file: File, indexRoot: string): Promise<File> {
	if (file.name !== MANIFEST_FILE) return file;
	const manifest = parseManifest(await file.text());
	if (manifest.indexRoot === indexRoot) return file;
	return new File([formatManifest({ ...manifest, indexRoot })], MANIFEST_FILE);
}

function otherIndex(): OpenLedgerError {
	return new OpenLedgerError(
		'index/wrong-root',
		'The attribution index is not the one that the manifest names.',
		{
			remedy: 'Get the adapter again from its source, or import it without the index.'
		}
	);
}
