import { Ort } from './ort.ts';
import type { OrtUrls } from './ort-module.ts';

/** onnxruntime on the processor, for one job after another: a module that still works is used again. */
export class Processor {
	readonly #urls: OrtUrls | undefined;
	readonly #keeps: 'every module' | 'threads';
	#ort: Ort | undefined;

	/**
	 * @param urls onnxruntime's wasm build; undefined in Node
	 * @param keeps `threads`: a module without threads is made anew and goes with its job, and its memory with it. The threads of
	 * one that has them, and what they share, cannot be given back.
	 */
	constructor(urls: OrtUrls | undefined, keeps: 'every module' | 'threads' = 'every module') {
		this.#urls = urls;
		this.#keeps = keeps;
	}

	readonly start = async (threads: number): Promise<Ort> => {
		const used = this.#ort;
		if (used && !used.failure && used.threads === threads) return used;
		const ort = await Ort.start({ build: 'wasm', threads, urls: this.#urls });
		if (threads > 1 || this.#keeps === 'every module') this.#ort = ort;
		return ort;
	};
}
