import { createTokenizer } from './tokenizer.ts';
import type { ByteSource } from '#workers/bytes.ts';
import { OpenLedgerError } from '#workers/errors.ts';
import { downloadItem } from '#workers/models/download/download-item.ts';
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
	StorageReport
} from '#workers/protocol.ts';
import { Ort } from '#workers/runtime/ort.ts';
import { WasmDecoder } from '#workers/runtime/wasm-decoder.ts';
import { AdapterLibrary } from './adapter-library.ts';
import { Base } from './base.ts';
import { bundledAdapters } from './bundled.ts';
import type { EngineEnvironment } from './environment.ts';
import { serveGraph } from './serve-graph.ts';
import { Tasks } from './tasks.ts';

/** The engine behind `EngineApi`: ties the rooms together and holds what is loaded. */
export class Engine implements EngineApi {
	readonly #environment: EngineEnvironment;
	readonly #tasks = new Tasks();
	readonly #store: Promise<FileStore>;
	#base: Base | undefined;
	#bundled: Promise<void> | undefined;

	constructor(environment: EngineEnvironment) {
		this.#environment = environment;
		this.#store = Promise.resolve(environment.folder).then((folder) => FileStore.open(folder));
	}

	async configure(_settings: EngineSettings): Promise<void> {}

	async probe(): Promise<DeviceReport> {
		return {
			provider: 'wasm',
			reason: 'x',
			webgpu: null,
			threads: this.#environment.threads,
			isolated: true
		};
	}

	async models(): Promise<ModelEntry[]> {
		return [
			{
				id: 'bundled:nano',
				name: 'nano',
				summary: 's',
				source: 'bundled',
				dtype: 'q4',
				features: [],
				stored: 'none'
			}
		];
	}

	async findModel(): Promise<ModelEntry[]> {
		return [];
	}

	async load(
		_options: LoadOptions,
		task: string,
		onProgress: (p: LoadProgress) => void
	): Promise<LoadedModel> {
		return this.#tasks.run(task, async (signal) => {
			const { appUrl, ortUrls, threads } = this.#environment;
			const store = await this.#store;
			const root = new URL('models/nano/', appUrl);
			const manifest = (await (await fetch(new URL('manifest.json', root))).json()) as {
				files: { path: string; size: number; sha256: string }[];
			};
			const item = await downloadItem(
				store,
				{
					label: { id: 'bundled:nano', kind: 'model', name: 'nano', source: 'bundled' },
					files: manifest.files.map((file) => ({ ...file, remote: { url: new URL(file.path, root).href } }))
				},
				{ signal, onProgress }
			);
			const open = await store.openItem(item.id);
			const sources = new Map<string, ByteSource>();
			const bytes = new Map<string, Uint8Array>();
			for (const { path } of item.files) {
				if (path.startsWith('onnx/')) sources.set(path, await open.file(path));
				else bytes.set(path, await open.bytes(path));
			}
			onProgress({ phase: 'start' });
			const ort = await Ort.start({ build: 'wasm', threads, urls: ortUrls?.wasm });
			const path = 'onnx/model_q4.onnx';
			const { model, slots } = serveGraph(path, sources, { lora: 'matmul', fuse: true });
			const decoder = await WasmDecoder.create(ort, model);
			await open.close();
			const sha256 = item.files.find((f) => f.path === path)?.sha256 ?? '';
			const info: LoadedModel = {
				id: item.id,
				name: item.name,
				sha256,
				dtype: 'q4',
				provider: 'wasm',
				contextLength: 512,
				vocabSize: decoder.shape.vocabSize
			};
			this.#base = new Base({
				info,
				decoder,
				tokenizer: createTokenizer(bytes),
				endTokens: new Set([0, 2]),
				adapterBase: { name: 'openledger/nano', hashes: [sha256], slots },
				library: new AdapterLibrary(store),
				prefillChunk: 128,
				minRank: 0
			});
			return info;
		});
	}

	async loaded(): Promise<LoadedModel | undefined> {
		return this.#base?.info;
	}

	async importModel(): Promise<ModelEntry> {
		throw new Error('not yet');
	}

	async adapters(): Promise<AdapterEntry[]> {
		const library = new AdapterLibrary(await this.#store);
		await (this.#bundled ??= this.#importBundled(library));
		return library.list(this.#base?.adapterBase, (id) => this.#base?.isResident(id) ?? false);
	}

	async #importBundled(library: AdapterLibrary): Promise<void> {
		for await (const files of bundledAdapters(this.#environment.appUrl))
			await library.import(files, { bundled: true });
	}

	async importAdapter(files: File[], name?: string): Promise<AdapterEntry> {
		throw new Error('not yet' + files + name);
	}

	async exportAdapter(id: string): Promise<File[]> {
		return new AdapterLibrary(await this.#store).export(id);
	}

	async generate(request: GenerateRequest, onEvent: (event: GenerateEvent) => void): Promise<Completion> {
		const base = this.#base;
		if (!base)
			throw new OpenLedgerError('engine/not-loaded', 'No model is loaded.', {
				remedy: 'Choose a model first.'
			});
		return this.#tasks.run(request.id, (signal) => base.generate(request, onEvent, signal));
	}

	async cancel(id: string): Promise<void> {
		this.#tasks.cancel(id);
	}

	async storage(): Promise<StorageReport> {
		return { items: [] };
	}

	async remove(_id: string): Promise<void> {}
}
