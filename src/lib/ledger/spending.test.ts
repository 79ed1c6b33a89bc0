import { parseEther } from 'viem';
import { expect, test } from 'vitest';
import { costOf, defaultSpending, isDue, obstacle, settlementGas, tabOf } from './spending.ts';
import settle from '../../../bench/results/settle.json' with { type: 'json' };

const question = { price: 1000n, allowance: 100n, used: 0, tokens: 50, owed: 0n, free: 0n, limit: 1000n };

test('a reply runs within the allowance without a deposit, and beyond it only with one', () => {
	expect(obstacle(question)).toBeUndefined();
	expect(obstacle({ ...question, used: 99 })).toBeUndefined();
	expect(obstacle({ ...question, used: 100 })).toBe('deposit');
	expect(obstacle({ ...question, used: 100, free: 49n })).toBe('deposit');
	expect(obstacle({ ...question, used: 100, free: 50n })).toBeUndefined();
	// What is owed already is spent in all but name.
	expect(obstacle({ ...question, used: 100, free: 60n, owed: 20n })).toBe('deposit');
	expect(obstacle({ ...question, used: 100, free: 10_000n, owed: 960n })).toBe('limit');
	expect(obstacle({ ...question, price: 0n, used: 10_000 })).toBeUndefined();
});

test('only what lies beyond the allowance costs something', () => {
	expect(costOf(1000n, 100n, 0, 100)).toBe(0n);
	expect(costOf(1000n, 100n, 60, 100)).toBe(60n);
	expect(costOf(1000n, 100n, 500, 100)).toBe(100n);
});

test('settling is offered at the threshold, and after a refusal not before a fifth more is owed', () => {
	const tab = { receipts: [], owed: 100n, fee: 1n, breakEven: 50n, contributors: 0 };
	const spending = { ...defaultSpending(1), threshold: 100n };
	expect(isDue(tab, spending)).toBe(true);
	expect(isDue({ ...tab, owed: 99n }, spending)).toBe(false);
	expect(isDue(tab, { ...spending, declinedAt: 100n })).toBe(false);
	expect(isDue({ ...tab, owed: 120n }, { ...spending, declinedAt: 100n })).toBe(true);
	expect(isDue({ ...tab, owed: parseEther('100') }, { ...spending, threshold: 0n })).toBe(false);
});

test('the fee that is shown is the one that was measured, to a twentieth', () => {
	const near = (shown: bigint, measured: number) =>
		expect(Math.abs(Number(shown) / measured - 1)).toBeLessThan(0.05);
	near(settlementGas(1, 'private', 0), settle.settle_private);
	near(settlementGas(1, 'auditable', 10), settle.settle_10);
	expect(tabOf([], 'private', 5n).fee).toBe(settlementGas(1, 'private', 0) * 5n);
});
