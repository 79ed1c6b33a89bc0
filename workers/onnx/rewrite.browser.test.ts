import * as ort from 'onnxruntime-web/webgpu';
import wasmMjs from 'onnxruntime-web/ort-wasm-simd-threaded.asyncify.mjs?url';
import wasmBinary from 'onnxruntime-web/ort-wasm-simd-threaded.asyncify.wasm?url';
import { beforeAll, expect, test } from 'vitest';
import { decoderModel } from '#test/support/onnx/decoder-model.ts';
import { decode, openModel, type Values } from '#test/support/onnx/run-decoder.ts';
import { slotFeeds, TestAdapter } from '#test/support/onnx/slot-values.ts';
import { decomposeAttention } from './decompose-attention.ts';
import type { Model } from './model.ts';
import { rewriteForServing } from './rewrite.ts';

const SHAPE = { layers: 1, kvHeads: 2, headDim: 16 };
const SHORT = [[1, 5, 9, 33, 7]];

beforeAll(() => {
	ort.env.wasm.numThreads = 1;
	ort.env.wasm.wasmPaths = { mjs: wasmMjs, wasm: wasmBinary };
});

async function logits(model: Model, provider: string, rows: number[][], extra: Record<string, Values> = {}) {
	const session = await openModel(model, { ort, provider });
	const result = await decode(session, rows, 1, SHAPE, extra);
	await session.close();
	return result.logits.flatMap(({ data }) => Array.from(data, Number));
}

/** Largest difference, relative to the largest logit. */
function distance(a: number[], b: number[]): number {
	const largest = Math.max(...a.map(Math.abs));
	return Math.max(...a.map((value, i) => Math.abs(value - (b[i] ?? NaN)))) / largest;
}

// On SwiftShader nearly all the time goes into compiling shaders: one layer, few graphs.
test.each([
	['gemm', SHORT, [4]],
	['matmul', [...SHORT, [2, 4, 6, 8, 10]], [4, 5]]
] as const)('%s: adapters on the GPU equal those on the CPU', async (lora, rows, seeds) => {
	const given = decoderModel({ layers: 1, linear: 'q4' });
	const tokens = rows.map((row) => [...row]);
	const adapters = seeds.map((seed) => new TestAdapter(seed, () => 8));
	const reference = rewriteForServing(given, { lora: 'matmul', fuse: false });
	const wanted = await logits(reference.model, 'wasm', tokens, slotFeeds(reference.slots, adapters));
	expect(distance(await logits(given, 'wasm', tokens), wanted)).toBeGreaterThan(0.1);
	const { model, slots } = rewriteForServing(given, { lora, fuse: true, mask: 'lengths' });
	expect(distance(wanted, await logits(model, 'webgpu', tokens, slotFeeds(slots, adapters)))).toBeLessThan(
		1e-5
	);
});

test('attention made of primitives is right on the GPU for prompts of 32 tokens and more', async () => {
	const given = decoderModel({ layers: 1 });
	const prompt = [Array.from({ length: 41 }, (_, i) => (i * 37) % 96)];
	const wanted = await logits(given, 'wasm', prompt);
	expect(distance(wanted, await logits(decomposeAttention(given), 'webgpu', prompt))).toBeLessThan(1e-5);
});
