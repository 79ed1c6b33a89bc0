import { beforeAll, describe, expect, test } from 'vitest';
import { randomDecoderConfig, randomIds } from '#test/support/random-decoder.ts';
import { relativeError } from '#test/support/decoders.ts';
import { seededRandom } from '#test/support/random.ts';
import type { LoraAdapter, LoraModule } from '#workers/adapters/lora-adapter.ts';
import type { ReadGraph } from '#workers/engine/serve-graph.ts';
import { buildDecoder } from '#workers/models/builder/decoder.ts';
import { randomWeights } from '#workers/models/builder/weights.ts';
import { trainGraph } from '#workers/onnx/train/train-graph.ts';
import { adapterOf } from '#workers/train/adapter.ts';
import { Ort } from '#workers/runtime/ort.ts';
import { floatScores } from '../../../bench/support/float-scores.ts';
import { nodeRunner } from '../../../bench/support/gradients.ts';
import { buildIndex, type IndexRow } from './build-index.ts';
import { dot } from '../numerics/linear-algebra.ts';
import { PROMPT, replySample, SampleGradients, wasmRunner, type Sample } from '../gradients.ts';
import { IndexTree } from './merkle.ts';
import { AttributionQuery } from '../query.ts';

const modules = ['q_proj', 'v_proj', 'down_proj'];
const files = { base: 'b', adapter: { config: 'c', weights: 'w' } };
const random = seededRandom(5);
const config = { ...randomDecoderConfig('llama', random), layers: 2 };
const read: ReadGraph = {
	model: buildDecoder(config, randomWeights(config, 3), { dtype: 'fp32' }),
	sources: new Map()
};

function randomAdapter(targetModules = modules): LoraAdapter {
	const { layout } = trainGraph(read.model, { lora: { rank: 2, modules: targetModules } });
	const parameters = Float32Array.from({ length: layout.length }, () => (random() - 0.5) * 0.4);
	return adapterOf(parameters, layout, { rank: 2, alpha: 4, rankStabilised: false, targetModules }, 'test');
}

const sample = (): Sample =>
	replySample(randomIds(config.vocab, 4, random), randomIds(config.vocab, 5, random));
const rowsOf = (samples: readonly Sample[]): IndexRow[] =>
	samples.map((one, i) => ({
		id: `0x${(i + 1).toString(16).padStart(64, '0')}`,
		contributor: 1 + i,
		samples: [one]
	}));

