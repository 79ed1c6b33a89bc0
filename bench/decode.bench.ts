import { readFileSync } from 'node:fs';
import { Tensor } from 'onnxruntime-common';
import { slicedGraph, wasmGraph, withConstants } from '#workers/engine/serve-graph.ts';
import { Generator } from '#workers/generate/generator.ts';
import { Ort } from '#workers/runtime/ort.ts';
import { WasmDecoder } from '#workers/runtime/wasm-decoder.ts';
import { bareLoop } from './support/bare-loop.ts';
import { inChild } from './support/child.ts';
import { modelFolder, readShapeGraph, type Shape } from './support/models.ts';
import { median, spread } from './support/statistics.ts';
import { openOrt, openTransformers } from './support/transformers.ts';

interface Task {
	shape: Shape;
	threads: number;
	tokens: number;
	rounds: number;
}

/** How wasm holds the linears' weights: as stored, or as float32 (docs/decisions/wasm-weights.md). */
type Plan = 'quantised' | 'float32';

interface Figure {
	/** Of the fastest rounds: what the machine's other work disturbs least. */
	fastest: number;
	/** Median over the rounds, and the least and largest of them. */
	median: number;
	spread: [least: number, largest: number];
}

interface Figures {
	/** Our tokens/s over transformers.js's, same file. Above 1 we are faster. */
	vs_transformers: Record<Plan, Figure>;
	/** Our tokens/s over a bare `session.run` loop's on the graph that we run, all weights constants of it. */
	vs_bare_loop: Record<Plan, Figure>;
	/** And over a bare loop's on the file as it is stored. */
	vs_bare_loop_on_file: Record<Plan, Figure>;
	ms_per_token: Record<string, Figure>;
}

const PROMPT = Array.from({ length: 16 }, (_, i) => 5 + i * 37);
const LIMIT: Record<Plan, number> = { quantised: 0, float32: 2 ** 30 };

/** Greedy decoding: the whole engine (scheduler, sampler, text) against transformers.js and against bare loops. */
export async function run(): Promise<object> {
	const tasks: Task[] = [
		{ shape: 'nano', threads: 1, tokens: 128, rounds: 9 },
		{ shape: 'nano', threads: 2, tokens: 128, rounds: 7 },
		{ shape: 'smollm2-135m', threads: 1, tokens: 12, rounds: 3 },
		{ shape: 'smollm2-135m', threads: 2, tokens: 12, rounds: 3 }
	];
	const results = tasks.map((task) => ({ ...task, ...inChild<Figures>(import.meta.url, task) }));
	const [nano] = results;
	return {
		vs_transformers_wasm: nano?.vs_transformers.float32.fastest,
		vs_bare_loop: nano?.vs_bare_loop.float32.fastest,
		plan: 'float32: what the app chooses for these models',
		results
	};
}

/** One shape and thread count, in a process of its own. */
export async function measure({ shape, threads, tokens, rounds }: Task): Promise<Figures> {
	const replies = new Map<string, number[]>();
	const timed = (name: string, generate: () => Promise<number[]>) => async () => {
		const start = performance.now();
		const reply = await generate();
		const elapsed = performance.now() - start;
		if (reply.length !== tokens) throw new Error(`${name} made ${reply.length} tokens, not ${tokens}`);
		replies.set(name, reply);
		return elapsed / tokens;
	};
	const contestants: Record<string, () => Promise<number>> = {};
	const transformers = await openTransformers(modelFolder(shape).pathname, threads);
	contestants.transformers = timed('transformers', () => transformers.generate(PROMPT, tokens));
	for (const plan of ['quantised', 'float32'] as const) {
		const engine = await openEngine(shape, plan, threads);
		contestants[`engine ${plan}`] = timed(`engine ${plan}`, () => engine(PROMPT, tokens));
		const bare = await openBare(shape, plan, threads);
		contestants[`bare ${plan}`] = timed(`bare ${plan}`, () => bare(PROMPT, tokens));
	}
	const ort = await openOrt(threads);
	const stored = await ort.InferenceSession.create(
		new Uint8Array(readFileSync(new URL('onnx/model_q4.onnx', modelFolder(shape))))
	);
	contestants['bare file'] = timed('bare file', () => bareLoop(stored, PROMPT, tokens, {}));

	const timings = await takeTurns(contestants, rounds);
	// Same weights, same arithmetic but for rounding: the quantised runs have to agree to the token.
	for (const name of ['transformers', 'bare quantised', 'bare file'])
		if (String(replies.get(name)) !== String(replies.get('engine quantised')))
			throw new Error(`${name} decoded other tokens than the engine`);
	const against = (name: (plan: Plan) => string): Record<Plan, Figure> => ({
		quantised: ratio(timings[name('quantised')], timings['engine quantised']),
		float32: ratio(timings[name('float32')], timings['engine float32'])
	});
	return {
		vs_transformers: against(() => 'transformers'),
		vs_bare_loop: against((plan) => `bare ${plan}`),
		vs_bare_loop_on_file: against(() => 'bare file'),
		ms_per_token: Object.fromEntries(Object.entries(timings).map(([name, values]) => [name, figure(values)]))
	};
}

