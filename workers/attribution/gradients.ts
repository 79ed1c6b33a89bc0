import { PEFT_PREFIX, type LoraAdapter } from '#workers/adapters/lora-adapter.ts';
import type { ReadGraph } from '#workers/engine/serve-graph.ts';
import { OpenLedgerError } from '#workers/errors.ts';
import type { ParameterLayout } from '#workers/onnx/train/parameters.ts';
import { evaluateGraph, trainGraph, type LossGraph } from '#workers/onnx/train/train-graph.ts';
import { writeModel } from '#workers/onnx/write.ts';
import { OrtSession, type OrtModel } from '#workers/runtime/ort-session.ts';
import type { Ort } from '#workers/runtime/ort.ts';
import { segmentSource } from '#workers/runtime/segment-source.ts';

/** A token sequence whose loss is taken. */
export interface Sample {
	ids: ArrayLike<number>;
	/** For each position the token that comes next, or a negative number where it does not count. */
	targets: ArrayLike<number>;
}

/** One input of the gradient graph. */
export interface Feed {
	type: 'int32' | 'int64' | 'float32';
	data: Int32Array | BigInt64Array | Float32Array;
	dims: number[];
}

/** Where a graph runs: WebAssembly in the app, onnxruntime's CPU kernels in Node. */
export interface GraphRunner {
	/** @returns a copy of the output asked for */
	run(feeds: ReadonlyMap<string, Feed>, output: 'loss' | 'gradient'): Promise<Float32Array>;
	dispose(): Promise<void>;
}

/** Makes the runner of a graph. */
type StartRunner = (graph: LossGraph) => Promise<GraphRunner>;

/** Where one module's B lies in the gradient. */
interface Slice {
	offset: number;
	outFeatures: number;
}

/**
 * Part of the adapter at which gradients are taken. Half way between base and adapter they foretell retraining better than at its end,
 * where much has been learnt and little pulls any more: LDS 0.763 against 0.730 (docs/attribution.md).
 */
export const STRENGTH = 0.5;

/**
 * Gradients of single samples with respect to all B of an adapter, at STRENGTH. B alone: on nano A's gradients add 0.002 to
 * the LDS (docs/attribution.md).
 */
export class SampleGradients {
	readonly rank: number;
	/** Output features of all adapted modules together, in the graph's order. */
	readonly features: number;
	readonly #read: ReadGraph;
	readonly #start: StartRunner;
	readonly #settings: Uniform;
	readonly #runner: GraphRunner;
	/** Of the forward pass alone, made when it is first needed. */
	#forward: Promise<GraphRunner> | undefined;
	readonly #layout: ParameterLayout;
	readonly #parameters: Float32Array;
	readonly #slices: Slice[];

	private constructor(
		read: ReadGraph,
		start: StartRunner,
		runner: GraphRunner,
		layout: ParameterLayout,
		adapter: LoraAdapter,
		settings: Uniform
	) {
		this.#read = read;
		this.#start = start;
		this.#settings = settings;
		this.rank = settings.rank;
		this.#runner = runner;
		this.#layout = layout;
		this.#parameters = parameterVector(adapter, layout);
		this.#slices = layout.slices
			.filter(({ name }) => name.endsWith('.lora_B.weight'))
			.map(({ offset, shape }) => ({ offset, outFeatures: shape[0] ?? 0 }));
		this.features = this.#slices.reduce((sum, { outFeatures }) => sum + outFeatures, 0);
	}

	/** Numbers in one gradient. */
	get size(): number {
		return this.features * this.rank;
	}

	/**
	 * @throws OpenLedgerError `onnx/unsupported` for a base without gradients, `attribution/unsupported` for an adapter whose modules
	 * differ in rank or scale
	 */
	static async create(read: ReadGraph, adapter: LoraAdapter, start: StartRunner): Promise<SampleGradients> {
		const settings = uniformSettings(adapter);
		const { rank, modules, layers } = settings;
		const graph = trainGraph(read.model, { lora: { rank, modules, layers }, gradient: 'rows' });
		if (graph.layout.slices.length !== 2 * adapter.modules.size)
			throw unsupported('it changes other modules in one layer than in another');
		return new SampleGradients(read, start, await start(graph), graph.layout, adapter, settings);
	}

