import * as ort from 'onnxruntime-web/webgpu';
import wasmMjs from 'onnxruntime-web/ort-wasm-simd-threaded.asyncify.mjs?url';
import wasmBinary from 'onnxruntime-web/ort-wasm-simd-threaded.asyncify.wasm?url';
import { beforeAll, expect, test } from 'vitest';
import { decoderModel } from '#test/support/onnx/decoder-model.ts';
import { openModel } from '#test/support/onnx/run-decoder.ts';
import { trainingFeeds } from '#test/support/onnx/training.ts';
import { seededRandom } from '#test/support/random.ts';
import { trainGraph } from './train-graph.ts';

beforeAll(() => {
	ort.env.wasm.numThreads = 1;
	ort.env.wasm.wasmPaths = { mjs: wasmMjs, wasm: wasmBinary };
});

// On SwiftShader nearly all the time goes into compiling shaders: one graph, which has everything in it.
test('gradients on the GPU equal those on the CPU', async () => {
	const model = decoderModel({ layers: 2 });
	const { model: graph, layout } = trainGraph(model, {
		lora: { rank: 4 },
		recompute: 'layers',
		vocabularyChunk: 64
	});
	const random = seededRandom(3);
	const ids = (count: number) => Array.from({ length: count }, () => Math.floor(random() * 96));
	const feeds = {
		...trainingFeeds([{ sequences: [ids(21), ids(16)] }, { sequences: [ids(34)] }]),
		parameters: {
			data: Float32Array.from({ length: layout.length }, () => (random() - 0.5) * 0.4),
			dims: [layout.length]
		},
		scale: { data: Float32Array.of(2), dims: [] }
	};
	const gradient = async (provider: string) => {
		const session = await openModel(graph, { ort, provider });
		const outputs = await session.run(feeds);
		await session.close();
		return outputs.gradient?.data as Float32Array;
	};
	const wanted = await gradient('wasm');
	const found = await gradient('webgpu');
	const largest = wanted.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
	expect(largest).toBeGreaterThan(0);
	const apart = wanted.map((value, i) => Math.abs(value - (found[i] ?? NaN)));
	expect(Math.max(...apart) / largest).toBeLessThan(1e-4);
});
