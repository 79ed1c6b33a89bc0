import { expect, test } from 'vitest';
import { Dice } from '#test/support/dice.ts';
import { DotProducts } from './dot-products.ts';

test('scores are the exact int8 dot products, also at the edges of int8 and of memory', () => {
	const dice = new Dice();
	for (const [count, width] of [
		[1, 16],
		[3, 32],
		[5, 1024],
		[1000, 256],
		[64, 1024],
		[63, 1040]
	] as const) {
		const index = new DotProducts(count, width);
		const extreme = dice.below(2) === 1;
		const value = () => (extreme ? dice.pick([-128, 127]) : dice.below(256) - 128);
		const rows = Int8Array.from({ length: count * width }, value);
		index.rows.set(rows);
		for (let round = 0; round < 3; round++) {
			const query = Int8Array.from({ length: width }, value);
			const expected = Array.from({ length: count }, (_, row) =>
				query.reduce((sum, q, i) => sum + q * (rows[row * width + i] ?? NaN), 0)
			);
			expect([...index.score(query)]).toEqual(expected);
		}
		expect(index.rows).toEqual(rows);
	}
});

test('an index without rows has no scores; what does not fit is refused', () => {
	expect(new DotProducts(0, 32).score(new Int8Array(32))).toHaveLength(0);
	expect(() => new DotProducts(1, 32).score(new Int8Array(16))).toThrow(RangeError);
	expect(() => new DotProducts(1, 20)).toThrow(RangeError);
	expect(() => new DotProducts(2 ** 22, 1024)).toThrow(RangeError);
});
