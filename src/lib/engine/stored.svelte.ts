import type { StorageReport } from '#workers/protocol.ts';
import type { Engine } from './engine.svelte.ts';

/** What this origin keeps on the device, and whether the browser has promised to keep it. */
export class Stored {
	report = $state.raw<StorageReport>();
	/** Undefined where the browser cannot say. */
	persisted = $state<boolean>();
	readonly #engine: Engine;

	constructor(engine: Engine) {
		this.#engine = engine;
	}

	async refresh(): Promise<void> {
		const [report, persisted] = await Promise.all([
			this.#engine.call((api) => api.storage()),
			navigator.storage?.persisted?.()
		]);
		this.report = report;
		this.persisted = persisted;
	}

	/** Asks the browser to keep everything until the person deletes it. Must follow a click. */
	async persist(): Promise<boolean> {
		this.persisted = (await navigator.storage?.persist?.()) ?? false;
		return this.persisted;
	}

	/** Frees files that nothing names, left by damage. Returns their bytes. */
	async cleanUp(): Promise<number> {
		const freed = await this.#engine.call((api) => api.cleanUp());
		await this.refresh();
		return freed;
	}

	async remove(id: string): Promise<void> {
		await this.#engine.call((api) => api.remove(id));
		await Promise.all([this.refresh(), this.#engine.models.refresh(), this.#engine.adapters.refresh()]);
	}
}
