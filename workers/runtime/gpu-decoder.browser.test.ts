import jspiMjs from 'onnxruntime-web/ort-wasm-simd-threaded.jspi.mjs?url';
import jspiWasm from 'onnxruntime-web/ort-wasm-simd-threaded.jspi.wasm?url';
import wasmMjs from 'onnxruntime-web/ort-wasm-simd-threaded.mjs?url';
import wasmBinary from 'onnxruntime-web/ort-wasm-simd-threaded.wasm?url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { adapterArrays, openWasmDecoder, relativeError } from '#test/support/decoders.ts';
import { decoderModel } from '#test/support/onnx/decoder-model.ts';
import { TestAdapter } from '#test/support/onnx/slot-values.ts';
import { Generator } from '#workers/generate/generator.ts';
import type { GenerationRequest } from '#workers/generate/sequence.ts';
import { decomposeAttention } from '#workers/onnx/decompose-attention.ts';
import type { Model } from '#workers/onnx/model.ts';
import type { LoraSlot } from '#workers/onnx/slots.ts';
import type { Decoder, DeviceAdapter, KvState } from './decoder.ts';
import { BufferRanges } from './gpu-buffers.ts';
import { GpuDecoder } from './gpu-decoder.ts';
import { openGpuDevice } from './gpu-device.ts';
import { gpuGraphs } from './gpu-graphs.ts';
import { GpuWeights } from './gpu-weights.ts';
import { Ort } from './ort.ts';
import { probeDevice } from './probe.ts';
import { selfTest } from './self-test.ts';
import type { WasmDecoder } from './wasm-decoder.ts';

// On SwiftShader nearly all the time goes into compiling shaders: one layer, and one decoder for most tests.
const MODEL = decoderModel({ layers: 1, linear: 'q4', numLogitsToKeep: true });
const ROUNDING = 1e-5;

const openGpu = async (model: Model, device?: GPUDevice) =>
	GpuDecoder.create(
		await Ort.start({
			build: 'jspi',
			threads: 1,
			urls: { mjs: jspiMjs, wasm: jspiWasm },
			device: device ?? (await openGpuDevice())
		}),
		gpuGraphs(model),
		new Map()
	);

let wasm: WasmDecoder;
let slots: LoraSlot[];
let gpu: GpuDecoder;
beforeAll(async () => {
	const ort = await Ort.start({ build: 'wasm', threads: 1, urls: { mjs: wasmMjs, wasm: wasmBinary } });
	({ decoder: wasm, slots } = await openWasmDecoder(ort, MODEL));
	gpu = await openGpu(MODEL);
});
afterAll(() => gpu.dispose());

/** The same calls on the GPU and on wasm. */
class Pair {
	states: [KvState, KvState];

	constructor(states: [KvState, KvState] = [gpu.createState(), wasm.createState()]) {
		this.states = states;
	}

	/** Runs on both; every row's logits and candidates have to agree. */
	async run(tokens: number[][], adapters: [DeviceAdapter, DeviceAdapter][] = []): Promise<void> {
		const [a, b] = this.states;
		const onGpu = await gpu.run(a, tokens, { adapters: adapters.map(([first]) => first) });
		const request = { count: 20, temperature: 0.7, penalty: 1.3, seen: [5, 7, 33, 95], logProbs: true };
		const requests = tokens.map(() => request);
		const found = await onGpu.candidates(requests);
		const rows = await Promise.all(tokens.map((_, row) => onGpu.last(row)));
		const onWasm = await wasm.run(b, tokens, { adapters: adapters.map(([, second]) => second) });
		const expected = await onWasm.candidates(requests);
		for (const [row, wanted] of expected.entries()) {
			expect(relativeError(rows[row] as Float32Array, await onWasm.last(row))).toBeLessThan(ROUNDING);
			expect([...(found[row]?.ids ?? [])]).toEqual([...wanted.ids]);
			expect(found[row]?.logSumExp).toBeCloseTo(wanted.logSumExp, 4);
			expect(found[row]?.rawLogSumExp).toBeCloseTo(wanted.rawLogSumExp, 4);
			expect(relativeError(found[row]?.rawLogits ?? new Float32Array(), wanted.rawLogits)).toBeLessThan(
				ROUNDING
			);
		}
	}
}

const upload = (seed: number, rank: number): [DeviceAdapter, DeviceAdapter] => {
	const arrays = adapterArrays(slots, new TestAdapter(seed, () => rank));
	return [gpu.upload(arrays), wasm.upload(arrays)];
};

