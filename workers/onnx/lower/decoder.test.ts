import { describe, expect, test } from 'vitest';
import { relativeError } from '#test/support/decoders.ts';
import { engines } from '#test/support/engines.ts';
import { graphTensors } from '#test/support/graph-tensors.ts';
import { decoderModel } from '#test/support/onnx/decoder-model.ts';
import { decode, openModel } from '#test/support/onnx/run-decoder.ts';
import { trainingFeeds, type TrainingRow } from '#test/support/onnx/training.ts';
import { randomDecoderConfig, randomIds } from '#test/support/random-decoder.ts';
import { seededRandom } from '#test/support/random.ts';
import { referenceLogits } from '#test/support/reference-decoder.ts';
import { buildDecoder } from '#workers/models/builder/decoder.ts';
import { BUILD_DTYPES } from '#workers/models/builder/dtype.ts';
import { randomWeights } from '#workers/models/builder/weights.ts';
import type { Model } from '../model.ts';
import { lowerDecoder } from './decoder.ts';

/** Logits [row][token] of a lowered decoder, padding left out. */
async function lowered(model: Model, engine: keyof typeof engines, rows: readonly TrainingRow[]) {
	const { model: graph, info } = lowerDecoder(model);
	const session = await openModel(graph, engines[engine]);
	const { logits } = await session.run(trainingFeeds(rows));
	await session.close();
	const [, length = 0] = logits?.dims ?? [];
	const all = logits?.data as Float32Array;
	return rows.map(({ sequences }, row) => {
		const count = sequences.reduce((sum, ids) => sum + ids.length, 0);
		const start = row * length * info.vocabSize;
		return all.slice(start, start + count * info.vocabSize);
	});
}

/** Half-precision files also hold their rotary tables in half precision; the reference computes them. */
const BOUNDS = { fp32: 2e-5, q8: 2e-5, q4: 2e-5, fp16: 1e-3, q4f16: 1e-3 };

describe.each(BUILD_DTYPES)('a built decoder in %s', (dtype) => {
	test.each(['llama', 'qwen2', 'qwen3'] as const)(
		'gives the logits of its weights for packed and padded rows: %s',
		async (family) => {
			const seed = dtype.length * 7 + family.length;
			const random = seededRandom(seed);
			const config = randomDecoderConfig(family, random);
			const model = buildDecoder(config, randomWeights(config, 3), { dtype, zeroPoints: family === 'qwen2' });
			const ids = (count: number) => randomIds(config.vocab, count, random);
			const rows = [
				{ sequences: [ids(9), ids(5), ids(12)] },
				{ sequences: [ids(11)] },
				{ sequences: [ids(1), ids(20)] }
			];
			const tensors = graphTensors(model.graph, config);
			for (const engine of ['cpu', 'wasm'] as const) {
				const found = await lowered(model, engine, rows);
				rows.forEach(({ sequences }, row) => {
					const wanted = sequences.flatMap((sequence) =>
						referenceLogits(config, tensors, sequence).flatMap((logits) => Array.from(logits))
					);
					const error = relativeError(found[row] ?? new Float32Array(), Float32Array.from(wanted));
					expect(error, `${engine} row ${row} seed ${seed}`).toBeLessThan(BOUNDS[dtype]);
				});
			}
		}
	);
});

/** Largest difference between a lowered decoder's logits and those it serves with, relative to the largest. */
async function apart(
	options: Parameters<typeof decoderModel>[0],
	tokens: readonly number[]
): Promise<number> {
	const model = decoderModel({ headDim: 16, kvHeads: 2, ...options });
	const session = await openModel(model, engines.cpu);
	const { logits } = await decode(session, [[...tokens]], 0, { layers: 2, kvHeads: 2, headDim: 16 });
	await session.close();
	const [found] = await lowered(model, 'cpu', [{ sequences: [[9, 8, 7], tokens] }]);
	const wanted = logits[0]?.data as Float32Array;
	return relativeError((found ?? new Float32Array()).slice(-wanted.length), wanted);
}

describe('another exporter’s decoder gives the logits that it serves with', () => {
	const tokens = [3, 14, 15, 92, 6, 53, 58, 9, 79, 32];

	test.each([
		['q, k and v packed, gate and up packed', { packed: true, linear: 'q4' }],
		['a bias and QK norms', { qkvBias: true, qkNorm: true }],
		['rotary before the attention', { rotary: 'node', linear: 'q4' }],
		['packed, rotary before the attention', { rotary: 'node', packed: true, qkNorm: true }],
		['a count of logits to keep', { numLogitsToKeep: true }],
		['Gemm', { linear: 'gemm' }],
		['attention in primitives', { layout: 'decomposed' }],
		['attention in primitives, Gemm, packed', { layout: 'decomposed', linear: 'gemm', packed: true }],
		[
			'attention in primitives, QK norms, bias',
			{ layout: 'decomposed', qkNorm: true, qkvBias: true, linear: 'q4' }
		],
		['attention in primitives, logits to keep', { layout: 'decomposed', numLogitsToKeep: true }]
	] as const)('%s', async (_, options) => {
		expect(await apart(options, tokens)).toBeLessThan(1e-5);
	});

	test('8-bit products of activations rounded on the way: nearly', async () => {
		expect(await apart({ linear: 'dynamic' }, tokens)).toBeLessThan(0.05);
		expect(await apart({ linear: 'dynamic', layout: 'decomposed', packed: true }, tokens)).toBeLessThan(0.05);
	});
});

test('a decoder with an operator that cannot be taken apart is refused by its name', () => {
	const model = decoderModel({ layers: 1 });
	const { graph } = model;
	const operator = [...graph.nodes].find(({ opType }) => opType === 'GroupQueryAttention');
	if (!operator) throw new Error('no attention');
	graph.update(operator, {
		attributes: new Map([...operator.attributes, ['smooth_softmax', { type: 'int', value: 1n }]])
	});
	expect(() => lowerDecoder(model)).toThrow(
		"This model cannot be trained: com.microsoft.GroupQueryAttention '/model/layers.0/attn/GroupQueryAttention' has attention sinks or a quantised cache."
	);
});
