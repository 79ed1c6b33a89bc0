import { describe, expect, it } from 'vitest';
import { graphTensors } from '#test/support/graph-tensors.ts';
import { randomDecoderConfig, randomIds } from '#test/support/random-decoder.ts';
import { seededRandom } from '#test/support/random.ts';
import { referenceLogits } from '#test/support/reference-decoder.ts';
import { engines } from '#test/support/engines.ts';
import { DecoderSession } from '#test/support/run-decoder.ts';
import { joinSegments } from '#workers/onnx/segments.ts';
import { writeModel } from '#workers/onnx/write.ts';
import type { DecoderConfig } from './config.ts';
import { buildDecoder, type BuildOptions } from './decoder.ts';
import { BUILD_DTYPES } from './dtype.ts';
import { inFile } from './store.ts';
import { expectedTensors, randomWeights } from './weights.ts';

const seed = Number(process.env.SEED ?? Date.now() % 1e9);
const names = ['cpu', 'wasm'] as const;
const families = ['llama', 'qwen2', 'qwen3'] as const;

/**
 * Largest |logit − reference| over the largest |reference|, the reference in float64 over the very weights of the graph.
 * F32 arithmetic leaves about 1e-6; F16 activations about 2e-3.
 */
const bound = (dtype: BuildOptions['dtype']) => (dtype === 'fp16' || dtype === 'q4f16' ? 1e-2 : 2e-5);

function worst(logits: readonly ArrayLike<number>[], reference: readonly Float64Array[]): number {
	expect(logits.length).toBe(reference.length);
	const peak = Math.max(...reference.map((row) => row.reduce((a, b) => Math.max(a, Math.abs(b)), 0)));
	return (
		Math.max(
			...reference.map((row, t) =>
				row.reduce((most, value, i) => Math.max(most, Math.abs(value - (logits[t]?.[i] ?? NaN))), 0)
			)
		) / peak
	);
}

function small(changes: Partial<DecoderConfig> = {}): DecoderConfig {
	return { ...randomDecoderConfig('llama', seededRandom(1)), hidden: 64, tied: true, ...changes };
}

