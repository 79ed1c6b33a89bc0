import { readFileSync } from 'node:fs';
import { basename, dirname, resolve } from 'node:path';
import type { InferenceSession } from 'onnxruntime-common';

/**
 * @huggingface/transformers over onnxruntime-web's plain wasm build, the one that the app uses. Its own (1.31-dev with
 * WebGPU) has no CPU kernel for GatherBlockQuantized and cannot run the file at all; given this one it has the same
 * kernels as we have.
 */
export async function importTransformers(threads: number) {
	const ort = await openOrt(threads);
	const { InferenceSession } = ort;
	// In Node it hands a path to the runtime, which in its web form expects a URL.
	const create = (model: string | Uint8Array, options: InferenceSession.SessionOptions) =>
		InferenceSession.create(typeof model === 'string' ? new Uint8Array(readFileSync(model)) : model, options);
	(globalThis as Record<symbol, unknown>)[Symbol.for('onnxruntime')] = {
		...ort,
		InferenceSession: { create }
	};
	return import('@huggingface/transformers');
}

/** A model folder, opened with it. */
export async function openTransformers(folder: string, threads: number) {
	const { AutoModelForCausalLM, Tensor, env } = await importTransformers(threads);
	env.allowRemoteModels = false;
	env.localModelPath = dirname(resolve(folder));
	(env as unknown as { useWasmCache: boolean }).useWasmCache = false;
	const name = basename(resolve(folder));
	// 'auto' takes whatever the given runtime offers.
	const model = await AutoModelForCausalLM.from_pretrained(name, { dtype: 'q4', device: 'auto' });
	return {
		/** Greedy; exactly `count` tokens. */
		async generate(prompt: readonly number[], count: number): Promise<number[]> {
			const row = (values: readonly number[]) =>
				new Tensor('int64', BigInt64Array.from(values, BigInt), [1, values.length]);
			const output = (await model.generate({
				input_ids: row(prompt),
				attention_mask: row(prompt.map(() => 1)),
				max_new_tokens: count,
				min_new_tokens: count,
				do_sample: false,
				repetition_penalty: 1
			} as never)) as { tolist(): bigint[][] };
			return (output.tolist()[0] ?? []).slice(prompt.length).map(Number);
		}
	};
}

/** onnxruntime-web's public interface; in Node it is the plain wasm build. */
export async function openOrt(threads: number) {
	const ort = await import('onnxruntime-web');
	ort.env.wasm.wasmPaths = {
		mjs: import.meta.resolve('onnxruntime-web/ort-wasm-simd-threaded.mjs'),
		wasm: import.meta.resolve('onnxruntime-web/ort-wasm-simd-threaded.wasm')
	};
	ort.env.wasm.numThreads = threads;
	ort.env.logLevel = 'error';
	return ort;
}