describe('an index', () => {
	const adapter = randomAdapter();
	const samples = Array.from({ length: 40 }, sample);
	let gradients: SampleGradients;
	beforeAll(async () => {
		gradients = await SampleGradients.create(read, adapter, (graph) => nodeRunner(read, graph));
	});

	test('gives every row the highest score for its own words, and is the same when it is built again', async () => {
		const index = await buildIndex(gradients, rowsOf(samples), files);
		expect(index.description).toMatchObject({ dims: 64, landmarks: 40, credited: 40, ...files });
		expect(index.root).toBe((await IndexTree.build(index.rows, index.contributors)).root);
		const query = new AttributionQuery(index);
		const vectors = await query.vectors(gradients, samples);
		vectors.forEach((vector, i) => {
			const scores = query.scores(vector);
			expect(scores.indexOf(Math.max(...scores))).toBe(i);
			const { entries, tail } = query.evidence(vector);
			expect(entries.find(({ row }) => row === i)).toMatchObject({ contributor: i + 1, score: scores[i] });
			expect(tail).toBeGreaterThanOrEqual(0);
		});
		expect((await buildIndex(gradients, rowsOf(samples), files)).root).toBe(index.root);
	});

	test('a row has the length of its gradient half way, and its directions there and at the base count alike', async () => {
		const untrained = { ...adapter, modules: new Map(adapter.modules) };
		for (const [path, module] of adapter.modules)
			untrained.modules.set(path, { ...module, b: new Float32Array(module.b.length) });
		const still = await SampleGradients.create(read, untrained, (graph) => nodeRunner(read, graph));
		const some = samples.slice(0, 6);
		/** Along is c·g + h with h as long as c·g, so that c = |along|² / 2 ⟨along, g⟩. */
		const factors = async (of: SampleGradients) => {
			const [base, along] = [await of.of(some, PROMPT.rows), await of.along(some)];
			const empty = new Float32Array();
			return along.map((sum, i) => dot(sum, sum) / (2 * dot(sum, base[i] ?? empty)));
		};
		const [reply, both] = [await still.of(some), await still.of(some, PROMPT.rows)];
		const length = (vector: Float32Array | undefined) => Math.hypot(...(vector ?? []));
		for (const [i, factor] of (await factors(still)).entries())
			expect(factor).toBeCloseTo(length(reply[i]) / length(both[i]), 5);
		for (const factor of await factors(gradients)) {
			expect(factor).toBeGreaterThan(0);
			expect(Math.abs(factor - 1)).toBeGreaterThan(1e-4);
		}
		await still.dispose();
	});

	test('an index that knows nothing of prompts is asked by the reply alone', async () => {
		const index = await buildIndex(gradients, rowsOf(samples), files);
		expect(index.description).toMatchObject({ promptOfRows: PROMPT.rows, promptOfReplies: PROMPT.replies });
		const { promptOfReplies, ...older } = index.description;
		const one = [samples[0] as Sample];
		const [now, then] = [
			await new AttributionQuery(index).vectors(gradients, one),
			await new AttributionQuery({ ...index, description: older }).vectors(gradients, one)
		];
		expect(then).not.toEqual(now);
		const still = { ...index, description: { ...index.description, promptOfReplies: 0 } };
		expect(await new AttributionQuery(still).vectors(gradients, one)).toEqual(then);
	});

	test('orders rows as the damped kernel of the whole gradients does', async () => {
		const index = await buildIndex(gradients, rowsOf(samples), files);
		const query = new AttributionQuery(index);
		// A width that holds every coordinate is a signed permutation when no two share a bucket; here some do.
		const asked = Array.from({ length: 6 }, sample);
		const { damping, scores: expected } = await floatScores(gradients, rowsOf(samples), asked, {
			...index.description,
			width: 2 ** 14
		});
		expect(index.description.damping / damping).toBeGreaterThan(0.9);
		expect(index.description.damping / damping).toBeLessThan(1.1);
		for (const [i, vector] of (await query.vectors(gradients, asked)).entries())
			expect(correlation([...query.scores(vector)], [...(expected[i] ?? [])])).toBeGreaterThan(0.8);
	});

	test('copies of a row earn nothing, and take nothing from it', async () => {
		const alone = await buildIndex(gradients, rowsOf(samples), files);
		const copied = [...samples, ...Array.from({ length: 10 }, () => samples[7] as Sample)];
		const groups = Int32Array.from(copied, (_, i) => (i === 7 || i >= samples.length ? 7 : -1));
		const index = await buildIndex(gradients, rowsOf(copied), { ...files, groups });
		expect(index.description.credited).toBe(samples.length);
		const [one, other] = [new AttributionQuery(alone), new AttributionQuery(index)];
		const [vector = new Int8Array()] = await other.vectors(gradients, [samples[7] as Sample]);
		expect([...other.scores(vector).subarray(samples.length)]).toEqual(new Array(10).fill(0));
		expect(other.evidence(vector)).toEqual(one.evidence(vector));
	});

	test('speaks for replies like its rows as its rows do for each other, and for none where it does not know that', async () => {
		const index = await buildIndex(gradients, rowsOf(samples), files);
		const query = new AttributionQuery(index);
		const supports: number[] = [];
		for (let k = 0; k < 200; k++) supports.push((await query.measure(gradients, sample())).support);
		// Rows and replies are drawn alike, so each gets as much on average.
		const mean = supports.reduce((sum, support) => sum + support, 0) / supports.length;
		expect(mean / 1e6).toBeGreaterThan(0.85);
		expect(mean / 1e6).toBeLessThan(1.25);
		const [own = NaN] = supports;
		const row = await query.measure(gradients, samples[3] as Sample);
		expect(row.support).toBeGreaterThan(3 * own);
		const { support, ...older } = index.description;
		expect(support).toBeGreaterThan(0);
		const unknown = new AttributionQuery({ ...index, description: older });
		expect((await unknown.measure(gradients, sample())).support).toBe(1_000_000);
	});

	test('what is asked counts beside what is replied, by the mean of its tokens, and not in the loss', async () => {
		const [prompt, reply] = [randomIds(config.vocab, 6, random), randomIds(config.vocab, 9, random)];
		const whole = replySample(prompt, reply);
		const sentence = replySample(prompt, reply, 3, 7);
		// As rows are told: nothing says where the prompt ends but the first token that counts.
		const { ids, targets } = whole;
		const question = { ids: prompt, targets: [...prompt.slice(1), -1] };
		const share = 0.4;
		const [asked = new Float32Array()] = await gradients.of([question]);
		for (const [sample, tokens] of [
			[whole, 9],
			[sentence, 4],
			[{ ids, targets }, 9]
		] as const) {
			const [[plain], [both]] = [await gradients.measure([sample]), await gradients.measure([sample], share)];
			expect(both?.baseLoss).toBeCloseTo(plain?.baseLoss ?? NaN, 4);
			const wanted = plain?.gradient.map((value, i) => value + ((share * tokens) / 5) * (asked[i] ?? 0));
			expect(relativeError(both?.gradient ?? asked, wanted ?? asked)).toBeLessThan(1e-4);
			expect(relativeError(plain?.gradient ?? asked, wanted ?? asked)).toBeGreaterThan(0.01);
		}
		const passage = replySample([], reply);
		expect(await gradients.of([passage], share)).toEqual(await gradients.of([passage]));
	});

	test('a contribution of several samples has the gradient of all of them', async () => {
		const [a, b, ...rest] = samples as [Sample, Sample, ...Sample[]];
		const rows = rowsOf(rest);
		rows[3] = { ...(rows[3] as IndexRow), samples: [a, b] };
		const index = await buildIndex(gradients, rows, files);
		const query = new AttributionQuery(index);
		for (const vector of await query.vectors(gradients, [a, b]))
			expect(query.evidence(vector).entries.map(({ row }) => row)).toContain(3);
	});

	test('more rows than bytes of a row: the basis is turned towards all of them', async () => {
		const many = [...samples, ...Array.from({ length: 88 }, sample)];
		const whole = new AttributionQuery(await buildIndex(gradients, rowsOf(many), files));
		const index = await buildIndex(gradients, rowsOf(many), { ...files, maxDims: 32 });
		expect(index.description).toMatchObject({ dims: 32, landmarks: 32, credited: 128 });
		const part = new AttributionQuery(index);
		const expected = (await whole.vectors(gradients, many)).map((vector) => [...whole.scores(vector)]);
		const correlations = (await part.vectors(gradients, many)).map((vector, i) =>
			correlation([...part.scores(vector)], expected[i] ?? [])
		);
		// With sums alone 0.525, with one step 0.555, with two 0.574.
		expect(correlations.reduce((sum, one) => sum + one, 0) / many.length).toBeGreaterThan(0.56);
	});

	test('reports how far it is, and stops when it is told to', async () => {
		const seen: string[] = [];
		const controller = new AbortController();
		const onProgress = ({ phase, done, total }: { phase: string; done: number; total: number }) => {
			seen.push(phase);
			expect(done).toBeLessThanOrEqual(total);
			if (seen.length === 10) controller.abort();
		};
		const building = buildIndex(gradients, rowsOf(samples), {
			...files,
			onProgress,
			signal: controller.signal
		});
		await expect(building).rejects.toThrow('abort');
		expect(seen).toHaveLength(10);
	});
});

