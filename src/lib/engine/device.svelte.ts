import type { DeviceReport } from '#workers/protocol.ts';
import type { Engine } from './engine.svelte.ts';

/** What this machine offers. */
export class Device {
	report = $state.raw<DeviceReport>();
	readonly #engine: Engine;

	constructor(engine: Engine) {
		this.#engine = engine;
	}

	async refresh(): Promise<void> {
		this.report = await this.#engine.call((api) => api.probe());
	}
}
