import { PEFT_PREFIX, type LoraAdapter } from '#workers/adapters/lora-adapter.ts';
import type { ReadGraph } from '#workers/engine/serve-graph.ts';
import { OpenLedgerError } from '#workers/errors.ts';
import { yieldToEvents } from '#workers/generate/yield.ts';
import type { ParameterLayout } from '#workers/onnx/train/parameters.ts';
import { learntTokens } from '#workers/onnx/train/learnt-tokens.ts';
import { stateGraph } from '#workers/onnx/train/state-graph.ts';
import { evaluateGraph, trainGraph, type LossGraph } from '#workers/onnx/train/train-graph.ts';
import { writeModel } from '#workers/onnx/write.ts';
import { OrtSession, type OrtModel } from '#workers/runtime/ort-session.ts';
import type { Ort } from '#workers/runtime/ort.ts';
import { segmentSource } from '#workers/runtime/segment-source.ts';
import { fillUniform } from '#workers/train/rows/random.ts';
import { dot } from './numerics/linear-algebra.ts';
import { Products } from './numerics/products.ts';

/** A token sequence whose loss is taken. */
export interface Sample {
	ids: ArrayLike<number>;
	/** For each position the token that comes next, or a negative number where it does not count. */
	targets: ArrayLike<number>;
	/** Factor of each position's loss; 1 unless told. */
	weights?: ArrayLike<number>;
	/** Tokens of the prompt; those up to the first that counts unless told. */
	prompt?: number;
}

/** One input of the gradient graph. */
export interface Feed {
	type: 'int32' | 'int64' | 'float32';
	data: Int32Array | BigInt64Array | Float32Array;
	dims: number[];
}

/** Where a graph runs: WebAssembly in the app, onnxruntime's CPU kernels in Node. */
export interface GraphRunner {
	/** @returns copies of the outputs asked for */
	run(
		feeds: ReadonlyMap<string, Feed>,
		outputs: readonly ('loss' | 'nll' | 'gradient' | 'product' | 'states')[]
	): Promise<Float32Array[]>;
	dispose(): Promise<void>;
}

/** Makes the runner of a graph. */
export type StartRunner = (graph: Pick<LossGraph, 'model'>) => Promise<GraphRunner>;

/** What the base's head reads, the mean over a text's tokens: [hidden]. @param runner of a `stateGraph` */
export async function meanState(
	runner: Pick<GraphRunner, 'run'>,
	hidden: number,
	ids: ArrayLike<number>
): Promise<Float32Array> {
	const feeds = sampleFeeds([{ ids, targets: Array.from(ids, () => -1) }]);
	for (const name of ['labels', 'weights']) feeds.delete(name);
	const [states = new Float32Array()] = await runner.run(feeds, ['states']);
	const mean = new Float32Array(hidden);
	states.forEach((value, i) => (mean[i % hidden] = (mean[i % hidden] as number) + value / ids.length));
	return mean;
}

/**
 * Part of the adapter at which gradients are taken: none of it, so that the base computes and only the adapter's A are looked through.
 * There they foretell retraining better than half way, LDS 0.820 against 0.794, and far better than at the adapter's end, where much has
 * been learnt and little pulls any more (docs/attribution.md).
 */
export const STRENGTH = 0;

/**
 * Part of the adapter at which gradients of rows are taken once more: what a row does on the way there. Replies need not be, so that asking
 * costs nothing more; with them LDS rises by 0.007, and by 0.01 beside the rows' tokens (docs/attribution.md).
 */
export const HALFWAY = 0.5;

/**
 * Random directions through which each module's input is looked at, beside the adapter's own A, together with twice its energy: with them
 * LDS rises by 0.01. The adapter's alone see what it turned to, random ones alone what any adapter might (docs/attribution.md).
 */
export const DIRECTIONS = 16;
const DIRECTIONS_SEED = 1;

/**
 * How much the mean loss of the prompt's tokens counts beside that of the reply's: in rows at the base, and in replies. A gradient of the
 * reply alone hardly sees what was asked; with so much of it the same fact in other words is found, and retraining is foretold as well as
 * without (docs/attribution.md). Half way the prompt does not count, which would foretell worse.
 */
