import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { relativeError } from '#test/support/decoders.ts';
import { engines } from '#test/support/engines.ts';
import { openModel, type Values } from '#test/support/onnx/run-decoder.ts';
import { parameterVector, trainingFeeds } from '#test/support/onnx/training.ts';
import { graphTensors } from '#test/support/graph-tensors.ts';
import { randomDecoderConfig, randomIds } from '#test/support/random-decoder.ts';
import { seededRandom } from '#test/support/random.ts';
import { referenceLogits, referenceLoss, type LowRanks } from '#test/support/reference-decoder.ts';
import { sharedPath } from '#test/support/shared.ts';
import { readSafetensors, readTensorF32 } from '#workers/formats/safetensors.ts';
import { openCheckpoint } from '#workers/models/builder/checkpoint.ts';
import { buildDecoder } from '#workers/models/builder/decoder.ts';
import { openNodeFile } from '#workers/models/builder/node-file.ts';
import { randomWeights } from '#workers/models/builder/weights.ts';
import type { Model } from '../model.ts';
import { joinSegments } from '../segments.ts';
import { writeModel } from '../write.ts';
import type { ParameterLayout } from './parameters.ts';
import { learntTokens } from './learnt-tokens.ts';
import { evaluateGraph, trainGraph, type TrainGraphOptions } from './train-graph.ts';

const nano = sharedPath('models/nano');

describe.skipIf(!nano)('nano against PyTorch (skipped where ../shared is absent)', () => {
	const folder = nano ?? '';
	const tensors = (path: string) => {
		const source = openNodeFile(join(folder, path));
		if (!source) throw new Error(`no ${path}`);
		const file = readSafetensors(source);
		return (name: string) => readTensorF32(file, name);
	};

	test.each([
		['cpu', 'none'],
		['wasm', 'none'],
		['cpu', 'layers'],
		['wasm', 'layers']
	] as const)('gradients of every A and B: %s, recompute %s', async (engine, recompute) => {
		const checkpoint = openCheckpoint((name) => openNodeFile(join(folder, name)));
		const model = buildDecoder(checkpoint.config, checkpoint.weights, { dtype: 'fp32' });
		const { gradients, lora } = JSON.parse(readFileSync(join(folder, 'reference.json'), 'utf8')) as {
			gradients: { ids: number[]; prompt_length: number; loss: number };
			lora: { r: number; lora_alpha: number };
		};
		const { model: graph, layout } = trainGraph(model, { lora: { rank: lora.r }, recompute });
		expect(layout.slices.length).toBe(8 * 7 * 2);
		const session = await openModel(graph, engines[engine]);
		const { ids, prompt_length: start, loss } = gradients;
		const count = ids.length - start;
		const outputs = await session.run({
			...trainingFeeds([{ sequences: [ids], weight: (_, at) => (at < start ? 0 : 1 / count) }], 40),
			parameters: parameterVector(layout, tensors('reference_adapter/adapter_model.safetensors')),
			scale: { data: Float32Array.of(lora.lora_alpha / lora.r), dims: [] }
		});
		await session.close();
		expect(outputs.loss?.data[0]).toBeCloseTo(loss, 4);
		expect(outputs.weight?.data[0]).toBeCloseTo(1, 5);
		const wanted = parameterVector(layout, tensors('reference_grads.safetensors'));
		const found = outputs.gradient?.data as Float32Array;
		for (const { name, offset, shape } of layout.slices) {
			const size = shape.reduce((product, dim) => product * dim, 1);
			const [a, b] = [found, wanted.data as Float32Array].map((data) => data.subarray(offset, offset + size));
			const apart = Math.sqrt((a as Float32Array).reduce((sum, value, i) => sum + (value - ((b as Float32Array)[i] ?? 0)) ** 2, 0)); // prettier-ignore
			const norm = Math.sqrt((b as Float32Array).reduce((sum, value) => sum + value ** 2, 0));
			expect(apart / norm, name).toBeLessThan(1e-3);
		}
	});
});

