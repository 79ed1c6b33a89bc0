import * as ort from 'onnxruntime-web/webgpu';
import wasmMjs from 'onnxruntime-web/ort-wasm-simd-threaded.asyncify.mjs?url';
import wasmBinary from 'onnxruntime-web/ort-wasm-simd-threaded.asyncify.wasm?url';
import { beforeAll, describe, expect, it } from 'vitest';
import { graphTensors } from '#test/support/graph-tensors.ts';
import { randomDecoderConfig, randomIds } from '#test/support/random-decoder.ts';
import { seededRandom } from '#test/support/random.ts';
import { referenceLogits } from '#test/support/reference-decoder.ts';
import { DecoderSession } from '#test/support/run-decoder.ts';
import { buildDecoder } from './decoder.ts';
import { randomWeights } from './weights.ts';

/** WebGPU in Chromium; on SwiftShader nearly all the time goes into compiling shaders, so two shapes cover most operators. */
describe('buildDecoder on WebGPU', () => {
	beforeAll(() => {
		ort.env.wasm.numThreads = 1;
		ort.env.wasm.wasmPaths = { mjs: wasmMjs, wasm: wasmBinary };
	});

	it.each([
		['qwen2', 'q8'],
		['qwen3', 'q4']
	] as const)(
		'computes the float64 logits of a %s shape in %s, prefill and decode',
		async (family, dtype) => {
			const random = seededRandom(11);
			const config = {
				...randomDecoderConfig(family, random),
				...{
					hidden: 64,
					layers: 2,
					heads: 4,
					kvHeads: 2,
					headDim: 32,
					ffn: 96,
					vocab: 64,
					tied: dtype === 'q4'
				}
			};
			const model = buildDecoder(config, randomWeights(config, 11), { dtype });
			// 31 tokens: from 32 on SwiftShader's fused attention is wrong.
			const ids = randomIds(config.vocab, 31, random);
			const session = await DecoderSession.open(model, config, { ort, provider: 'webgpu' });
			const prefill = await session.run([ids.slice(0, 29)]);
			const logits = [...(prefill.logits[0] ?? [])];
			let { cache } = prefill;
			for (const id of ids.slice(29)) {
				const next = await session.run([[id]], 1, cache, logits.length);
				logits.push(...(next.logits[0] ?? []));
				({ cache } = next);
			}
			await session.close();
			const reference = referenceLogits(config, graphTensors(model.graph, config), ids);
			const peak = Math.max(...reference.map((row) => row.reduce((a, b) => Math.max(a, Math.abs(b)), 0)));
			const errors = reference.map((row, t) =>
				row.reduce((most, value, i) => Math.max(most, Math.abs(value - (logits[t]?.[i] ?? NaN))), 0)
			);
			expect(Math.max(...errors) / peak).toBeLessThan(1e-4);
		}
	);
});
