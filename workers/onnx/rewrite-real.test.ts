import { existsSync, readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { describe, expect, test } from 'vitest';
import { engines } from '#test/support/engines.ts';
import { decode, openModel, type Values } from '#test/support/onnx/run-decoder.ts';
import { noAdapter } from '#test/support/onnx/slot-values.ts';
import { randomDecoderConfig } from '#test/support/random-decoder.ts';
import { seededRandom } from '#test/support/random.ts';
import { sharedPath } from '#test/support/shared.ts';
import { memorySource } from '#workers/bytes.ts';
import { buildDecoder } from '#workers/models/builder/decoder.ts';
import { BUILD_DTYPES } from '#workers/models/builder/dtype.ts';
import { randomWeights } from '#workers/models/builder/weights.ts';
import { describeDecoder } from './decoder.ts';
import type { Model } from './model.ts';
import { readModel } from './read.ts';
import { rewriteForServing } from './rewrite.ts';
import { joinSegments } from './segments.ts';

const FORMS = [
	{ lora: 'matmul', fuse: true, mask: 'lengths' },
	{ lora: 'matmul', fuse: false },
	{ lora: 'none', fuse: 'attention', mask: 'lengths' }
] as const;

/** A model with its weights read in, since its file is at hand. */
function loaded(path: string): Model {
	const bytes = readFileSync(path);
	const name = basename(path);
	const model = readModel(memorySource(bytes), name);
	for (const initializer of model.graph.initializers.values())
		initializer.data = [joinSegments(initializer.data, new Map([[name, memorySource(bytes)]]))];
	return model;
}

/**
 * Runs the given model and each rewritten form on the same tokens; all have to agree bit by bit. In half precision
 * onnxruntime computes in float32 between the operators that need it and drops roundings where it can, which depends on
 * the graph: there they agree within a hundredth of the largest logit.
 */
async function agree(given: Model, engine: keyof typeof engines): Promise<void> {
	const info = describeDecoder(given);
	const tokens = Array.from({ length: 9 }, (_, i) => (i * 7) % info.vocabSize);
	// onnxruntime-node cannot be fed half-precision values under a Node that has Float16Array: prompt only.
	const steps = engine === 'cpu' && info.kvType === 'float16' ? 0 : 2;
	const run = async (model: Model, extra: Record<string, Values> = {}) => {
		const session = await openModel(model, engines[engine]);
		const replies = await decode(session, [tokens], steps, info, extra);
		await session.close();
		return replies;
	};
	const wanted = await run(given);
	expect(wanted.logits.length).toBe(steps + 1);
	for (const form of FORMS) {
		const { model, slots } = rewriteForServing(given, form);
		const found = await run(model, noAdapter(slots));
		if (info.kvType === 'float32') expect(found, JSON.stringify(form)).toEqual(wanted);
		else expect(distance(wanted.logits, found.logits), JSON.stringify(form)).toBeLessThan(1e-2);
	}
}

/** Largest difference, relative to the largest logit. */
function distance(a: readonly Values[], b: readonly Values[]): number {
	const [left, right] = [a, b].map((list) => list.flatMap(({ data }) => Array.from(data, Number)));
	const largest = Math.max(...(left ?? []).map(Math.abs));
	return Math.max(...(left ?? []).map((value, i) => Math.abs(value - (right?.[i] ?? NaN)))) / largest;
}

describe.each(BUILD_DTYPES)('a built decoder in %s', (dtype) => {
	test.each(['llama', 'qwen2', 'qwen3'] as const)(
		'replies without an adapter as before: %s',
		async (family) => {
			const random = seededRandom(dtype.length + family.length);
			const config = { ...randomDecoderConfig(family, random), hidden: 64, ffn: 96, layers: 2 };
			const model = buildDecoder(config, randomWeights(config, 3), { dtype, zeroPoints: family === 'qwen2' });
			expect(describeDecoder(model).linears.length).toBe(14);
			for (const engine of ['cpu', 'wasm'] as const) await agree(model, engine);
		}
	);
});

test('the bundled model replies without an adapter as before', async () => {
	const path = new URL('../../static/models/nano/onnx/model_q4.onnx', import.meta.url).pathname;
	expect(existsSync(path)).toBe(true);
	const model = loaded(path);
	expect(describeDecoder(model).linears.length).toBe(8 * 7);
	for (const engine of ['cpu', 'wasm'] as const) await agree(model, engine);
});

const fp16 = sharedPath('data/onnx-decoders/genai-tiny-qwen35-cuda/decoder.onnx');

test.skipIf(!fp16)(
	'a half-precision export from elsewhere takes half-precision adapters (needs ../shared)',
	async () => {
		const model = loaded(fp16 ?? '');
		await agree(model, 'cpu');
		const { slots, info } = rewriteForServing(model, { lora: 'matmul', fuse: true });
		expect(info.kvType).toBe('float16');
		expect(new Set(slots.map(({ dataType }) => dataType))).toEqual(new Set(['float16']));
		// This model's MLP has no gate.
		expect(slots.flatMap(({ parts }) => parts.map(({ module }) => module)).slice(0, 6)).toEqual([
			...['q_proj', 'k_proj', 'v_proj', 'o_proj', 'up_proj', 'down_proj']
		]);
	}
);

const hybrid = sharedPath('data/onnx-decoders/genai-tiny-random-lfm2-fp32/decoder.onnx');

test.skipIf(!hybrid)(
	'a decoder with other states than keys and values is refused by their name (needs ../shared)',
	() => {
		expect(() => describeDecoder(loaded(hybrid ?? ''))).toThrow(/'past_conv\.0'/);
	}
);
