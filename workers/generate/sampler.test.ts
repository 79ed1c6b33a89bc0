import { describe, expect, test } from 'vitest';
import { seededRandom } from '#test/support/random.ts';
import type { Sampling } from '#workers/protocol.ts';
import { topCandidates } from '#workers/runtime/candidates.ts';
import { uniform } from './random.ts';
import { candidatesFor, choose } from './sampler.ts';

const OFF: Sampling = { temperature: 1, topK: 0, topP: 1, minP: 0, repetitionPenalty: 1 };
const VOCABULARY = 300;

function randomLogits(seed: number): Float32Array {
	const random = seededRandom(seed);
	return Float32Array.from({ length: VOCABULARY }, () => (random() + random() + random() - 1.5) * 6);
}

/** The distribution after all filters, written down plainly over the whole vocabulary. */
function expected(logits: Float32Array, sampling: Sampling, seen: readonly number[]): Float64Array {
	const { temperature, topK, topP, minP, repetitionPenalty: penalty } = sampling;
	const adjusted = Array.from(logits, (logit, id) => {
		const value = seen.includes(id) ? (logit > 0 ? logit / penalty : logit * penalty) : logit;
		return Math.fround(value) / temperature;
	});
	let order = adjusted.map((_, id) => id).sort((a, b) => (adjusted[b] as number) - (adjusted[a] as number));
	const softmax = (ids: number[]) => {
		const weights = ids.map((id) => Math.exp(adjusted[id] as number));
		const total = weights.reduce((a, b) => a + b);
		return weights.map((weight) => weight / total);
	};
	if (topK > 0) order = order.slice(0, topK);
	if (topP < 1) {
		let cumulative = 0;
		const probabilities = softmax(order);
		order = order.filter((_, i) => {
			const before = cumulative;
			cumulative += probabilities[i] as number;
			return before < topP;
		});
	}
	if (minP > 0) {
		const probabilities = softmax(order);
		order = order.filter((_, i) => (probabilities[i] as number) >= minP * (probabilities[0] as number));
	}
	const distribution = new Float64Array(logits.length);
	softmax(order).forEach((probability, i) => (distribution[order[i] as number] = probability));
	return distribution;
}

/** Draws as the generator does: from the short list, and from everything where that does not tell. */
function drawer(logits: Float32Array, sampling: Sampling, seen: readonly number[]): (u: number) => number {
	const { temperature, repetitionPenalty: penalty } = sampling;
	const list = (count: number) =>
		topCandidates(logits, { count, temperature, penalty, seen, logProbs: false });
	const short = list(candidatesFor(sampling));
	const all = list(logits.length);
	return (u) => {
		const id = choose(short, sampling, u) ?? choose(all, sampling, u);
		if (id === undefined) throw new Error('nothing drawn from the whole vocabulary');
		return id;
	};
}

const SETTINGS: Record<string, Partial<Sampling>> = {
	'temperature alone': { temperature: 0.8 },
	'a high temperature, so that tokens beyond the short list are drawn': { temperature: 3 },
	'top-k': { topK: 7 },
	'top-k above the short list': { topK: 120, temperature: 2.5 },
	'top-p': { topP: 0.7 },
	'top-p that reaches beyond the short list': { topP: 0.97, temperature: 3 },
	'min-p': { minP: 0.05 },
	'min-p that reaches beyond the short list': { minP: 0.02, temperature: 4 },
	'repetition penalty': { repetitionPenalty: 1.5 },
	'a penalty below 1, which lifts seen tokens': { repetitionPenalty: 0.7 },
	'everything at once': { temperature: 1.3, topK: 50, topP: 0.9, minP: 0.01, repetitionPenalty: 1.2 }
};

describe('sampling', () => {
	test.each(Object.entries(SETTINGS))('%s: tokens come as often as their probability says', (_, change) => {
		const sampling = { ...OFF, ...change };
		const draws = 6_000;
		for (const seed of [1, 2]) {
			const logits = randomLogits(seed);
			const seen = [
				...topCandidates(logits, { count: 5, temperature: 1, penalty: 1, seen: [], logProbs: false }).ids,
				3,
				4
			];
			const distribution = expected(logits, sampling, seen);
			const counts = new Float64Array(VOCABULARY);
			const draw = drawer(logits, sampling, seen);
			for (let i = 0; i < draws; i++) {
				const id = draw(uniform(seed, i));
				counts[id] = (counts[id] as number) + 1;
			}
			let chiSquare = 0;
			let classes = 0;
			let rest = [0, 0] as [number, number];
			distribution.forEach((probability, id) => {
				const count = counts[id] as number;
				if (probability === 0) expect(count, `seed ${seed}, token ${id} is filtered out`).toBe(0);
				// Classes of fewer than 10 expected draws are put together, as the test needs.
				else if (probability * draws < 10) rest = [rest[0] + probability * draws, rest[1] + count];
				else {
					chiSquare += (count - probability * draws) ** 2 / (probability * draws);
					classes++;
				}
			});
			if (rest[0] >= 10) {
				chiSquare += (rest[1] - rest[0]) ** 2 / rest[0];
				classes++;
			}
			// Mean classes−1, variance 2(classes−1); four standard deviations.
			const freedom = classes - 1;
			expect(chiSquare, `seed ${seed}`).toBeLessThan(freedom + 4 * Math.sqrt(2 * freedom) + 4);
		}
	});

	test('greedy takes the largest logit, the lower id where two are equal', () => {
		const logits = Float32Array.of(1, 5, 2, 5);
		expect(drawer(logits, { ...OFF, temperature: 0 }, [])(0.99)).toBe(1);
		expect(drawer(logits, { ...OFF, temperature: 0, repetitionPenalty: 2 }, [1])(0.99)).toBe(3);
	});

	test('a draw of almost 1 takes the last kept token, one of 0 the first', () => {
		const logits = randomLogits(3);
		const order = [
			...topCandidates(logits, { count: 9, temperature: 1, penalty: 1, seen: [], logProbs: false }).ids
		];
		const draw = drawer(logits, { ...OFF, topK: 9 }, []);
		expect(draw(1 - 2 ** -53)).toBe(order[8]);
		expect(draw(0)).toBe(order[0]);
	});
});
