import { expect, test } from 'vitest';
import { replySample, type Sample } from '../gradients.ts';
import { groupCredit } from './group-credit.ts';

/** Rows of two tokens whose loss falls from 4 nats by the part that stands in their first token, in hundredths. */
const rowOf = (hundredths: number) => ({ samples: [replySample([hundredths], [1, 2])] });
const gradients = {
	losses: (samples: readonly Sample[], strength: number) =>
		Promise.resolve(Float32Array.from(samples, ({ ids }) => 4 * (1 - (strength * (ids[0] ?? 0)) / 100)))
};

test('a group keeps of its credit the root of what rows that stand alone have learnt over what it has', async () => {
	const rows = [30, 90, 90, 20, 40, 25, 25].map(rowOf);
	const groups = Int32Array.of(-1, 1, 1, -1, -1, 5, 5);
	const credit = await groupCredit(gradients, rows, groups);
	expect([...credit.keys()]).toEqual([1, 5]);
	expect(credit.get(1)).toBeCloseTo(Math.sqrt(30 / 90), 6);
	// Learnt less than others: nothing to take back.
	expect(credit.get(5)).toBe(1);
});

test('without groups, without rows to compare with, or where nothing was learnt, nothing is taken', async () => {
	const alone = await groupCredit(gradients, [30, 20].map(rowOf), Int32Array.of(-1, -1));
	const copies = await groupCredit(gradients, [90, 90].map(rowOf), Int32Array.of(0, 0));
	const useless = await groupCredit(gradients, [-5, 90, 90].map(rowOf), Int32Array.of(-1, 1, 1));
	expect([alone.size, copies.size, useless.size]).toEqual([0, 0, 0]);
});
