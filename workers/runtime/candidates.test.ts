import { describe, expect, test } from 'vitest';
import { seededRandom } from '#test/support/random.ts';
import { logSumExp, topCandidates } from './candidates.ts';

const request = { temperature: 1, penalty: 1, seen: [], logProbs: true };

describe('candidates of a row of logits', () => {
	test('are the largest, largest first, equal ones by id, whatever the count', () => {
		for (let seed = 1; seed <= 50; seed++) {
			const random = seededRandom(seed);
			// Few distinct values, so that many are equal.
			const row = Float32Array.from({ length: 200 }, () => Math.floor(random() * 20));
			const sorted = [...row.keys()].sort((a, b) => (row[b] as number) - (row[a] as number) || a - b);
			for (const count of [1, 2, 10, 49, 64, 200, 500]) {
				const { ids, logits, complete } = topCandidates(row, { ...request, count });
				expect([...ids], `seed ${seed}, ${count}`).toEqual(sorted.slice(0, count));
				expect([...logits]).toEqual(sorted.slice(0, count).map((id) => row[id]));
				expect(complete).toBe(count >= 200);
			}
		}
	});

	test('the penalty changes seen tokens only, counts in the sum, and leaves the row as it was', () => {
		const row = Float32Array.of(2, -2, 1, 0.5);
		const before = row.slice();
		const found = topCandidates(row, { ...request, count: 4, penalty: 2, seen: [0, 1], temperature: 0.5 });
		expect([...found.ids]).toEqual([0, 2, 3, 1]);
		expect([...found.logits]).toEqual([1, 1, 0.5, -4]);
		expect([...found.rawLogits]).toEqual([2, 1, 0.5, -2]);
		expect(found.logSumExp).toBeCloseTo(Math.log(Math.exp(2) + Math.exp(2) + Math.exp(1) + Math.exp(-8)), 10);
		expect(found.rawLogSumExp).toBeCloseTo(
			Math.log(Math.exp(2) + Math.exp(-2) + Math.exp(1) + Math.exp(0.5)),
			10
		);
		expect(row).toEqual(before);
	});

	test('the sum of exponentials is that of Math.exp, whatever the logits and the temperature', () => {
		for (let seed = 1; seed <= 40; seed++) {
			const random = seededRandom(seed);
			const [spread, temperature] = [random() * 100, 0.1 + 2 * random()];
			const row = Float32Array.from({ length: 500 }, () => (random() - 0.5) * spread);
			if (seed % 2) row[3] = -Infinity;
			const largest = Math.max(...row);
			const sum = row.reduce((total, logit) => total + Math.exp((logit - largest) / temperature), 0);
			const plain = largest / temperature + Math.log(sum);
			expect(Math.abs(logSumExp(row, temperature) - plain), `seed ${seed}`).toBeLessThan(1e-9);
		}
		expect(logSumExp(Float32Array.of(1, NaN, 2), 1)).toBeNaN();
		expect(logSumExp(Float32Array.of(-Infinity, -Infinity), 1)).toBe(-Infinity);
	});

	test('the sum of exponentials does not overflow', () => {
		expect(logSumExp(Float32Array.of(1e4, 1e4), 1)).toBeCloseTo(1e4 + Math.LN2, 6);
	});
});
