import * as node from 'onnxruntime-node';
import * as web from 'onnxruntime-web';
import type { Engine } from './run-decoder.ts';

web.env.wasm.numThreads = 1;

/** The engines that run in Node: onnxruntime-node, and onnxruntime-web's wasm on one thread. */
export const engines: Record<'cpu' | 'wasm', Engine> = {
	cpu: { ort: node as unknown as Engine['ort'], provider: 'cpu' },
	wasm: { ort: web, provider: 'wasm' }
};
