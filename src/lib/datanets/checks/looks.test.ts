import { expect, test } from 'vitest';
import type { ReviewedRow } from '#workers/attribution/api.ts';
import { LOOKS, looksAt } from './looks.ts';

const row = (number: number, found: Partial<ReviewedRow>): ReviewedRow => ({
	...{ row: number, contribution: `0x${number}`, contributor: 1 },
	...{ mismatch: -0.5, association: 0.1, doubt: -0.4, baseLoss: 3, gain: 1, others: 2, self: 1 },
	...found
});
const rows = [
	row(0, {}),
	row(1, { mismatch: 0.3, doubt: 2.5 }),
	row(2, { association: -0.1, doubt: 0.9 }),
	row(3, { mismatch: null, association: null, doubt: null, others: -0.5 }),
	row(4, { others: -2 }),
	row(5, { baseLoss: 0.2 }),
	row(6, { self: 0, others: 0 })
];
const found = (look: keyof typeof LOOKS) => looksAt(rows, look).map(({ row: number }) => number);

test('each look finds its rows, the most telling first, and leaves ordinary rows alone', () => {
	expect(found('fit')).toEqual([1, 2]);
	expect(found('harm')).toEqual([4, 3]);
	expect(found('use')).toEqual([6, 5]);
});

test('each says why in words', () => {
	expect(LOOKS.fit.why(row(1, { mismatch: 0.3 }))).toBe('fits other questions better than its own');
	expect(LOOKS.fit.why(row(2, { association: -0.1 }))).toBe('unlike the answers to questions like it');
	expect(LOOKS.fit.why(row(2, {}))).toBe('fits its own question hardly better than others');
	expect(LOOKS.harm.why(row(4, { others: -2 }))).toBe(
		'pulls 2.0 times as hard against the rest as for itself'
	);
	expect(LOOKS.use.why(row(6, { self: 0 }))).toBe('says what an earlier row says');
	expect(LOOKS.use.why(row(5, { baseLoss: 0.2 }))).toBe('known before: 0.20 nats a token');
});