const RANK = 3;
const SCALE = 2;
const scale: Values = { data: Float32Array.of(SCALE), dims: [] };

/** A model graph's outputs for some feeds. */
async function run(model: Model, feeds: Record<string, Values>, engine: keyof typeof engines = 'cpu') {
	const session = await openModel(model, engines[engine]);
	const outputs = await session.run(feeds);
	await session.close();
	return outputs;
}

const floats = (values: Values | undefined) => (values?.data ?? new Float32Array()) as Float32Array;

/** Random A and B, by name. */
function randomParameters(layout: ParameterLayout, seed: number): Values {
	const random = seededRandom(seed);
	return parameterVector(layout, (_, shape) =>
		Float32Array.from({ length: (shape[0] ?? 0) * (shape[1] ?? 0) }, () => (random() - 0.5) * 0.4)
	);
}

/** The adapter in a parameter vector, as the reference decoder takes it. */
function lowRanks({ slices }: ParameterLayout, parameters: Values): LowRanks {
	const tensor = (name: string) => {
		const slice = slices.find((candidate) => candidate.name === `base_model.model.${name}.weight`);
		const [rows = 0, columns = 0] = slice?.shape ?? [];
		const { offset = 0 } = slice ?? {};
		return floats(parameters).subarray(offset, offset + rows * columns);
	};
	const modules = slices.flatMap(
		({ name }) => /^base_model\.model\.(.*)\.lora_A\.weight$/.exec(name)?.[1] ?? []
	);
	return new Map(
		modules.map((module) => [
			module,
			{ a: tensor(`${module}.lora_A`), b: tensor(`${module}.lora_B`), scale: SCALE }
		])
	);
}