async function openEngine(shape: Shape, plan: Plan, threads: number) {
	const { model } = wasmGraph(readShapeGraph(shape).read, LIMIT[plan]);
	const decoder = await WasmDecoder.create(await Ort.start({ build: 'wasm', threads }), model);
	const generator = new Generator(decoder, {
		decode: (ids) => ids.map((id) => ` ${id}`).join(''),
		endTokens: new Set(),
		contextLength: 512,
		prefillChunk: 128,
		maxRows: 4,
		cacheBudget: 0
	});
	let count = 0;
	return async (prompt: readonly number[], tokens: number) => {
		const { tokens: reply } = await generator.generate({
			conversation: String(count++),
			tokens: prompt,
			sampling: { temperature: 0, topK: 0, topP: 1, minP: 0, repetitionPenalty: 1, seed: 1 },
			maxNewTokens: tokens
		});
		return reply;
	};
}

async function openBare(shape: Shape, plan: Plan, threads: number) {
	const ort = await openOrt(threads);
	const { read } = readShapeGraph(shape);
	// The engine's quantised weights are inputs of its graph; `session.run` would copy them at each step, so here they are constants.
	const { sliced, slots } = slicedGraph(read);
	const { graph, weights } =
		plan === 'quantised' ? withConstants(sliced, read.sources) : wasmGraph(read, LIMIT[plan]).model;
	const source = weights?.source ?? { size: 0, read: () => new Uint8Array(0) };
	const data = new Uint8Array(source.size);
	for (let at = 0; at < source.size; at += CHUNK)
		data.set(source.read(at, Math.min(CHUNK, source.size - at)), at);
	const session = await ort.InferenceSession.create(graph, {
		externalData: [{ path: weights?.path ?? '', data }]
	});
	const none = new Float32Array(0);
	const extra = Object.fromEntries(
		slots.flatMap(({ a, b, inFeatures, outFeatures }) => [
			[a, new Tensor('float32', none, [1, inFeatures, 0])],
			[b, new Tensor('float32', none, [1, 0, outFeatures])]
		])
	);
	return (prompt: readonly number[], tokens: number) => bareLoop(session, prompt, tokens, extra);
}

const CHUNK = 2 ** 26;

/** Contestants take turns, so that what else the machine does hits all alike. The first round is a warm-up. */
async function takeTurns(
	contestants: Record<string, () => Promise<number>>,
	rounds: number
): Promise<Record<string, number[]>> {
	const timings: Record<string, number[]> = {};
	for (let round = 0; round <= rounds; round++)
		for (const [name, run] of Object.entries(contestants)) {
			const result = await run();
			if (round > 0) (timings[name] ??= []).push(result);
		}
	return timings;
}

const figure = (values: readonly number[]): Figure => ({
	fastest: Math.min(...values),
	median: median(values),
	spread: spread(values)
});

/** How often b's time goes into a's. Each round is also compared with itself, since the machine's load changes. */
function ratio(a: readonly number[] = [], b: readonly number[] = []): Figure {
	const rounds = a.map((value, i) => value / (b[i] as number));
	return { ...figure(rounds), fastest: Math.min(...a) / Math.min(...b) };
}
