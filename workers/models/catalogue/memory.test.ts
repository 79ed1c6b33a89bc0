import { readFileSync, statSync } from 'node:fs';
import { expect, test } from 'vitest';
import { memorySource } from '#workers/bytes.ts';
import { readGraph, wasmGraph } from '#workers/engine/serve-graph.ts';
import { parseModelConfig } from '#workers/models/builder/config.ts';
import { heapOf } from '#workers/runtime/ort-module.ts';
import { Ort } from '#workers/runtime/ort.ts';
import { WasmDecoder } from '#workers/runtime/wasm-decoder.ts';
import { CATALOGUE } from './catalogue.ts';
import { modelEntry, requireMemory, type DeviceFacts } from './entry.ts';
import { estimateMemory, expandLimit, memoryTier, weightBytes } from './memory.ts';

const shapeOf = (name: string) => {
	const model = CATALOGUE.find((entry) => entry.repo === `onnx-community/${name}`);
	if (!model) throw new Error(`no ${name} in the catalogue`);
	return model.shape;
};

/** Sizes as the Hub lists them, in MB (10^6), rounded there. */
test.each([
	// huggingface.co/HuggingFaceTB/SmolLM-135M-Instruct/tree/main/onnx: the same shape
	['SmolLM2-135M-Instruct-ONNX', { fp32: 539, fp16: 270, q8: 136, q4: 181, q4f16: 117 }],
	// huggingface.co/HuggingFaceTB/SmolLM-360M-Instruct/tree/main/onnx: the same shape
	['SmolLM2-360M-Instruct-ONNX', { fp32: 1450, fp16: 725, q8: 363, q4: 387, q4f16: 273 }],
	// huggingface.co/onnx-community/Qwen2.5-0.5B-Instruct/tree/main/onnx, 516c8d0
	['Qwen2.5-0.5B-Instruct', { fp32: 1990, fp16: 997, q8: 512, q4: 786, q4f16: 483 }],
	// huggingface.co/econetworkai/Qwen3-0.6B-ONNX-external-data, of onnx-community/Qwen3-0.6B-ONNX da14531
	['Qwen3-0.6B-ONNX', { q4f16: 569.8 }],
	// huggingface.co/onnx-community/Llama-3.2-1B-Instruct/tree/main/onnx, 1ae0c06
	['Llama-3.2-1B-Instruct', { fp32: 4940, fp16: 2470, q8: 1240, q4: 1660, q4f16: 1070 }]
] as const)('the size of %s is computed within 4 % of the published files', (name, listed) => {
	for (const [dtype, megabytes] of Object.entries(listed)) {
		const computed = weightBytes(shapeOf(name), dtype as keyof typeof listed) / 1e6;
		expect(computed / megabytes, `${dtype}: ${computed}`).toBeGreaterThan(0.96);
		expect(computed / megabytes, `${dtype}: ${computed}`).toBeLessThan(1.04);
	}
});

test('the parameters that the catalogue states follow from the shapes, within 1 %', () => {
	for (const { name, shape, parameters } of CATALOGUE)
		expect(weightBytes(shape, 'fp16') / 2 / parameters, name).toBeCloseTo(1, 1.7);
});

test('the estimate for nano is between 0.6 and 1.6 of the wasm heap that it takes', async () => {
	const folder = new URL('../../../static/models/nano/', import.meta.url);
	const path = 'onnx/model_q4.onnx';
	const shape = parseModelConfig(JSON.parse(readFileSync(new URL('config.json', folder), 'utf8')));
	const ort = await Ort.start({ build: 'wasm', threads: 1 });
	const files = new Map([[path, memorySource(new Uint8Array(readFileSync(new URL(path, folder))))]]);
	const { model } = wasmGraph(readGraph({ graph: path, files }), expandLimit());
	const decoder = await WasmDecoder.create(ort, model);
	const state = decoder.createState();
	for (let done = 0; done < 384; done += 128)
		await decoder.run(state, [Array.from({ length: 128 }, (_, i) => 4 + i)]);
	for (let step = 0; step < 4; step++) await decoder.run(state, [[10]]);
	const measured = heapOf(ort.module).length;
	await decoder.dispose();
	const size = statSync(new URL(path, folder)).size;
	const estimate = estimateMemory(shape, { dtype: 'q4', provider: 'wasm', files: size });
	// The runtime's share is mostly compiled code, outside the heap; 16 MB of heap are there from the start.
	const heap = estimate.total - estimate.runtime + 16e6;
	expect(heap / measured).toBeGreaterThan(0.6);
	expect(heap / measured).toBeLessThan(1.6);
}, 60_000);

