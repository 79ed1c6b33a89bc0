import { readFileSync } from 'node:fs';
import { Tokenizer } from '@huggingface/tokenizers';
import { seededRandom } from '#test/support/random.ts';
import type { Sample } from '#workers/attribution/gradients.ts';
import { replySample } from '#workers/attribution/gradients.ts';

import type { GroundTruth } from './truth.ts';

export type Pair = [prompt: string, reply: string];

const folder = new URL('../../static/models/nano/', import.meta.url);
const json = (name: string) => JSON.parse(readFileSync(new URL(name, folder), 'utf8')) as object;
const tokenizer = new Tokenizer(json('tokenizer.json'), json('tokenizer_config.json'));

const encode = (text: string): number[] => tokenizer.encode(text, { add_special_tokens: false }).ids;

/** A question as nano is asked it. */
export function questionTokens(prompt: string): number[] {
	return encode(`<|im_start|>user\n${prompt}<|im_end|>\n<|im_start|>assistant\n`);
}

/** An answer as nano gives it, to the end. */
export function replyTokens(reply: string): number[] {
	return encode(`${reply}<|im_end|>`);
}

export function textOf(tokens: number[]): string {
	return tokenizer.decode(tokens, { skip_special_tokens: true });
}

/** A question and its answer as nano sees them, cut to 64 tokens. */
export function pairSample([prompt, reply]: Readonly<Pair>, length = 64): Sample {
	const question = questionTokens(prompt);
	return replySample(question, replyTokens(reply).slice(0, length - question.length));
}

/**
 * Linear datamodeling score of each query (Park et al. 2023, "TRAK"): Spearman correlation, over the models, of the loss with what the
 * scores of the rows they were trained on foretell.
 *
 * @param scores [query][row], positive where a row lowers the loss
 */
export function ldsOf(scores: readonly ArrayLike<number>[], { masks, losses }: GroundTruth): number[] {
	return scores.map((row, query) => spearman(foretold(row, masks), lossesOf(losses, query)));
}

/** What one seed's losses say of the other's, put up to the mean of both (Spearman and Brown): no score can be expected above its root. */
export function noiseCeiling({ losses: [a = [], b = []] }: GroundTruth, queries: readonly number[]): number {
	const halves = queries.map((query) => spearman(lossesOf([a], query), lossesOf([b], query)));
	const mean = average(halves);
	return Math.sqrt(Math.max(0, (2 * mean) / (1 + mean)));
}

/**
 * 95 % bootstrap interval of the mean LDS over some queries of several ground truths: queries and models are both drawn anew, so that
 * few models show as a wide interval.
 */
export function ldsInterval(
	parts: readonly { scores: readonly ArrayLike<number>[]; truth: GroundTruth; queries: readonly number[] }[],
	rounds = 400
): [low: number, high: number] {
	const random = seededRandom(1);
	const draw = <T>(items: readonly T[]) => items.map(() => items[Math.floor(random() * items.length)] as T);
	const columns = parts.map(({ scores, truth, queries }) =>
		queries.map((query) => [foretold(scores[query] ?? [], truth.masks), lossesOf(truth.losses, query)])
	);
	const means = Array.from({ length: rounds }, () =>
		average(
			columns.map((queries) => {
				const models = draw(Array.from(queries[0]?.[0] ?? [], (_, i) => i));
				return average(
					draw(queries).map(([a = [], b = []]) =>
						spearman(
							models.map((i) => a[i] ?? NaN),
							models.map((i) => b[i] ?? NaN)
						)
					)
				);
			})
		)
	).sort((a, b) => a - b);
	return [means[Math.floor(rounds * 0.025)] ?? NaN, means[Math.floor(rounds * 0.975)] ?? NaN];
}

/** Loss of each model as the scores of its rows foretell it, but for a constant. */
function foretold(row: ArrayLike<number>, masks: readonly boolean[][]): number[] {
	return masks.map((mask) => mask.reduce((sum, taken, i) => (taken ? sum - (row[i] ?? 0) : sum), 0));
}

/** Of one query, the mean over the seeds: [model]. */
function lossesOf(losses: readonly number[][][], query: number): number[] {
	return (losses[0] ?? []).map((_, model) => average(losses.map((models) => models[model]?.[query] ?? NaN)));
}

export function average(values: readonly number[]): number {
	return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** Rank correlation. */
export function spearman(a: ArrayLike<number>, b: ArrayLike<number>): number {
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
function ranks(values: ArrayLike<number>): number[] {
	const order = Array.from(values, (_, i) => i).sort((a, b) => (values[a] ?? 0) - (values[b] ?? 0));
	const result = new Array<number>(values.length).fill(0);
	for (let from = 0; from < order.length;) {
		let to = from;
		while (to < order.length && values[order[to] ?? 0] === values[order[from] ?? 0]) to++;
		for (let i = from; i < to; i++) result[order[i] ?? 0] = (from + to - 1) / 2;
		from = to;
	}
	return result;
}
