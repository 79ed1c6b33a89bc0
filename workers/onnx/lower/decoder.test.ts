import { describe, expect, test } from 'vitest';
import { relativeError } from '#test/support/decoders.ts';
import { engines } from '#test/support/engines.ts';
import { graphTensors } from '#test/support/graph-tensors.ts';
import { openModel } from '#test/support/onnx/run-decoder.ts';
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