test('memory grows with the context, and half precision halves the cache', () => {
	const shape = shapeOf('Qwen3-0.6B-ONNX');
	const at = (context: number, dtype: 'q4' | 'q4f16') =>
		estimateMemory(shape, { dtype, provider: 'webgpu', context });
	expect(at(4096, 'q4').cache).toBe(2 * at(2048, 'q4').cache);
	expect(at(4096, 'q4f16').cache).toBe(at(2048, 'q4').cache);
	// 28 layers, 8 heads of 128, keys and values, 4 bytes, old and new cache.
	expect(at(1000, 'q4').cache).toBe(2 * 28 * 8 * 128 * 2 * 4 * 1000);
	expect([0.3e9, 0.9e9, 1.5e9, 3e9, 99e9].map(memoryTier)).toEqual([1, 2, 4, 8, 32]);
});

test('a model that is too large for the device, or needs what it lacks, says so', () => {
	const shape = shapeOf('Llama-3.2-1B-Instruct');
	const facts = { name: 'x', summary: '', source: 'hub', dtype: 'q4', shape } as const;
	const device: DeviceFacts = { provider: 'webgpu', shaderF16: true, memoryBytes: 16e9 };
	const warning = (changes: Partial<DeviceFacts>, dtype: 'q4' | 'q4f16' = 'q4') =>
		modelEntry('id', { ...facts, dtype }, 'none', { ...device, ...changes }).warning;
	expect(warning({})).toBeUndefined();
	expect(warning({ memoryBytes: undefined })).toBeUndefined();
	expect(warning({ memoryBytes: 1e9 })).toMatch(
		/^It needs about \d\.\d GB of memory; this device has 1 GB\.$/
	);
	expect(warning({ memoryBytes: 4e9 })).toContain('half');
	expect(warning({ shaderF16: false }, 'q4f16')).toContain('16-bit');
	expect(warning({ shaderF16: false })).toBeUndefined();
	expect(warning({ provider: 'wasm' }, 'q4f16')).toContain('q4');
	const huge = { ...facts, shape: { ...shape, layers: 64 } };
	expect(modelEntry('id', huge, 'none', { ...device, provider: 'wasm' }).warning).toContain('4 GB');
});

test('what cannot run at all is refused before a byte is fetched', () => {
	const shape = shapeOf('Llama-3.2-1B-Instruct');
	const facts = { name: 'Llama', summary: '', source: 'hub', dtype: 'q4', shape } as const;
	const device: DeviceFacts = { provider: 'webgpu', shaderF16: true, memoryBytes: 16e9 };
	const require = (changes: Partial<DeviceFacts>, layers: number = shape.layers) => {
		const at = { ...device, ...changes };
		requireMemory(modelEntry('id', { ...facts, shape: { ...shape, layers } }, 'none', at), at);
	};
	require({});
	require({ memoryBytes: undefined }, 640);
	expect(() => require({ memoryBytes: 1e9 })).toThrow(/^Llama needs about \d\.\d GB of memory; .* 1 GB\.$/);
	expect(() => require({ provider: 'wasm' }, 64)).toThrow(/3\.8 GB/);
	// A phone's page gets half; of a phone that does not tell, four GiB are assumed.
	require({ memoryBytes: 3.5e9 });
	expect(() => require({ memoryBytes: 3.5e9, handheld: true }, 40)).toThrow(/1\.8 GB/);
	expect(() => require({ memoryBytes: undefined, handheld: true }, 64)).toThrow(/2\.1 GB/);
	expect(() => require({ memoryBytes: 1e9 })).toThrow(
		expect.objectContaining({ code: 'device/out-of-memory' })
	);
});