	/** One gradient a sample: [features, rank] each. */
	async of(samples: readonly Sample[]): Promise<Float32Array[]> {
		if (samples.length === 0) return [];
		const { scale } = this.#settings;
		const all = await this.#runner.run(this.#feeds(samples, scale * STRENGTH), 'gradient');
		return samples.map((_, row) => {
			const gradient = new Float32Array(this.size);
			let at = 0;
			for (const { offset, outFeatures } of this.#slices) {
				const from = row * this.#layout.length + offset;
				gradient.set(all.subarray(from, from + outFeatures * this.rank), at);
				at += outFeatures * this.rank;
			}
			return gradient;
		});
	}

	/** ln p(reply | prompt) with the adapter less without it, in nats. */
	async lift(prompt: readonly number[], reply: readonly number[]): Promise<number> {
		const samples = [replySample(prompt, reply)];
		const [base] = await this.losses(samples, 0);
		const [adapted] = await this.losses(samples, 1);
		return (base ?? NaN) - (adapted ?? NaN);
	}

	/** Loss of each sample, summed over its tokens, in nats: of the base (strength 0), of the adapter (1), or between them. */
	async losses(samples: readonly Sample[], strength: number): Promise<Float32Array> {
		if (samples.length === 0) return new Float32Array();
		const { rank, modules, layers, scale } = this.#settings;
		this.#forward ??= this.#start(evaluateGraph(this.#read.model, { lora: { rank, modules, layers } }));
		return (await this.#forward).run(this.#feeds(samples, scale * strength), 'loss');
	}

	async dispose(): Promise<void> {
		await (await this.#forward)?.dispose();
		await this.#runner.dispose();
	}

	#feeds(samples: readonly Sample[], scale: number): Map<string, Feed> {
		const feeds = sampleFeeds(samples);
		feeds.set('parameters', { type: 'float32', data: this.#parameters, dims: [this.#parameters.length] });
		feeds.set('scale', { type: 'float32', data: Float32Array.of(scale), dims: [] });
		return feeds;
	}
}

/** A runner on the wasm kernels. */
export async function wasmRunner(ort: Ort, { sources }: ReadGraph, graph: LossGraph): Promise<GraphRunner> {
	const session = await OrtSession.create(ort, ortModel(graph, sources));
	return {
		async run(feeds, name) {
			const tensors = new Map(
				[...feeds].map(([name, { type, data, dims }]) => [name, ort.tensor(type, data, dims)])
			);
			try {
				const [output] = await session.run(tensors, [name]);
				const values = output?.floats().slice() ?? new Float32Array();
				output?.dispose();
				return values;
			} finally {
				for (const tensor of tensors.values()) tensor.dispose();
			}
		},
		dispose: () => session.dispose()
	};
}

function ortModel({ model }: LossGraph, sources: ReadGraph['sources']): OrtModel {
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
	return { ids, targets };
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

/** Tokens of a sample that its loss counts. */
export function countTargets({ targets }: Sample): number {
	return Array.from(targets).filter((target) => target >= 0).length;
}

interface Uniform {
	rank: number;
	scale: number;
	modules: string[];
	layers: number[];
}

function uniformSettings({ modules }: LoraAdapter): Uniform {
	const [first] = modules.values();
	if (!first) throw unsupported('it changes nothing');
	for (const { rank, scale } of modules.values())
		if (rank !== first.rank || scale !== first.scale)
			throw unsupported('its modules differ in rank or scale');
	const paths = [...modules.keys()];
	const layers = paths.map((path) => Number(/\.(\d+)\./.exec(path)?.[1]));
	if (layers.some(Number.isNaN)) throw unsupported('it changes modules outside the layers');
	return {
		rank: first.rank,
		scale: first.scale,
		modules: [...new Set(paths.map((path) => path.slice(path.lastIndexOf('.') + 1)))],
		layers: [...new Set(layers)]
	};
}

function parameterVector({ modules }: LoraAdapter, layout: ParameterLayout): Float32Array {
	const vector = new Float32Array(layout.length);
	for (const { name, offset, shape } of layout.slices) {
		const [, path = '', letter] = /^(.*)\.lora_([AB])\.weight$/.exec(name) ?? [];
		const module = modules.get(path.slice(PEFT_PREFIX.length));
		const values = letter === 'A' ? module?.a : module?.b;
		if (values?.length !== (shape[0] ?? 0) * (shape[1] ?? 0))
			throw unsupported(`it does not fit the base at ${path}`);
		vector.set(values, offset);
	}
	return vector;
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