describe(`buildDecoder (seed ${seed})`, () => {
	for (const engine of names)
		for (const dtype of BUILD_DTYPES)
			it.each(families)(
				`computes the float64 logits of random %s shapes in ${dtype} on ${engine}`,
				async (family) => {
					const random = seededRandom(seed);
					for (let i = 0; i < 3; i++) {
						const config = randomDecoderConfig(family, random);
						const model = buildDecoder(config, randomWeights(config, seed + i), { dtype });
						const ids = randomIds(config.vocab, 12, random);
						const session = await DecoderSession.open(model, config, engines[engine]);
						const { logits } = await session.run([ids]);
						await session.close();
						const reference = referenceLogits(config, graphTensors(model.graph, config), ids);
						expect(worst(logits[0] ?? [], reference), JSON.stringify(config)).toBeLessThan(bound(dtype));
					}
				}
			);

	it('stores the checkpoint itself in fp32, and comes close to it in every other dtype', () => {
		const limits = { fp32: 0, fp16: 5e-4, q8: 0.01, q4: 0.15, q4f16: 0.15 };
		const config = small({ qkNorm: true, qkvBias: true, tied: false, hidden: 50 });
		const weights = randomWeights(config, seed);
		for (const dtype of BUILD_DTYPES) {
			const tensors = graphTensors(buildDecoder(config, weights, { dtype }).graph, config);
			for (const [name, shape] of expectedTensors(config)) {
				const original = weights.rows(name, 0, shape.length === 2 ? (shape[0] ?? 0) : 1);
				const stored = tensors(name);
				expect(stored?.length, name).toBe(original.length);
				const error = original.reduce((sum, value, i) => sum + (value - (stored?.[i] ?? NaN)) ** 2, 0);
				const size = original.reduce((sum, value) => sum + value ** 2, 0);
				expect(Math.sqrt(error / size), `${name} in ${dtype}`).toBeLessThanOrEqual(limits[dtype]);
			}
		}
	});

	it.each(names)(
		'continues from its own cache as if the whole sequence had been given at once, on %s',
		async (engine) => {
			const random = seededRandom(seed);
			// onnxruntime-node 1.30 cannot be fed Node 24's Float16Array.
			for (const dtype of engine === 'cpu' ? (['fp32', 'q4'] as const) : (['fp32', 'q4', 'q4f16'] as const)) {
				const config = randomDecoderConfig('qwen3', random);
				const model = buildDecoder(config, randomWeights(config, seed), { dtype });
				const ids = randomIds(config.vocab, 14, random);
				const session = await DecoderSession.open(model, config, engines[engine]);
				const prefill = await session.run([ids.slice(0, 7)]);
				const logits = [...(prefill.logits[0] ?? [])];
				let { cache } = prefill;
				for (const chunk of [ids.slice(7, 10), ids.slice(10, 11), ids.slice(11, 12), ids.slice(12)]) {
					const next = await session.run([chunk], 0, cache, logits.length);
					logits.push(...(next.logits[0] ?? []));
					({ cache } = next);
				}
				await session.close();
				expect(worst(logits, referenceLogits(config, graphTensors(model.graph, config), ids))).toBeLessThan(
					bound(dtype)
				);
			}
		}
	);

	it('gives the logits of all positions for num_logits_to_keep 0, of the last n for n, of all for more than there are', async () => {
		const config = small();
		const session = await DecoderSession.open(
			buildDecoder(config, randomWeights(config, seed), { dtype: 'q8' }),
			config,
			engines.cpu
		);
		const ids = randomIds(config.vocab, 9, seededRandom(seed));
		const all = (await session.run([ids], 0)).logits[0];
		expect(all?.length).toBe(9);
		for (const keep of [1, 4, 9]) {
			const kept = (await session.run([ids], keep)).logits[0] ?? [];
			expect(worst(kept, all?.slice(-keep) ?? [])).toBeLessThan(1e-6);
		}
		expect((await session.run([ids], 20)).logits[0]?.length).toBe(9);
		await session.close();
	});

	it('computes each row of a padded batch as if it were alone', async () => {
		const random = seededRandom(seed);
		const config = small({ tied: false });
		const model = buildDecoder(config, randomWeights(config, seed), { dtype: 'q4' });
		const rows = [11, 4, 7].map((length) => randomIds(config.vocab, length, random));
		for (const engine of names) {
			const session = await DecoderSession.open(model, config, engines[engine]);
			const { logits } = await session.run(rows);
			await session.close();
			rows.forEach((ids, i) => {
				const reference = referenceLogits(config, graphTensors(model.graph, config), ids);
				expect(worst((logits[i] ?? []).slice(0, ids.length), reference)).toBeLessThan(bound('q4'));
			});
		}
	});

	it.each(names)('computes with zero points on %s', async (engine) => {
		const config = small({ hidden: 96, ffn: 100 });
		const model = buildDecoder(config, randomWeights(config, seed), { dtype: 'q4', zeroPoints: true });
		expect(model.graph.initializers.has('model.layers.0.mlp.up_proj.weight_zero_points')).toBe(true);
		const ids = randomIds(config.vocab, 8, seededRandom(seed));
		const session = await DecoderSession.open(model, config, engines[engine]);
		const { logits } = await session.run([ids]);
		await session.close();
		const reference = referenceLogits(config, graphTensors(model.graph, config), ids);
		expect(worst(logits[0] ?? [], reference)).toBeLessThan(bound('q4'));
	});

	it('has the inputs and outputs of the onnx-community layout', () => {
		const config = small({ layers: 2 });
		const { graph } = buildDecoder(config, randomWeights(config, seed), { dtype: 'q4' });
		const caches = (prefix: string) =>
			[0, 1].flatMap((layer) => ['key', 'value'].map((kind) => `${prefix}.${layer}.${kind}`));
		expect(graph.inputs.map(({ name }) => name)).toEqual([
			...['input_ids', 'attention_mask', 'position_ids', 'num_logits_to_keep'],
			...caches('past_key_values')
		]);
		expect(graph.outputs.map(({ name }) => name)).toEqual(['logits', ...caches('present')]);
	});

	it('keeps one copy of a tied table, and the codes of q, k, v and of gate, up side by side', () => {
		const config = small({ vocab: 512 });
		const { graph } = buildDecoder(config, randomWeights(config, seed), { dtype: 'q4' });
		const names = [...graph.initializers.keys()];
		expect(names.filter((name) => /embed_tokens|lm_head/.test(name))).toEqual([
			'model.embed_tokens.weight_Q8',
			'model.embed_tokens.weight_scales'
		]);
		const together = (module: string, parts: string[]) => {
			const at = names.indexOf(`model.layers.0.${module}.${parts[0]}.weight_Q4`);
			expect(names.slice(at, at + parts.length)).toEqual(
				parts.map((part) => `model.layers.0.${module}.${part}.weight_Q4`)
			);
		};
		together('self_attn', ['q_proj', 'k_proj', 'v_proj']);
		together('mlp', ['gate_proj', 'up_proj']);
	});

	it('builds the same model when its weights go to a file as they are made', () => {
		const config = small();
		const weights = randomWeights(config, seed);
		const chunks: Uint8Array[] = [];
		const store = inFile('scratch', (bytes) => chunks.push(bytes.slice()));
		const streamed = writeModel(buildDecoder(config, weights, { dtype: 'q4', store }));
		const whole = writeModel(buildDecoder(config, weights, { dtype: 'q4' }));
		const file = joinSegments(chunks, new Map());
		const sources = new Map([
			[
				'scratch',
				{
					size: file.length,
					read: (offset: number, length: number) => file.subarray(offset, offset + length)
				}
			]
		]);
		expect(chunks.length).toBeGreaterThan(0);
		expect(streamed.graph).toEqual(whole.graph);
		expect(joinSegments(streamed.weights, sources)).toEqual(joinSegments(whole.weights, new Map()));
	});

	it('refuses weights that lack a tensor or have another shape than config.json says', () => {
		const config = small({ layers: 2 });
		const weights = randomWeights(config, seed);
		const missing = {
			...weights,
			shape: (name: string) => (name.includes('layers.1.mlp.up') ? undefined : weights.shape(name))
		};
		expect(() => buildDecoder(config, missing, { dtype: 'q4' })).toThrow(
			/model\.layers\.1\.mlp\.up_proj\.weight/
		);
		expect(() => buildDecoder({ ...config, ffn: config.ffn + 1 }, weights, { dtype: 'q4' })).toThrow(/shape/);
	});
});
