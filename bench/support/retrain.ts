import type { LoraAdapter } from '#workers/adapters/lora-adapter.ts';
import {
	countTargets,
	sampleFeeds,
	withLearnt,
	type Feed,
	type GraphRunner,
	type Sample
} from '#workers/attribution/gradients.ts';
import type { ReadGraph } from '#workers/engine/serve-graph.ts';
import type { ParameterLayout } from '#workers/onnx/train/parameters.ts';
import { evaluateGraph, trainGraph } from '#workers/onnx/train/train-graph.ts';
import { expandQuantised } from '#workers/runtime/expand.ts';
import { adapterOf, freshParameters } from '#workers/train/adapter.ts';
import { optimise } from '#workers/train/learner/optimiser.ts';
import { seededRandom } from '#test/support/random.ts';
import { nodeRunner } from './gradients.ts';
import { shuffled } from './truth-sets.ts';

/** The recipe of the ground truths: rank 8 on all linears, AdamW, 3 epochs of batches of 4, learning rate 0.002 falling to 0. */
export const RECIPE = { rank: 8, alpha: 16, epochs: 3, batch: 4, rate: 0.002, warmUp: 5 };

const QUERIES_AT_ONCE = 8;

/** Trains adapters over one base again and again, and asks them: the product's graphs and its optimiser, on CPU kernels. */
export class Retrainer {
	/** The base. */
	readonly read: ReadGraph;
	readonly #train: GraphRunner;
	readonly #ask: GraphRunner;
	readonly #layout: ParameterLayout;

	private constructor(read: ReadGraph, train: GraphRunner, ask: GraphRunner, layout: ParameterLayout) {
		this.read = read;
		this.#train = train;
		this.#ask = ask;
		this.#layout = layout;
	}

	static async create(given: ReadGraph, threads = 0): Promise<Retrainer> {
		// Unpacked once instead of in every run: the same numbers to 10⁻⁶ nats in two thirds of the time.
		const read = expandQuantised(given.model, given.sources);
		const lora = { rank: RECIPE.rank };
		const graph = trainGraph(read.model, { lora, learntOnly: true });
		return new Retrainer(
			read,
			await nodeRunner(read, graph, threads),
			await nodeRunner(read, evaluateGraph(read.model, { lora, learntOnly: true }), threads),
			graph.layout
		);
	}

	/** The adapter's parameters after training on all samples, each the same weight: the mean loss of its tokens. */
	async parameters(
		samples: readonly Sample[],
		seed: number,
		{ batch = RECIPE.batch, epochs = RECIPE.epochs } = {}
	): Promise<Float32Array> {
		const { rate, warmUp } = RECIPE;
		const { length } = this.#layout;
		const parameters = freshParameters(this.#layout, seed);
		const vectors = { parameters, mean: new Float32Array(length), variance: new Float32Array(length) };
		const random = seededRandom(seed);
		const steps = epochs * Math.ceil(samples.length / batch);
		const plain = { optimiser: 'adamw', weightDecay: 0, clip: 0 } as const;
		for (let step = 0, epoch = 0; epoch < epochs; epoch++) {
			const order = shuffled(samples, random);
			for (let at = 0; at < order.length; at += batch, step++) {
				const chosen = order.slice(at, at + batch);
				const [gradient = new Float32Array()] = await this.#train.run(
					this.#feeds(packed(chosen), parameters),
					['gradient']
				);
				const learningRate = rate * Math.min(1, (step + 1) / warmUp) * (1 - step / steps);
				optimise(vectors, gradient, chosen.length, { step: step + 1, learningRate }, plain);
			}
		}
		return parameters;
	}

	/** Mean loss of each sample's tokens, in nats. */
	async losses(samples: readonly Sample[], parameters: Float32Array): Promise<number[]> {
		const result = new Array<number>(samples.length);
		// Those of like length together: less padding.
		const order = samples.map((_, i) => i);
		order.sort((a, b) => (samples[a]?.ids.length ?? 0) - (samples[b]?.ids.length ?? 0));
		for (let at = 0; at < order.length; at += QUERIES_AT_ONCE) {
			const some = order.slice(at, at + QUERIES_AT_ONCE);
			const feeds = sampleFeeds(
				some.map((i) => samples[i] as Sample),
				true
			);
			const [losses = []] = await this.#ask.run(this.#feeds(feeds, parameters), ['loss']);
			some.forEach((i, k) => (result[i] = losses[k] ?? NaN));
		}
		return result;
	}

	/** Parameters that change nothing: the base. */
	untrained(): Float32Array {
		return freshParameters(this.#layout, 0);
	}

	adapter(parameters: Float32Array): LoraAdapter {
		const targetModules = ['q_proj', 'k_proj', 'v_proj', 'o_proj', 'gate_proj', 'up_proj', 'down_proj'];
		const settings = { rank: RECIPE.rank, alpha: RECIPE.alpha, rankStabilised: false, targetModules };
		return adapterOf(parameters, this.#layout, settings, 'openledger/nano');
	}

	async dispose(): Promise<void> {
		await this.#train.dispose();
		await this.#ask.dispose();
	}

	#feeds(feeds: Map<string, Feed>, parameters: Float32Array): Map<string, Feed> {
		const scale = Float32Array.of(RECIPE.alpha / RECIPE.rank);
		feeds.set('parameters', { type: 'float32', data: parameters, dims: [parameters.length] });
		feeds.set('scale', { type: 'float32', data: scale, dims: [] });
		return withLearnt(feeds);
	}
}

/** Samples one after another in one row, each a segment of its own, so that nothing is spent on padding. */
function packed(samples: readonly Sample[]): Map<string, Feed> {
	const width = samples.reduce((sum, { ids }) => sum + ids.length, 0);
	const feeds = sampleFeeds([{ ids: new Int32Array(width), targets: new Int32Array(width) }]);
	const data = (name: string) => feeds.get(name)?.data as Int32Array | Float32Array;
	let start = 0;
	samples.forEach((sample, number) => {
		const { ids, targets } = sample;
		const end = start + ids.length;
		data('input_ids').set(ids, start);
		data('labels').set(targets, start);
		data('segment_ids').fill(number + 1, start, end);
		data('weights').fill(1 / Math.max(1, countTargets(sample)), start, end);
		for (let at = start; at < end; at++) data('position_ids')[at] = at - start;
		start = end;
	});
	return feeds;
}