export const PROMPT = { rows: 0.3, replies: 0.1 };

/** Factor of attention's modules, which tell less of what a row teaches than the others and are many. */
export const ATTENTION = 0.5;
const ATTENTION_MODULE = /attn|attention/;

/** Factor of the first block's modules, whose gradients come through all others: LDS rises by 0.003. */
export const FIRST_BLOCK = 0.5;
const FIRST_BLOCK_MODULE = /\.0\./;

/**
 * Gradients of single samples with respect to all B of an adapter, at STRENGTH. B alone: on nano A's gradients add 0.002 to
 * the LDS (docs/attribution.md).
 */
export class SampleGradients {
	/** Directions that each module's input is looked at through: the adapter's rank and DIRECTIONS more. */
	readonly rank: number;
	/** Output features of all adapted modules together, in the graph's order. */
	readonly features: number;
	readonly #read: ReadGraph;
	readonly #start: StartRunner;
	readonly #adapter: LoraAdapter;
	readonly #settings: Settings;
	readonly #runner: GraphRunner;
	/** All A, and the random directions. */
	readonly #parameters: Feed;
	/** The forward pass alone and what it is fed of the adapter, made when it is first needed. */
	#forward: Promise<{ runner: GraphRunner; parameters: Feed }> | undefined;
	/** Gradients with the adapter at work, and its A and B, made when they are first needed. */
	#halfway: Promise<{ runner: GraphRunner; adapter: Feed }> | undefined;

	private constructor(
		{ read, start, adapter }: { read: ReadGraph; start: StartRunner; adapter: LoraAdapter },
		settings: Settings,
		{ layout, rowWidth }: LossGraph,
		runner: GraphRunner
	) {
		this.#read = read;
		this.#start = start;
		this.#adapter = adapter;
		this.#settings = settings;
		this.#runner = runner;
		this.#parameters = viewVector(adapter, layout, settings);
		this.rank = settings.rank + DIRECTIONS;
		this.features = rowWidth / this.rank;
	}

	/** Numbers in one gradient. */
	get size(): number {
		return this.features * this.rank;
	}

	/** @throws OpenLedgerError `onnx/unsupported` for a base without gradients, `attribution/unsupported` for an adapter that does not fit it */
	static async create(read: ReadGraph, adapter: LoraAdapter, start: StartRunner): Promise<SampleGradients> {
		const settings = settingsOf(adapter);
		const { rank, modules, layers } = settings;
		const lora = { rank: rank + DIRECTIONS, modules, layers };
		const graph = trainGraph(read.model, { lora, gradient: 'rows', learntOnly: true });
		return new SampleGradients({ read, start, adapter }, settings, graph, await start(graph));
	}

	/** One gradient a sample: `size` numbers each. @param prompt how much the prompt counts beside the reply */
	async of(samples: readonly Sample[], prompt = 0): Promise<Float32Array[]> {
		return (await this.measure(samples, prompt)).map(({ gradient }) => gradient);
	}

