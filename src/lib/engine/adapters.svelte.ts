import type { AdapterSource } from '#workers/adapters/link.ts';
import type { OpenLedgerError } from '#workers/errors.ts';
import type { AdapterEntry } from '#workers/protocol.ts';
import { keepStored } from '../keep.ts';
import { preferences } from '../preferences.svelte.ts';
import { asError, type Engine } from './engine.svelte.ts';

export interface Chosen {
	id: string;
	weight: number;
}

/** The adapters on this device, and which of them the next reply uses. */
export class Adapters {
	entries = $state.raw<AdapterEntry[]>([]);
	/** The list was read, or could not be: what is not in it is not here. */
	known = $state(false);
	/** Why the list could not be read. The base model works without it. */
	error = $state.raw<OpenLedgerError>();
	/** Hidden until their deletion is carried out or undone. */
	#leaving = $state<string[]>([]);
	readonly #engine: Engine;

	constructor(engine: Engine) {
		this.#engine = engine;
	}

	/** Without those about to be deleted. */
	get list(): AdapterEntry[] {
		return this.entries.filter((entry) => !this.#leaving.includes(entry.id));
	}

	/** What the next reply uses: chosen, still here, and fitting the loaded model. */
	get chosen(): Chosen[] {
		return preferences.values.adapters.filter((chosen) => this.find(chosen.id)?.fits);
	}

	find(id: string): AdapterEntry | undefined {
		return this.list.find((entry) => entry.id === id);
	}

	/** None: the base alone. Weights are kept as given. */
	choose(chosen: Chosen[]): void {
		preferences.values.adapters = chosen;
	}

	/** Never rejects: what went wrong is in `error`. */
	async refresh(): Promise<void> {
		try {
			const entries = await this.#engine.call((api) => api.adapters());
			preferences.assignInks(entries.map((entry) => entry.id));
			this.entries = entries;
			this.error = undefined;
		} catch (thrown) {
			this.error = asError(thrown);
		}
		this.known = true;
	}

	/** @param origin where the files can be fetched by others */
	async import(files: File[], name?: string, origin?: AdapterSource): Promise<AdapterEntry> {
		const entry = await this.#engine.call((api) => api.importAdapter(files, name, origin));
		await this.refresh();
		void keepStored();
		return entry;
	}

	export(id: string): Promise<File[]> {
		return this.#engine.call((api) => api.exportAdapter(id));
	}

	/** Others can fetch it from there: a link can be made. */
	async publish(id: string, origin: AdapterSource): Promise<void> {
		await this.#engine.call((api) => api.publishAdapter(id, origin));
		await this.refresh();
	}

	hide(id: string): void {
		this.#leaving.push(id);
	}

	show(id: string): void {
		this.#leaving = this.#leaving.filter((other) => other !== id);
	}

	async remove(id: string): Promise<void> {
		try {
			await this.#engine.call((api) => api.remove(id));
			await this.refresh();
		} finally {
			this.show(id);
		}
	}
}