test('wasm and Node give the same query vector but for rounding', async () => {
	const adapter = randomAdapter();
	const ort = await Ort.start({ build: 'wasm', threads: 1 });
	const node = await SampleGradients.create(read, adapter, (graph) => nodeRunner(read, graph));
	const wasm = await SampleGradients.create(read, adapter, (graph) => wasmRunner(ort, read, graph));
	const samples = Array.from({ length: 33 }, sample);
	const query = new AttributionQuery(await buildIndex(node, rowsOf(samples), files));
	const asked = Array.from({ length: 4 }, sample);
	const [a, b] = [await query.vectors(node, asked), await query.vectors(wasm, asked)];
	for (const [i, vector] of a.entries())
		expect(Math.max(...vector.map((value, k) => Math.abs(value - (b[i]?.[k] ?? NaN))))).toBeLessThanOrEqual(
			1
		);
	await wasm.dispose();
	await node.dispose();
});

test('modules may differ in rank and scale, and be missing in a layer: what counts is their products', async () => {
	const even = randomAdapter();
	const paths = [...even.modules.keys()];
	const of = (path = '') => even.modules.get(path) as LoraModule;
	const zeros = (path = '') => ({
		a: new Float32Array(of(path).a.length),
		b: new Float32Array(of(path).b.length)
	});
	even.modules.set(paths.at(-1) ?? '', { ...of(paths.at(-1)), ...zeros(paths.at(-1)) });
	const uneven = { ...even, modules: new Map(even.modules) };
	uneven.modules.delete(paths.at(-1) ?? '');
	const [wide, scaled] = [of(paths[0]), of(paths[1])];
	uneven.modules.set(paths[1] ?? '', {
		...scaled,
		scale: scaled.scale / 2,
		a: scaled.a.map((value) => 2 * value)
	});
	const rank = wide.rank + 3;
	const a = new Float32Array(rank * wide.inFeatures);
	a.set(wide.a);
	const b = new Float32Array(rank * wide.outFeatures);
	wide.b.forEach((value, i) => (b[Math.floor(i / wide.rank) * rank + (i % wide.rank)] = value));
	uneven.modules.set(paths[0] ?? '', { ...wide, rank, a, b });

	const samples = Array.from({ length: 6 }, sample);
	const measured = async (adapter: LoraAdapter) => {
		const gradients = await SampleGradients.create(read, adapter, (graph) => nodeRunner(read, graph));
		const rows = await gradients.of(samples);
		const losses = await gradients.losses(samples, 1);
		await gradients.dispose();
		return [...losses, ...rows.flatMap((one) => rows.map((other) => dot(one, other)))];
	};
	const [wanted, found] = [await measured(even), await measured(uneven)];
	found.forEach((value, i) => expect(value / (wanted[i] ?? NaN)).toBeCloseTo(1, 3));
	const base = await measured({ ...even, modules: new Map([[paths[0] ?? '', wide]]) });
	expect(base[0]).not.toBeCloseTo(wanted[0] ?? NaN, 3);
});

test('an adapter that does not fit the base is refused, with what to do', async () => {
	const adapter = randomAdapter();
	const [path, module] = [...adapter.modules][0] ?? [];
	if (!path || !module) throw new Error('no module');
	for (const modules of [
		new Map([[path, { ...module, a: module.a.subarray(1) }]]),
		new Map([...adapter.modules, [path.replace(/\d+/, '77'), module]]),
		new Map()
	])
		await expect(
			SampleGradients.create(read, { ...adapter, modules }, (graph) => nodeRunner(read, graph))
		).rejects.toMatchObject({ code: 'attribution/unsupported' });
});

function correlation(a: number[], b: number[]): number {
	const mean = (x: number[]) => x.reduce((sum, value) => sum + value, 0) / x.length;
	const [ma, mb] = [mean(a), mean(b)];
	const product = a.reduce((sum, value, i) => sum + (value - ma) * ((b[i] ?? 0) - mb), 0);
	const norm = (x: number[], m: number) => Math.sqrt(x.reduce((sum, value) => sum + (value - m) ** 2, 0));
	return product / (norm(a, ma) * norm(b, mb));
}