describe('a decoder on the GPU gives what the wasm kernels give', () => {
	test('for the base model: prompt, decoding, a second piece of prompt, and after forgetting tokens', async () => {
		const pair = new Pair();
		await pair.run([[1, 5, 9, 33, 7]]);
		await pair.run([[40]]);
		await pair.run([[2, 4, 6]]);
		gpu.crop(pair.states[0], 4);
		wasm.crop(pair.states[1], 4);
		await pair.run([[50]]);
	});

	test('for one adapter, and for rows of different length with adapters of different rank and none', async () => {
		const [first, second] = [upload(1, 8), upload(2, 3)];
		const none = [undefined, undefined] as unknown as [DeviceAdapter, DeviceAdapter];
		const pairs = [new Pair(), new Pair(), new Pair()];
		await pairs[0]?.run([[1, 5, 9, 33, 7]], [first]);
		await pairs[0]?.run([[8]], [first]);
		await pairs[1]?.run([[2, 4]]);
		await pairs[2]?.run([[60, 61, 62]], [second]);
		const joined = new Pair([
			gpu.join(pairs.map(({ states }) => states[0])),
			wasm.join(pairs.map(({ states }) => states[1]))
		]);
		await joined.run([[10], [20], [30]], [first, none, second]);
		await joined.run([[11], [21], [31]], [first, none, second]);
		const alone = new Pair([gpu.split(joined.states[0], 2), wasm.split(joined.states[1], 2)]);
		await alone.run([[70]], [second]);
	});

	test('on one copy of the weights, whatever the number of graphs, and with little read back', async () => {
		let bytes = 0;
		for (const { dims, data } of MODEL.graph.initializers.values())
			if (dims.length > 0) bytes += data.reduce((sum, segment) => sum + segment.length, 0);
		expect(gpu.weightBytes).toBeLessThan(bytes);
		const before = gpu.bytesRead;
		const logits = await gpu.run(gpu.createState(), [[1]]);
		await logits.candidates([{ count: 64, temperature: 1, penalty: 1, seen: [], logProbs: true }]);
		expect(gpu.bytesRead - before).toBeLessThan(1000);
	});
});

const request = (change: Partial<GenerationRequest> = {}): GenerationRequest => ({
	conversation: 'a',
	tokens: [1, 5, 9, 33, 7],
	sampling: { temperature: 1, topK: 0, topP: 0.9, minP: 0, repetitionPenalty: 1.2, seed: 3 },
	maxNewTokens: 6,
	...change
});
const serve = (decoder: Decoder) =>
	new Generator(decoder, {
		decode: (ids) => ids.map((id) => ` ${id}`).join(''),
		endTokens: new Set(),
		contextLength: 128,
		prefillChunk: 16,
		maxRows: 4,
		cacheBudget: 2 ** 24
	});

test('the same seed gives the same reply on the GPU as on wasm', async () => {
	const [onGpu, onWasm] = [await serve(gpu).generate(request()), await serve(wasm).generate(request())];
	expect(onGpu.tokens).toEqual(onWasm.tokens);
	expect(onGpu.tokens).toHaveLength(6);
});

test('the self-test finds that fused attention is wrong for long prompts on SwiftShader, and what to do', async () => {
	expect((await probeDevice()).gpu).toMatchObject({ software: true });
	const { report } = await selfTest(wasm, [{ graph: 'fused', open: () => Promise.resolve(gpu) }], {
		tolerance: 1e-3
	});
	expect(report).toMatchObject({ plan: 'fused', prefillChunk: 31, failures: [] });
	expect(report.checks[0]).toMatchObject({ chunk: 48, passed: false });
	expect(report.checks[0]?.relativeError).toBeGreaterThan(0.01);
	expect(report.checks[1]?.relativeError).toBeLessThan(ROUNDING);
});

test('attention made of primitives is right for long prompts, with a cache that grows', async () => {
	const decomposed = await openGpu(decomposeAttention(MODEL));
	const { report } = await selfTest(
		wasm,
		[{ graph: 'decomposed', open: () => Promise.resolve(decomposed) }],
		{ tolerance: ROUNDING }
	);
	expect(report).toMatchObject({ plan: 'decomposed' });
	expect(report.prefillChunk).toBeUndefined();
	await decomposed.dispose();
});

test('a weight beyond the device’s limits is one typed error, and the device goes on', async () => {
	const device = await openGpuDevice();
	const ort = await Ort.start({ build: 'wasm', threads: 1, urls: { mjs: wasmMjs, wasm: wasmBinary } });
	const upload = (length: number) => {
		const data = [{ location: 'f', offset: 0, length }];
		const weight = { name: 'w', dataType: 'uint8' as const, dims: [length], data };
		const source = { size: length, read: (_: number, count: number) => new Uint8Array(count) };
		return ort.exclusive(() =>
			GpuWeights.upload(device, new BufferRanges(device), [weight], new Map([['f', source]]))
		);
	};
	const { maxBufferSize, maxStorageBufferBindingSize } = device.limits;
	const tooMuch = Math.min(maxBufferSize, maxStorageBufferBindingSize) + 16;
	await expect(upload(tooMuch)).rejects.toMatchObject({ code: 'device/out-of-memory' });
	const small = await upload(1000);
	expect(small.byteLength).toBeGreaterThanOrEqual(1000);
	small.dispose();
	device.destroy();
});

test('a lost device keeps the reply so far, and another goes on from it', async () => {
	const device = await openGpuDevice();
	const lost = await openGpu(MODEL, device);
	const sampling = { ...request().sampling, seed: 8 };
	const whole = await serve(wasm).generate(request({ sampling }));
	let text = '';
	const broken = serve(lost).generate(
		request({
			sampling,
			onEvent: (event) => {
				if (event.type === 'text') text += event.delta;
				if (text.split(' ').length > 3) device.destroy();
			}
		})
	);
	await expect(broken).rejects.toMatchObject({ code: 'device/lost' });
	const kept = text.trim().split(' ').map(Number);
	expect(kept.length).toBeGreaterThanOrEqual(3);
	expect(kept).toEqual(whole.tokens.slice(0, kept.length));
	await expect(serve(lost).generate(request())).rejects.toMatchObject({ code: 'device/lost' });

	const rest = await serve(gpu).generate(
		request({
			sampling,
			tokens: [...request().tokens, ...kept],
			drawn: kept.length,
			maxNewTokens: 6 - kept.length
		})
	);
	expect([...kept, ...rest.tokens]).toEqual(whole.tokens);
});
