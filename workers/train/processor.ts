import type { EngineEnvironment } from '#workers/engine/environment.ts';
import { Ort } from '#workers/runtime/ort.ts';

/**
 * onnxruntime on the processor, for one job after another. A module with threads is used again, since neither its threads nor
 * their shared memory can be given back; one without is made anew and goes with its job.
 */
export class Processor {
	readonly #environment: EngineEnvironment;
	#threaded: Ort | undefined;

	constructor(environment: EngineEnvironment) {
		this.#environment = environment;
	}

	readonly start = async (threads: number): Promise<Ort> => {
		const used = this.#threaded;
		if (used && !used.failure && used.threads === threads) return used;
		const ort = await Ort.start({ build: 'wasm', threads, urls: this.#environment.ortUrls?.wasm });
		if (threads > 1) this.#threaded = ort;
		return ort;
	};
}
