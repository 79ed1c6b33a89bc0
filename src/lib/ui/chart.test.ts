import { expect, test } from 'vitest';
import { seededRandom } from '#test/support/random.ts';
import { smooth, thin, ticks, everyDay } from './chart.ts';

test('ticks are round and enclose the values', () => {
	expect(ticks(0, 10, 5)).toEqual([0, 2, 4, 6, 8, 10]);
	expect(ticks(2.13, 2.97, 4)).toEqual([2, 2.5, 3]);
	expect(ticks(0.1, 0.7, 6)).toEqual([0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7]);
	expect(ticks(3, 3, 4)).toEqual([3]);
	const seed = Date.now() % 1e9;
	console.log(`ticks: seed ${seed}`);
	const random = seededRandom(seed);
	for (let i = 0; i < 200; i++) {
		const low = (random() - 0.5) * 10 ** (random() * 8 - 4);
		const high = low + 10 ** (random() * 8 - 4);
		const found = ticks(low, high, 4);
		// As many digits as a tick has.
		const slack = 2e-9 * Math.max(Math.abs(low), Math.abs(high));
		expect(found[0]).toBeLessThanOrEqual(low + slack);
		expect(found.at(-1)).toBeGreaterThanOrEqual(high - slack);
		expect(found.length).toBeLessThan(10);
	}
});

test('smoothing starts at the first value and follows', () => {
	const points = [4, 2, 2, 2].map((y, x) => ({ x, y }));
	expect(smooth(points, 0.5).map(({ y }) => y)).toEqual([4, 3, 2.5, 2.25]);
	expect(smooth([], 0.5)).toEqual([]);
});

test('thinning keeps both ends', () => {
	const points = Array.from({ length: 1000 }, (_, i) => i);
	const few = thin(points, 11);
	expect(few).toHaveLength(11);
	expect([few[0], few.at(-1)]).toEqual([0, 999]);
	expect(thin([1, 2], 10)).toEqual([1, 2]);
});

test('charts that stand together show the same days, also where one of them has a single one', () => {
	const one = [{ day: 120, value: 5n }];
	const many = Array.from({ length: 15 }, (_, i) => ({ day: 106 + i, value: BigInt(i) }));
	const span = [106, 120] as const;
	const daysOf = (days: typeof one) => everyDay(days, span).map(({ day }) => day);
	expect(daysOf(one)).toEqual(daysOf(many));
	expect(everyDay(one, span).reduce((sum, { value }) => sum + value, 0n)).toBe(5n);
	// Alone: two weeks at least, a quarter at most.
	expect(everyDay(one)).toHaveLength(14);
	expect(everyDay([{ day: 1, value: 1n }, ...one])).toHaveLength(90);
});
