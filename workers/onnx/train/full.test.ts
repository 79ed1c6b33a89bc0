import { describe, expect, test } from 'vitest';
import { relativeError } from '#test/support/decoders.ts';
import { engines } from '#test/support/engines.ts';
import { graphTensors } from '#test/support/graph-tensors.ts';
import { openModel, type Values } from '#test/support/onnx/run-decoder.ts';
import { parameterVector, trainingFeeds } from '#test/support/onnx/training.ts';
import { randomDecoderConfig, randomIds } from '#test/support/random-decoder.ts';
import { seededRandom } from '#test/support/random.ts';
import { buildDecoder } from '#workers/models/builder/decoder.ts';
import { expectedTensors, randomWeights } from '#workers/models/builder/weights.ts';
import type { Model } from '../model.ts';
import { evaluateGraph, storedParametersGraph, trainGraph } from './train-graph.ts';

async function run(model: Model, feeds: Record<string, Values>) {
	const session = await openModel(model, engines.cpu);
	const outputs = await session.run(feeds);
	await session.close();
	return outputs;
}

const floats = (values: Values | undefined) => (values?.data ?? new Float32Array()) as Float32Array;

describe.each([
	['llama', 'fp32', true],
	['qwen2', 'fp32', false],
	['qwen3', 'q4', true],
	['qwen2', 'q8', false],
	['llama', 'fp16', false]
] as const)('all weights of a %s decoder in %s, tied %s', (family, dtype, tied) => {
	const random = seededRandom(family.length + dtype.length);
	const config = { ...randomDecoderConfig(family, random), layers: 2, tied };
	const model = buildDecoder(config, randomWeights(config, 3), { dtype });
	const ids = (count: number) => randomIds(config.vocab, count, random);
	const feeds = trainingFeeds([{ sequences: [ids(9), ids(7)] }, { sequences: [ids(14)] }], 18);

	test('the stored weights are read as the checkpoint has them', async () => {
		const { model: graph, layout } = storedParametersGraph(model);
		const tensors = graphTensors(model.graph, config);
		const wanted = parameterVector(layout, (name) => tensors(name) ?? []);
		expect(layout.slices.map(({ name, shape }) => `${name} ${shape}`).toSorted()).toEqual(
			Array.from(expectedTensors(config), ([name, shape]) => `${name} ${shape}`).toSorted()
		);
		const { parameters } = await run(graph, {});
		expect(relativeError(floats(parameters), floats(wanted))).toBeLessThan(1e-6);
	});

	test('with them, the loss is that of the base; it rises along the gradient as the gradient says', async () => {
		const { model: stored } = storedParametersGraph(model);
		const { parameters } = await run(stored, {});
		const start = floats(parameters);
		const base = await run(evaluateGraph(model).model, feeds);
		const { model: graph, layout } = trainGraph(model, {
			full: true,
			vocabularyChunk: 32,
			recompute: 'layers'
		});
		const vector = (data: Float32Array): Values => ({ data, dims: [layout.length] });
		const { loss, gradient } = await run(graph, { ...feeds, parameters: vector(start) });
		floats(base.loss).forEach((value, row) => expect(floats(loss)[row]).toBeCloseTo(value, 3));
		const whole = await run(trainGraph(model, { full: true }).model, { ...feeds, parameters: vector(start) });
		expect(relativeError(floats(whole.gradient), floats(gradient))).toBeLessThan(1e-5);

		const session = await openModel(evaluateGraph(model, { full: true }).model, engines.cpu);
		const lossAt = async (direction: Float32Array, step: number) => {
			const moved = start.map((value, i) => value + step * (direction[i] ?? 0));
			const { loss } = await session.run({ ...feeds, parameters: vector(moved) });
			return floats(loss).reduce((sum, value) => sum + value, 0);
		};
		// Tensor by tensor, so that none hides behind the largest.
		for (const { name, offset, shape } of layout.slices) {
			const size = shape.reduce((product, dim) => product * dim, 1);
			const own = floats(gradient).slice(offset, offset + size);
			const norm = Math.hypot(...own);
			const direction = new Float32Array(layout.length);
			direction.set(
				own.map((value) => value / norm),
				offset
			);
			const slope = async (h: number) =>
				((await lossAt(direction, h)) - (await lossAt(direction, -h))) / (2 * h);
			const h = 0.02;
			const wanted = (4 * (await slope(h)) - (await slope(2 * h))) / 3;
			// In float32 a loss of some hundred is told to about 1e-4, a slope over 4 h to 2e-3.
			expect(Math.abs(norm - wanted), name).toBeLessThan(4e-3 + 4e-3 * norm);
		}
		await session.close();
	});
});
