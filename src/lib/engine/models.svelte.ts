import type { LoadedModel, ModelEntry } from '#workers/protocol.ts';
import { keepStored } from '../keep.ts';
import { preferences } from '../preferences.svelte.ts';
import { asError, type Engine } from './engine.svelte.ts';
import { Load } from './load.svelte.ts';

const fallback = 'bundled:nano';
const fallbackName = 'Nano';

/** The catalogue, and the one model that is loaded or on its way. */
export class Models {
	entries = $state.raw<ModelEntry[]>([]);
	loaded = $state.raw<LoadedModel>();
	/** The load under way, or the one that failed last: its `error` then says why. */
	load = $state.raw<Load>();
	readonly #engine: Engine;
	#ready: Promise<LoadedModel> | undefined;

	constructor(engine: Engine) {
		this.#engine = engine;
	}

	/** The model that answers next. One that is only being fetched does not keep the loaded one from answering. */
	get next(): string {
		return (this.#keepsAnswering ? this.loaded?.id : (this.loading?.id ?? this.loaded?.id)) ?? this.#wanted;
	}

	get name(): string {
		return this.entries.find((entry) => entry.id === this.next)?.name ?? this.loaded?.name ?? fallbackName;
	}

	get #keepsAnswering(): boolean {
		const phase = this.loading?.progress.phase;
		return !!this.loaded && !!phase && phase !== 'start' && phase !== 'self-test';
	}

	get loading(): Load | undefined {
		return this.load && !this.load.error ? this.load : undefined;
	}

	async refresh(): Promise<void> {
		const found = this.entries.filter((entry) => entry.source === 'hub');
		const entries = await this.#engine.call((api) => api.models());
		const known = new Set(entries.map((entry) => entry.id));
		this.entries = [...entries, ...found.filter((entry) => !known.has(entry.id))];
	}

	/** The model used last where it is on the device, else the bundled one. */
	get #wanted(): string {
		const wanted = this.entries.find((entry) => entry.id === preferences.values.model);
		return wanted && (wanted.source === 'bundled' || wanted.stored === 'complete') ? wanted.id : fallback;
	}

	/** Loads it unless one is loaded, on its way or has just failed: what comes after a failure is the person's choice. */
	async loadWanted(): Promise<void> {
		// A person may have been quicker.
		if (this.#ready || this.load) return;
		// Its failure is shown where the progress was; nothing else to do here.
		await this.use(this.#wanted, false).catch(() => undefined);
	}

	/** Loads a model in place of the present one, fetching what is missing. */
	use(id: string, remember = true): Promise<LoadedModel> {
		const ready = this.#use(id, remember);
		this.#ready = ready;
		ready.catch(() => undefined);
		return ready;
	}

	/** The model that answers next, once it is loaded, whichever comes to be chosen meanwhile. */
	async ready(): Promise<LoadedModel> {
		for (;;) {
			if (this.loaded && this.#keepsAnswering) return this.loaded;
			if (!this.#ready) await this.#engine.running();
			const ready = (this.#ready ??= this.use(this.load?.id ?? this.#wanted, false));
			try {
				return await ready;
			} catch (error) {
				// Another model was chosen before this one was there.
				if (!this.#ready || this.#ready === ready) throw error;
			}
		}
	}

	async #use(id: string, remember: boolean): Promise<LoadedModel> {
		const before = this.load;
		const entry = this.entries.find((each) => each.id === id);
		const load = new Load(this.#engine, id, entry?.name ?? id);
		this.load = load;
		if (before && !before.error) await before.cancel().catch(() => undefined);
		try {
			const loaded = await this.#engine.call((api) =>
				api.load({ id, provider: preferences.values.provider }, load.task, load.listener())
			);
			// Which of them fit is known with it.
			await this.#engine.adapters.refresh();
			if (this.load === load) {
				this.loaded = loaded;
				this.load = undefined;
				if (remember) preferences.values.model = id;
			}
			if (entry && entry.source !== 'bundled' && entry.stored !== 'complete') void keepStored();
			void this.refresh().catch(() => undefined);
			return loaded;
		} catch (thrown) {
			const error = asError(thrown);
			if (this.load === load) {
				load.error = error;
				this.#ready = undefined;
				if (error.code === 'aborted') this.load = undefined;
				// What has arrived can be resumed.
				void this.refresh().catch(() => undefined);
				await this.#stillLoaded();
			}
			throw error;
		}
	}

	/** After a failed or cancelled load: what the engine still holds, if anything. */
	async #stillLoaded() {
		const loaded = await this.#engine.call((api) => api.loaded()).catch(() => undefined);
		this.loaded = loaded;
		if (loaded) this.#ready = Promise.resolve(loaded);
	}

	/** Asks the Hub what a repository offers; the files appear in the catalogue. */
	async find(repo: string): Promise<ModelEntry[]> {
		const found = await this.#engine.call((api) => api.findModel(repo));
		const ids = new Set(found.map((entry) => entry.id));
		this.entries = [...this.entries.filter((entry) => !ids.has(entry.id)), ...found];
		return found;
	}

	/** Takes a local folder into the catalogue. */
	async import(files: File[]): Promise<ModelEntry> {
		const load = new Load(this.#engine, undefined, 'Local folder');
		this.load = load;
		try {
			const entry = await this.#engine.call((api) => api.importModel(files, load.task, load.listener()));
			this.load = undefined;
			void keepStored();
			await this.refresh();
			return entry;
		} catch (thrown) {
			const error = asError(thrown);
			load.error = error;
			if (error.code === 'aborted') this.load = undefined;
			throw error;
		}
	}

	/** The worker is gone, and with it what it held. */
	forget(): void {
		this.loaded = undefined;
		this.load = undefined;
		this.#ready = undefined;
	}
}