describe.each([
	['llama', 'fp32'],
	['qwen2', 'q4'],
	['qwen3', 'q8'],
	['llama', 'q4f16']
] as const)('a %s decoder in %s', (family, dtype) => {
	const random = seededRandom(family.length + dtype.length);
	const config = { ...randomDecoderConfig(family, random), layers: 3 };
	const model = buildDecoder(config, randomWeights(config, 3), { dtype, zeroPoints: family === 'qwen2' });
	const ids = (count: number) => randomIds(config.vocab, count, random);
	const weight = (sequence: number, at: number) => (at < 3 ? 0 : 1 + sequence / 2);
	const rows = [
		{ sequences: [ids(9), ids(7)], weight },
		{ sequences: [ids(14)], weight },
		{ sequences: [ids(5)] }
	];
	const feeds = trainingFeeds(rows, 18);

	test('losses are those of the reference, whatever the stretch of the vocabulary', async () => {
		const tensors = graphTensors(model.graph, config);
		for (const vocabularyChunk of [16, 8192]) {
			const { model: graph, layout } = evaluateGraph(model, { lora: { rank: RANK }, vocabularyChunk });
			const parameters = randomParameters(layout, 7);
			const found = await run(graph, { ...feeds, parameters, scale }, 'wasm');
			const lora = lowRanks(layout, parameters);
			rows.forEach(({ sequences, weight: factor = () => 1 }, row) => {
				let loss = 0;
				let total = 0;
				sequences.forEach((sequence, s) => {
					const logits = referenceLogits(config, tensors, sequence, lora);
					for (let at = 1; at < sequence.length; at++) {
						loss += factor(s, at) * referenceLoss(logits.slice(0, at), sequence.slice(0, at + 1), at);
						total += factor(s, at);
					}
				});
				expect(Math.abs((floats(found.loss)[row] ?? NaN) / loss - 1)).toBeLessThan(
					dtype === 'q4f16' ? 1e-3 : 1e-5
				);
				expect(floats(found.weight)[row]).toBeCloseTo(total, 4);
			});
			expect(found.nll?.dims).toEqual([3, 18]);
		}
	});

	test('the base alone has the losses of an adapter of zeros', async () => {
		const adapted = evaluateGraph(model, { lora: { rank: RANK } });
		const zeros = { data: new Float32Array(adapted.layout.length), dims: [adapted.layout.length] };
		const wanted = await run(adapted.model, { ...feeds, parameters: zeros, scale });
		const found = await run(evaluateGraph(model).model, feeds);
		expect(floats(found.nll)).toEqual(floats(wanted.nll));
	});

	test('the loss rises along the gradient as the gradient says', async () => {
		const { model: graph, layout } = trainGraph(model, { lora: { rank: RANK }, vocabularyChunk: 32 });
		const evaluation = evaluateGraph(model, { lora: { rank: RANK } });
		const parameters = randomParameters(layout, 7);
		const { gradient } = await run(graph, { ...feeds, parameters, scale });
		const norm = Math.hypot(...floats(gradient));
		const session = await openModel(evaluation.model, engines.cpu);
		const lossAt = async (step: number) => {
			const moved = floats(parameters).map((value, i) => value + (step * (floats(gradient)[i] ?? 0)) / norm);
			const { loss } = await session.run({
				...feeds,
				scale,
				parameters: { data: moved, dims: [moved.length] }
			});
			return floats(loss).reduce((sum, value) => sum + value, 0);
		};
		const h = 0.02;
		const slope = ((await lossAt(h)) - (await lossAt(-h))) / (2 * h);
		const wide = ((await lossAt(2 * h)) - (await lossAt(-2 * h))) / (4 * h);
		await session.close();
		// Richardson: the error of central differences falls with h².
		expect(Math.abs((4 * slope - wide) / 3 / norm - 1)).toBeLessThan(2e-3);
	});

	test('recomputation gives the same gradient', async () => {
		const of = async (options: Partial<TrainGraphOptions>) => {
			const { model: graph, layout } = trainGraph(model, { lora: { rank: RANK }, ...options });
			const found = await run(graph, { ...feeds, parameters: randomParameters(layout, 7), scale }, 'wasm');
			return floats(found.gradient);
		};
		const again = await of({ recompute: 'layers', vocabularyChunk: 20 });
		expect(relativeError(again, await of({}))).toBeLessThan(1e-5);
	});

	test.each([
		{ where: 'at the base', strength: 0 },
		{ where: 'half way to an adapter', strength: 0.5 }
	])(
		'gradients by row are those of each row alone, with respect to every B: $where',
		async ({ strength }) => {
			const some = { rank: RANK, modules: ['q_proj', 'v_proj', 'o_proj', 'up_proj', 'down_proj'] };
			const whole = trainGraph(model, { lora: some });
			const parameters = randomParameters(whole.layout, 7);
			const parts = new Map(
				whole.layout.slices.map(({ name, offset, shape }) => {
					const values = floats(parameters).subarray(offset, offset + (shape[0] ?? 0) * (shape[1] ?? 0));
					// Scaled, so that the scale stays 1 and the gradient is that of the unscaled product.
					if (name.endsWith('lora_B.weight')) values.forEach((value, i) => (values[i] = strength * value));
					return [name, values] as const;
				})
			);
			const one = Float32Array.of(1);
			const scale = { data: one, dims: [] };
			const at = strength > 0 ? { at: some } : {};
			const byRow = trainGraph(model, { lora: some, gradient: 'rows', vocabularyChunk: 20, ...at });
			const a = parameterVector(byRow.layout, (name) => parts.get(name) ?? []);
			const adapter = parameterVector(byRow.at, (name) => parts.get(name) ?? []);
			const there: Record<string, Values> = strength > 0 ? { adapter, scale } : {};
			const found = await run(byRow.model, { ...feeds, parameters: a, ...there }, 'wasm');
			const losses = await run(evaluateGraph(model, { lora: some }).model, { ...feeds, parameters, scale });
			for (const name of ['loss', 'nll'])
				expect(relativeError(floats(found[name]), floats(losses[name]))).toBeLessThan(1e-5);
			expect(floats(found.gradient).length).toBe(3 * byRow.rowWidth);
			for (const [row] of rows.entries()) {
				const alone = trainingFeeds(rows.slice(row, row + 1));
				const { gradient } = await run(whole.model, { ...alone, parameters, scale });
				const wanted = whole.layout.slices.flatMap(({ name, offset, shape: [features = 0] }) =>
					name.endsWith('lora_B.weight')
						? Array.from({ length: RANK * features }, (_, i) => {
								const [k, feature] = [Math.floor(i / features), i % features];
								return floats(gradient)[offset + feature * RANK + k] ?? NaN;
							})
						: []
				);
				const own = floats(found.gradient).subarray(row * byRow.rowWidth, (row + 1) * byRow.rowWidth);
				expect(relativeError(own, Float32Array.from(wanted))).toBeLessThan(1e-5);
			}
		}
	);

	test('the vocabulary for tokens with a label alone: the same bit by bit', async () => {
		const lora = { rank: RANK };
		const { learnt, rows: places } = learntTokens(floats(feeds.labels));
		const [batch = 0, sequence = 0] = feeds.labels?.dims ?? [];
		expect(learnt.length).toBeLessThan(0.8 * batch * sequence);
		const some = {
			learnt: { data: learnt, dims: [learnt.length] },
			learnt_row: { data: places, dims: [batch, sequence] }
		};
		const parameters = randomParameters(trainGraph(model, { lora }).layout, 7);
		for (const make of [
			(learntOnly: boolean) => trainGraph(model, { lora, vocabularyChunk: 32, learntOnly }),
			(learntOnly: boolean) => evaluateGraph(model, { lora, learntOnly })
		]) {
			const given = { ...feeds, parameters, scale };
			const all = await run(make(false).model, given, 'wasm');
			const found = await run(make(true).model, { ...given, ...some }, 'wasm');
			for (const [name, { data }] of Object.entries(all)) expect(found[name]?.data, name).toEqual(data);
		}
	});

	test('a teacher’s expectations take the place of a share of the label', async () => {
		const [share, at] = [0.3, 5];
		const prefix = ids(at + 1);
		// One row for each token that could come next: their gradients, mixed, are the one that is wanted.
		const asked = (weightOf: (next: number) => number) =>
			trainingFeeds(
				Array.from({ length: config.vocab }, (_, next) => ({
					sequences: [[...prefix, next]],
					weight: (_: number, place: number) => (place === at + 1 ? weightOf(next) : 0)
				}))
			);
		const every = asked(() => 1);
		const { model: taught, layout, hidden } = evaluateGraph(model, { lora: { rank: RANK }, vocabularyChunk: 16, expected: true }); // prettier-ignore
		const told = await run(taught, { ...every, parameters: randomParameters(layout, 8), scale });
		const width = prefix.length + 1;
		const p = Array.from({ length: config.vocab }, (_, v) => Math.exp(-(floats(told.nll)[v * width + at] ?? NaN))); // prettier-ignore
		expect(p.reduce((sum, value) => sum + value)).toBeCloseTo(1, 4);

		const parameters = randomParameters(layout, 7);
		const byLabel = trainGraph(model, { lora: { rank: RANK } });
		const label = 3;
		const mixed = asked((next) => share * (p[next] ?? NaN) + (next === label ? 1 - share : 0));
		const wanted = floats((await run(byLabel.model, { ...mixed, parameters, scale })).gradient);

		const student = trainGraph(model, { lora: { rank: RANK }, teacher: true });
		const row = <T extends Values>({ data, dims }: T, size: number): Values => ({
			data: data.slice(label * size, (label + 1) * size) as Float32Array,
			dims: [1, ...dims.slice(1)]
		});
		const single = Object.fromEntries(
			Object.entries(every).map(([name, values]) => [
				name,
				name === 'row_shape'
					? { data: BigInt64Array.of(1n, BigInt(width), -1n), dims: [3] }
					: row(values, width)
			])
		);
		const found = await run(student.model, {
			...single,
			parameters,
			scale,
			teacher: row(told.expected as Values, width * hidden),
			teacher_share: { data: Float32Array.of(share), dims: [] }
		});
		expect(relativeError(floats(found.gradient), wanted)).toBeLessThan(1e-4);
	});

	test('some modules of some layers: their part of the whole gradient, with no way back below them', async () => {
		const some = { rank: RANK, modules: ['q_proj', 'v_proj', 'up_proj'], layers: [1, 2] };
		const part = trainGraph(model, { lora: some });
		const whole = trainGraph(model, { lora: { rank: RANK } });
		const values = randomParameters(part.layout, 9);
		const spread = new Float32Array(whole.layout.length);
		const places = part.layout.slices.map(({ name, offset, shape }) => {
			const to = whole.layout.slices.find((slice) => slice.name === name)?.offset ?? NaN;
			const size = (shape[0] ?? 0) * (shape[1] ?? 0);
			spread.set(floats(values).subarray(offset, offset + size), to);
			return { to, offset, size };
		});
		const found = await run(part.model, { ...feeds, parameters: values, scale });
		const wanted = await run(whole.model, {
			...feeds,
			parameters: { data: spread, dims: [spread.length] },
			scale
		});
		const expected = new Float32Array(part.layout.length);
		for (const { to, offset, size } of places)
			expected.set(floats(wanted.gradient).subarray(to, to + size), offset);
		expect(relativeError(floats(found.gradient), expected)).toBeLessThan(1e-5);
		const products = ({ graph }: Model) => [...graph.nodes].filter(({ opType }) => opType === 'Gemm').length;
		expect(products(part.model)).toBeLessThan(products(whole.model) / 1.7);
	});
});

