import { expect, test } from 'vitest';
import { uniform } from './random.ts';

test('the draws are those of SplitMix64', () => {
	// First outputs of the reference implementation (Vigna, splitmix64.c) for seed 0 and for seed 1234567.
	const reference = new Map([
		[0, 0xe220a8397b1dcdafn],
		[1234567, 6457827717110365317n]
	]);
	for (const [seed, first] of reference) expect(uniform(seed, 0)).toBe(Number(first >> 11n) / 2 ** 53);
	expect(uniform(1234567, 1)).toBe(Number(3203168211198807973n >> 11n) / 2 ** 53);
});

test('draws are uniform: each of 16 classes gets its share of 16,000', () => {
	const counts = new Array<number>(16).fill(0);
	for (let i = 0; i < 16_000; i++) {
		const index = Math.floor(uniform(42, i) * 16);
		counts[index] = (counts[index] as number) + 1;
	}
	const chiSquare = counts.reduce((sum, count) => sum + (count - 1000) ** 2 / 1000, 0);
	// 15 degrees of freedom: above 37.7 once in 1,000 seeds.
	expect(chiSquare).toBeLessThan(37.7);
});