	/**
	 * The gradient of each sample's loss, summed over its tokens, and that loss under the base, in nats: they come from one run.
	 *
	 * @param prompt how much the mean loss of the prompt's tokens counts in the gradient, the reply's being 1; in the loss it does not
	 */
	async measure(
		samples: readonly Sample[],
		prompt = 0
	): Promise<{ gradient: Float32Array; baseLoss: number }[]> {
		if (samples.length === 0) return [];
		const asked = samples.map((sample) => withPrompt(sample, prompt));
		const feeds = withLearnt(sampleFeeds(asked)).set('parameters', this.#parameters);
		const [nll, all] = await this.#runner.run(feeds, ['nll', 'gradient']);
		const width = (nll?.length ?? 0) / samples.length;
		return samples.map(({ targets, weights }, row) => {
			let baseLoss = 0;
			for (let at = 0; at < targets.length; at++)
				if ((targets[at] as number) >= 0) baseLoss += (weights?.[at] ?? 1) * (nll?.[row * width + at] ?? NaN);
			return {
				gradient: all?.slice(row * this.size, (row + 1) * this.size) ?? new Float32Array(),
				baseLoss
			};
		});
	}

	/**
	 * Of each sample, as rows are taken: at the base, the prompt counted as PROMPT has it, and at HALFWAY of the adapter without, the former
	 * brought to the latter's length: what is still to be learnt; added up.
	 */
	async along(samples: readonly Sample[]): Promise<Float32Array[]> {
		const found = await this.of(samples, PROMPT.rows);
		if (samples.length === 0) return found;
		this.#halfway ??= this.#startHalfway();
		const { runner, adapter } = await this.#halfway;
		const feeds = withLearnt(sampleFeeds(samples))
			.set('parameters', this.#parameters)
			.set('adapter', adapter);
		const scale = Float32Array.of(this.#settings.scale * HALFWAY);
		feeds.set('scale', { type: 'float32', data: scale, dims: [] });
		const [all = new Float32Array()] = await runner.run(feeds, ['gradient']);
		found.forEach((gradient, row) => {
			const further = all.subarray(row * this.size, (row + 1) * this.size);
			const square = dot(gradient, gradient);
			const factor = square > 0 ? Math.sqrt(dot(further, further) / square) : 0;
			for (let i = 0; i < gradient.length; i++)
				gradient[i] = factor * (gradient[i] as number) + (further[i] as number);
		});
		return found;
	}

	/** Loss of each sample, summed over its tokens, in nats: of the base (strength 0), of the adapter (1), or between them. */
	async losses(samples: readonly Sample[], strength: number): Promise<Float32Array> {
		if (samples.length === 0) return new Float32Array();
		this.#forward ??= this.#startForward();
		const { runner, parameters } = await this.#forward;
		const scale = Float32Array.of(this.#settings.scale * strength);
		const feeds = withLearnt(sampleFeeds(samples)).set('parameters', parameters);
		feeds.set('scale', { type: 'float32', data: scale, dims: [] });
		const [losses] = await runner.run(feeds, ['loss']);
		return losses ?? new Float32Array();
	}

	/** The base's mean state over the tokens of each text (`meanState`). Cancelled between texts. */
	async states(texts: readonly ArrayLike<number>[], signal?: AbortSignal): Promise<Float32Array[]> {
		const graph = stateGraph(this.#read.model);
		const runner = await this.#start(graph);
		try {
			const found: Float32Array[] = [];
			for (const ids of texts) {
				// Kernels never let go by themselves: without this nobody's cancelling would be heard.
				await yieldToEvents();
				signal?.throwIfAborted();
				found.push(await meanState(runner, graph.hidden, ids));
			}
			return found;
		} finally {
			await runner.dispose();
		}
	}

	/** Products of matrices on the same kernels; to be disposed of. */
	products(): Promise<Products> {
		return Products.start(this.#start);
	}

	async #startForward() {
		const { rank, modules, layers } = this.#settings;
		const graph = evaluateGraph(this.#read.model, { lora: { rank, modules, layers }, learntOnly: true });
		const parameters = parameterVector(this.#adapter, graph.layout, this.#settings);
		return { runner: await this.#start(graph), parameters };
	}

	async #startHalfway() {
		const { rank, modules, layers } = this.#settings;
		const graph = trainGraph(this.#read.model, {
			lora: { rank: this.rank, modules, layers },
			at: { rank, modules, layers },
			gradient: 'rows',
			learntOnly: true
		});
		const adapter = parameterVector(this.#adapter, graph.at, this.#settings);
		return { runner: await this.#start(graph), adapter };
	}

	/** Gives back what building an index needs and asking it does not. */
	async rest(): Promise<void> {
		const halfway = this.#halfway;
		this.#halfway = undefined;
		await (await halfway)?.runner.dispose();
	}

	async dispose(): Promise<void> {
		await this.rest();
		await (await this.#forward)?.runner.dispose();
		await this.#runner.dispose();
	}
}

/** A runner on the wasm kernels. */
export async function wasmRunner(
	ort: Ort,
	{ sources }: ReadGraph,
	graph: Pick<LossGraph, 'model'>
): Promise<GraphRunner> {
	const session = await OrtSession.create(ort, ortModel(graph, sources));
	return {
		async run(feeds, names) {
			const tensors = new Map(
				[...feeds].map(([name, { type, data, dims }]) => [name, ort.tensor(type, data, dims)])
			);
			try {
				const outputs = await session.run(tensors, names);
				return outputs.map((output) => {
					const values = output.floats().slice();
					output.dispose();
					return values;
				});
			} finally {
				for (const tensor of tensors.values()) tensor.dispose();
			}
		},
		dispose: () => session.dispose()
	};
}

function ortModel({ model }: Pick<LossGraph, 'model'>, sources: ReadGraph['sources']): OrtModel {
	const { graph, weights, weightsPath } = writeModel(model);
	return { graph, weights: { path: weightsPath, source: segmentSource(weights, sources) } };
}

/** A reply after its prompt; the loss counts the tokens [from, to) of the reply, all of them unless told. */
export function replySample(
	prompt: readonly number[],
	reply: readonly number[],
	from = 0,
	to = reply.length
): Sample {
	const ids = [...prompt, ...reply];
	const targets = ids.map((_, at) => {
		const next = at + 1 - prompt.length;
		return next >= from && next < to ? (reply[next] ?? -1) : -1;
	});
	return { ids, targets, prompt: prompt.length };
}

/** The prompt's tokens counted too: their mean loss `share` times as much as the mean of those that count already. */
export function withPrompt(sample: Sample, share: number): Sample {
	const {
		ids,
		targets,
		weights,
		prompt = 1 + Array.from(targets).findIndex((target) => target >= 0)
	} = sample;
	// Nothing foretells the first token.
	const asked = prompt - 1;
	if (share === 0 || asked <= 0) return sample;
	const factor = (share * countTargets(sample)) / asked;
	return {
		ids,
		targets: Array.from(targets, (target, at) => (at < asked ? (ids[at + 1] as number) : target)),
		weights: Array.from(targets, (_, at) => (at < asked ? factor : (weights?.[at] ?? 1)))
	};
}

/** Samples side by side, padded at the end to the longest. The loss of each is a sum over its tokens, or their mean. */
export function sampleFeeds(samples: readonly Sample[], mean = false): Map<string, Feed> {
	const width = Math.max(...samples.map(({ ids }) => ids.length));
	const dims = [samples.length, width];
	const size = samples.length * width;
	const [ids, positions, segments] = [new Int32Array(size), new Int32Array(size), new Int32Array(size)];
	const labels = new Int32Array(size).fill(-1);
	const weights = new Float32Array(size).fill(1);
	samples.forEach((sample, row) => {
		const start = row * width;
		ids.set(sample.ids, start);
		labels.set(sample.targets, start);
		segments.fill(1, start, start + sample.ids.length);
		for (let at = 0; at < width; at++) positions[start + at] = at;
		if (sample.weights) weights.set(sample.weights, start);
		if (mean) weights.fill(1 / Math.max(1, countTargets(sample)), start, start + width);
	});
	const int32 = (data: Int32Array): Feed => ({ type: 'int32', data, dims });
	const shape = BigInt64Array.of(BigInt(samples.length), BigInt(width), -1n);
	return new Map<string, Feed>([
		['input_ids', int32(ids)],
		['position_ids', int32(positions)],
		['segment_ids', int32(segments)],
		['labels', int32(labels)],
		['weights', { type: 'float32', data: weights, dims }],
		['row_shape', { type: 'int64', data: shape, dims: [3] }]
	]);
}

/** Adds what graphs take that compute the vocabulary where there is a label alone. */
export function withLearnt(feeds: Map<string, Feed>): Map<string, Feed> {
	const { data, dims } = feeds.get('labels') ?? { data: new Int32Array(), dims: [] };
	const { learnt, rows } = learntTokens(data as Int32Array);
	feeds.set('learnt', { type: 'int32', data: learnt, dims: [learnt.length] });
	return feeds.set('learnt_row', { type: 'int32', data: rows, dims });
}

/** Tokens of a sample that its loss counts. */
export function countTargets({ targets }: Sample): number {
	return Array.from(targets).filter((target) => target >= 0).length;
}

interface Settings {
	/** The greatest of all modules; the others' A and B are filled up with zeros. */
	rank: number;
	/** Of the first module; what another has more or less goes into its A. */
	scale: number;
	/** Every layer gets every module; those that the adapter leaves alone, zeros. */
	modules: string[];
	layers: number[];
}

function settingsOf({ modules }: LoraAdapter): Settings {
	const all = [...modules.values()];
	const [first] = all;
	if (!first) throw unsupported('it changes nothing');
	const paths = [...modules.keys()];
	const layers = paths.map((path) => Number(/\.(\d+)\./.exec(path)?.[1]));
	if (layers.some(Number.isNaN)) throw unsupported('it changes modules outside the layers');
	return {
		rank: Math.max(...all.map(({ rank }) => rank)),
		scale: first.scale,
		modules: [...new Set(paths.map((path) => path.slice(path.lastIndexOf('.') + 1)))],
		layers: [...new Set(layers)]
	};
}

/** A and B of all modules. Neither zeros nor where the scale stands change a product or the gradient of the adapter's own B. */
function parameterVector({ modules }: LoraAdapter, layout: ParameterLayout, settings: Settings): Feed {
	const vector = new Float32Array(layout.length);
	const fitting = new Set<string>();
	for (const { name, offset, shape } of layout.slices) {
		const [, path = '', letter] = /^(.*)\.lora_([AB])\.weight$/.exec(name) ?? [];
		const module = modules.get(path.slice(PEFT_PREFIX.length));
		if (!module) continue;
		const { rank, scale, a, b } = module;
		const [rows = 0, columns = 0] = letter === 'A' ? [rank, shape[1]] : [shape[0], rank];
		const values = letter === 'A' ? a : b;
		if (values.length !== rows * columns) throw unsupported(`it does not fit the base at ${path}`);
		const width = shape[1] ?? 0;
		const factor = letter === 'A' ? scale / settings.scale : 1;
		for (let row = 0; row < rows; row++)
			for (let column = 0; column < columns; column++)
				vector[offset + row * width + column] = factor * (values[row * columns + column] as number);
		fitting.add(path.slice(PEFT_PREFIX.length));
	}
	const foreign = [...modules.keys()].find((path) => !fitting.has(path));
	if (foreign !== undefined) throw unsupported(`it does not fit the base at ${foreign}`);
	return { type: 'float32', data: vector, dims: [vector.length] };
}

/** All A with DIRECTIONS random rows below each, drawn from a seed; attention and the first block count less. */
function viewVector(adapter: LoraAdapter, layout: ParameterLayout, settings: Settings): Feed {
	const feed = parameterVector(adapter, layout, settings);
	const vector = feed.data as Float32Array;
	for (const [number, { name, offset, shape }] of layout.slices.entries()) {
		const [, columns = 0] = shape;
		const own = vector.subarray(offset, offset + settings.rank * columns);
		const more = vector.subarray(offset + own.length, offset + own.length + DIRECTIONS * columns);
		// Uniform in ±√3σ, so that the variance is σ².
		const bound = Math.sqrt((3 * 2 * dot(own, own)) / (DIRECTIONS * columns));
		fillUniform(more, DIRECTIONS_SEED + number);
		const factor =
			(ATTENTION_MODULE.test(name) ? ATTENTION : 1) * (FIRST_BLOCK_MODULE.test(name) ? FIRST_BLOCK : 1);
		for (let i = 0; i < more.length; i++) more[i] = factor * bound * (2 * (more[i] as number) - 1);
		for (let i = 0; i < own.length; i++) own[i] = factor * (own[i] as number);
	}
	return feed;
}

function unsupported(reason: string): OpenLedgerError {
	return new OpenLedgerError(
		'attribution/unsupported',
		`Replies of this adapter cannot be attributed: ${reason}.`,
		{
			remedy: 'Train the adapter again here, or use another one; its replies are paid by static units.'
		}
	);
}
