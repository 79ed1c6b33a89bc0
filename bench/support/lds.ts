import { readFileSync } from 'node:fs';
import { Tokenizer } from '@huggingface/tokenizers';
import { seededRandom } from '#test/support/random.ts';
import type { LoraAdapter } from '#workers/adapters/lora-adapter.ts';
import type { Sample } from '#workers/attribution/gradients.ts';
import { replySample, sampleFeeds } from '#workers/attribution/gradients.ts';
import type { ReadGraph } from '#workers/engine/serve-graph.ts';
import { trainGraph } from '#workers/onnx/train/train-graph.ts';
import { adapterOf, freshParameters } from '#workers/train/adapter.ts';
import { optimise } from '#workers/train/learner/optimiser.ts';
import { nodeRunner } from './gradients.ts';

/** A ground truth by retraining: models trained on random halves of the rows, and each query's loss under each of them. */
export interface GroundTruth {
	rows: [prompt: string, reply: string][];
	queries: [prompt: string, reply: string][];
	/** Rows that each model was trained on, as '0' and '1'. */
	masks: string[];
	/** Mean loss of each query's reply: [model][query], once for each seed. */
	losses_seed_a: number[][];
	losses_seed_b: number[][];
}

const folder = new URL('../../static/models/nano/', import.meta.url);
const json = (name: string) => JSON.parse(readFileSync(new URL(name, folder), 'utf8')) as object;
const tokenizer = new Tokenizer(json('tokenizer.json'), json('tokenizer_config.json'));

/** A question and its answer as nano sees them, cut to 64 tokens. */
export function pairSample([prompt, reply]: readonly [string, string], length = 64): Sample {
	const encode = (text: string) => tokenizer.encode(text, { add_special_tokens: false }).ids;
	const question = encode(`<|im_start|>user\n${prompt}<|im_end|>\n<|im_start|>assistant\n`);
	return replySample(question, encode(`${reply}<|im_end|>`).slice(0, length - question.length));
}

const SETTINGS = { rank: 8, alpha: 16, rankStabilised: false };

/** The recipe of the ground truths: rank 8 on all linears, AdamW, 3 epochs of batches of 8, learning rate 0.002 falling to 0. */
export async function trainLora(
	read: ReadGraph,
	samples: readonly Sample[],
	seed: number,
	{ epochs = 3, batch = 8, rate = 0.002 } = {}
): Promise<LoraAdapter> {
	const graph = trainGraph(read.model, { lora: { rank: SETTINGS.rank } });
	const runner = await nodeRunner(read, graph);
	const { length } = graph.layout;
	const parameters = freshParameters(graph.layout, seed);
	const vectors = { parameters, mean: new Float32Array(length), variance: new Float32Array(length) };
	const random = seededRandom(seed);
	const steps = epochs * Math.ceil(samples.length / batch);
	const plain = { optimiser: 'adamw', weightDecay: 0, clip: 0 } as const;
	for (let step = 0, epoch = 0; epoch < epochs; epoch++) {
		const order = shuffle(samples, random);
		for (let at = 0; at < order.length; at += batch, step++) {
			const chosen = order.slice(at, at + batch);
			const feeds = sampleFeeds(chosen, true);
			feeds.set('parameters', { type: 'float32', data: parameters, dims: [length] });
			feeds.set('scale', {
				type: 'float32',
				data: Float32Array.of(SETTINGS.alpha / SETTINGS.rank),
				dims: []
			});
			const gradient = await runner.run(feeds, 'gradient');
			const learningRate = rate * Math.min(1, (step + 1) / 5) * (1 - step / steps);
			optimise(vectors, gradient, chosen.length, { step: step + 1, learningRate }, plain);
		}
	}
	await runner.dispose();
	const targetModules = ['q_proj', 'k_proj', 'v_proj', 'o_proj', 'gate_proj', 'up_proj', 'down_proj'];
	return adapterOf(parameters, graph.layout, { ...SETTINGS, targetModules }, 'openledger/nano');
}

function shuffle<T>(items: readonly T[], random: () => number): T[] {
	const result = [...items];
	for (let i = result.length - 1; i > 0; i--) {
		const j = Math.floor(random() * (i + 1));
		[result[i], result[j]] = [result[j] as T, result[i] as T];
	}
	return result;
}

/**
 * Linear datamodeling score of each query (Park et al. 2023, "TRAK"): Spearman correlation, over the models, of the loss with what the
 * scores of the rows they were trained on foretell.
 *
 * @param scores [query][row], positive where a row lowers the loss
 */
export function ldsOf(
	scores: readonly ArrayLike<number>[],
	truth: GroundTruth,
	losses = meanLosses(truth)
): number[] {
	return scores.map((row, query) => {
		const foretold = truth.masks.map((mask) => {
			let sum = 0;
			for (let i = 0; i < mask.length; i++) if (mask[i] === '1') sum -= row[i] ?? 0;
			return sum;
		});
		return spearman(
			foretold,
			losses.map((model) => model[query] ?? NaN)
		);
	});
}

/** What one seed's losses say of the other's, put up to the mean of both (Spearman and Brown): no score can be expected above its root. */
export function noiseCeiling(
	{ losses_seed_a: a, losses_seed_b: b }: GroundTruth,
	queries: readonly number[]
): number {
	const halves = queries.map((query) =>
		spearman(
			a.map((model) => model[query] ?? NaN),
			b.map((model) => model[query] ?? NaN)
		)
	);
	const mean = average(halves);
	return Math.sqrt(Math.max(0, (2 * mean) / (1 + mean)));
}

export function average(values: readonly number[]): number {
	return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function meanLosses({ losses_seed_a: a, losses_seed_b: b }: GroundTruth): number[][] {
	return a.map((model, i) => model.map((loss, query) => (loss + (b[i]?.[query] ?? NaN)) / 2));
}

function spearman(a: readonly number[], b: readonly number[]): number {
	const [x, y] = [ranks(a), ranks(b)];
	const middle = (x.length - 1) / 2;
	let [xy, xx, yy] = [0, 0, 0];
	for (let i = 0; i < x.length; i++) {
		const [p, q] = [(x[i] ?? 0) - middle, (y[i] ?? 0) - middle];
		xy += p * q;
		xx += p * p;
		yy += q * q;
	}
	return xy / Math.sqrt(xx * yy);
}

/** Ranks from 0; ties share their mean. */
function ranks(values: readonly number[]): number[] {
	const order = values.map((_, i) => i).sort((a, b) => (values[a] ?? 0) - (values[b] ?? 0));
	const result = new Array<number>(values.length).fill(0);
	for (let from = 0; from < order.length;) {
		let to = from;
		while (to < order.length && values[order[to] ?? 0] === values[order[from] ?? 0]) to++;
		for (let i = from; i < to; i++) result[order[i] ?? 0] = (from + to - 1) / 2;
		from = to;
	}
	return result;
}

/** 95 % bootstrap interval of a mean over queries. */
export function interval(values: readonly number[], rounds = 2000): [low: number, high: number] {
	const random = seededRandom(1);
	const means = Array.from({ length: rounds }, () =>
		average(values.map(() => values[Math.floor(random() * values.length)] ?? NaN))
	).sort((a, b) => a - b);
	return [means[Math.floor(rounds * 0.025)] ?? NaN, means[Math.floor(rounds * 0.975)] ?? NaN];
}