test('onnxruntime expands the weights of one product at a time, and begins a stretch of vocabulary when the last is done', async () => {
	const random = seededRandom(2);
	const config = { ...randomDecoderConfig('llama', random), layers: 3, vocab: 96 };
	const model = buildDecoder(config, randomWeights(config, 3), { dtype: 'q4' });
	const { model: graph, layout } = trainGraph(model, { lora: { rank: RANK }, recompute: 'layers', vocabularyChunk: 40 }); // prettier-ignore
	const { graph: bytes, weights, weightsPath } = writeModel(graph);
	const folder = mkdtempSync(join(tmpdir(), 'train-graph-'));
	const { InferenceSession, Tensor } = await import('onnxruntime-node');
	const session = await InferenceSession.create(bytes, {
		externalData: [{ path: weightsPath, data: joinSegments(weights, new Map()) }],
		enableProfiling: true,
		profileFilePrefix: join(folder, 'order'),
		logSeverityLevel: 3
	});
	const feeds: Record<string, Values> = {
		...trainingFeeds([{ sequences: [randomIds(config.vocab, 8, random)] }]),
		parameters: randomParameters(layout, 7),
		scale
	};
	await session.run(
		Object.fromEntries(
			session.inputNames.map((name) => {
				const { data, dims } = feeds[name] as Values;
				const type =
					data instanceof Float32Array ? 'float32' : data instanceof Int32Array ? 'int32' : 'int64';
				return [name, new Tensor(type, data as never, dims)];
			})
		)
	);
	session.endProfiling();
	const [file = ''] = readdirSync(folder);
	const events = JSON.parse(readFileSync(join(folder, file), 'utf8')) as { name: string; args?: { op_name?: string } }[]; // prettier-ignore
	rmSync(folder, { recursive: true });
	const kinds = events.flatMap(({ name, args }) =>
		name.endsWith('_kernel_time') ? [args?.op_name ?? ''] : []
	);
	expect(kinds.filter((kind) => kind === 'DequantizeLinear').length).toBeGreaterThan(20);
	kinds.forEach((kind, i) => {
		if (kind === 'DequantizeLinear') expect(kinds[i + 1]).not.toBe('DequantizeLinear');
	});
	// Each stretch: its largest logit, then its exponentials, before the next one's.
	const stretches = kinds.filter((kind) => kind === 'ReduceMax' || kind === 'Exp').join(' ');
	const later = 'ReduceMax ReduceMax Exp Exp';
	expect(stretches).toContain(`ReduceMax Exp ${later} ${later}`);
});
