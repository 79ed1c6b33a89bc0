import { describe, expect, test } from 'vitest';
import { fromHex, toHex, type Hex } from '#workers/datanets/hash.ts';
import { Dice } from '#test/support/dice.ts';
import { encodeLeaves } from '../../../contracts/client/leaves.ts';
import {
	encodeEntries,
	faultOfEntries,
	MAX_ENTRIES,
	recordList,
	sharesOf,
	topEntries,
	unattributedScore,
	WHOLE,
	type Entry
} from './shares.ts';
import vectors from './shares.vectors.json' with { type: 'json' };

function decode(hex: Hex): Entry[] {
	const view = new DataView(fromHex(hex).buffer);
	return Array.from({ length: view.byteLength / 12 }, (_, i) => ({
		contributor: view.getUint32(i * 12),
		row: view.getUint32(i * 12 + 4),
		score: view.getUint32(i * 12 + 8)
	}));
}

const total = (weights: { weight: number }[]) => weights.reduce((sum, { weight }) => sum + weight, 0);

describe('shared vectors', () => {
	test.each(vectors.entries.map((entries, i) => [i, entries as Hex] as const))('case %i', (i, hex) => {
		const entries = decode(hex);
		const unattributed = vectors.unattributed[i] ?? 0;
		expect(toHex(encodeEntries(entries))).toBe(hex);
		expect(encodeLeaves(recordList(entries, unattributed, vectors.tokens[i] ?? 0))).toBe(vectors.list[i]);
		expect(sharesOf(entries, unattributed).map(({ id, weight }) => [id, weight])).toEqual(vectors.shares[i]);
	});
});

describe('entries', () => {
	test('are the highest positive scores, whatever the order of the rows', () => {
		const dice = new Dice();
		for (let round = 0; round < 200; round++) {
			const rows = 1 + dice.below(120);
			const scores = Int32Array.from({ length: rows }, () => dice.below(60) - 25);
			const contributors = Uint32Array.from({ length: rows }, () => dice.below(9));
			const entries = topEntries(scores, contributors);
			expect(faultOfEntries(entries)).toBeUndefined();
			const payable = [...scores].filter((score, row) => score > 0 && (contributors[row] ?? 0) > 0);
			const expected = payable.sort((a, b) => b - a).slice(0, MAX_ENTRIES);
			expect(entries.map(({ score }) => score).sort((a, b) => b - a)).toEqual(expected);
			for (const { contributor, row, score } of entries)
				expect([contributors[row], scores[row]]).toEqual([contributor, score]);
		}
	});

	test('of equal scores the lower row stays', () => {
		const entries = topEntries(new Int32Array(40).fill(7), new Uint32Array(40).fill(1));
		expect(entries.map(({ row }) => row)).toEqual([...Array(MAX_ENTRIES).keys()]);
	});

	test('that are none are refused', () => {
		const entry = { contributor: 1, row: 0, score: 1 };
		const wrong: Entry[][] = [
			[{ ...entry, contributor: 0 }],
			[{ ...entry, score: 0 }],
			[{ ...entry, score: 2 ** 32 }],
			[{ ...entry, row: 0.5 }],
			[entry, entry],
			[{ ...entry, contributor: 2 }, entry],
			Array.from({ length: 33 }, (_, row) => ({ ...entry, row }))
		];
		for (const entries of wrong) {
			expect(faultOfEntries(entries)).toBeTypeOf('string');
			expect(() => sharesOf(entries, 0)).toThrow(RangeError);
			expect(() => recordList(entries, 0, 10)).toThrow(RangeError);
		}
		expect(() => sharesOf([entry], -1)).toThrow(RangeError);
	});
});

describe('shares', () => {
	test('add up, follow the scores, and never exceed the cap', () => {
		const dice = new Dice();
		for (let round = 0; round < 500; round++) {
			const rows = dice.below(80);
			const scores = Int32Array.from({ length: rows }, () => dice.below(2 ** dice.below(30)) - 5);
			const contributors = Uint32Array.from({ length: rows }, () => 1 + dice.below(12));
			const entries = topEntries(scores, contributors);
			const cap = dice.below(10_001);
			const unattributed = dice.below(2 ** dice.below(33));
			const shares = sharesOf(entries, unattributed, cap);
			expect(total(shares)).toBe(WHOLE);
			expect(shares[0]?.id).toBe(0);
			const uncapped = sharesOf(entries, unattributed);
			const attributed = WHOLE - (uncapped[0]?.weight ?? 0);
			for (const { id, weight } of shares.slice(1)) {
				expect(weight).toBeLessThanOrEqual(Math.floor((attributed * cap) / 10_000));
				expect(weight).toBeLessThanOrEqual(uncapped.find((one) => one.id === id)?.weight ?? -1);
			}
		}
	});

	/** Support so strong that it takes nothing. */
	const plenty = 2 ** 32 - 1;
	const nats = (lift: number, tokens = 20, support = plenty) => ({ lift: lift * 1_000_000, tokens, support });

	test('lift decides how much is anybody’s: a nat a token is a half; what the base gives anyway is nobody’s', () => {
		const entries = [{ contributor: 4, row: 9, score: 1000 }];
		const nobody = (tail: number, lift: number) => unattributedScore(entries, tail, nats(lift));
		expect(nobody(0, 20)).toBe(1001);
		expect(sharesOf(entries, 1000)).toEqual([
			{ id: 0, weight: 32_768 },
			{ id: 4, weight: 32_767 }
		]);
		expect(nobody(0, 60)).toBe(334);
		expect(nobody(0, 0.5)).toBe(40_001);
		expect(nobody(500, 20)).toBe(2001);
		for (const lift of [0, -1e-6, -30]) expect(nobody(0, lift)).toBe(2 ** 32 - 1);
		expect(unattributedScore([], 0, nats(20))).toBe(0);
		expect(sharesOf(entries, 2 ** 32 - 1)).toEqual([{ id: 0, weight: WHOLE }]);
		expect(() => unattributedScore(entries, 0.5, nats(7))).toThrow(RangeError);
		expect(() => unattributedScore(entries, 0, nats(NaN))).toThrow(RangeError);
	});

	test('support decides how much of that is the rows’: 0.7 of what they give one of their own is a half', () => {
		const entries = [{ contributor: 4, row: 9, score: 1000 }];
		const attributed = (support: number) =>
			1000 / (1000 + unattributedScore(entries, 0, nats(20, 20, support)));
		expect(attributed(plenty)).toBeCloseTo(0.5, 3);
		expect(attributed(700_000)).toBeCloseTo(0.25, 3);
		expect(attributed(1_400_000)).toBeCloseTo(0.5 * (16 / 17), 3);
		expect(attributed(350_000)).toBeCloseTo(0.5 * (1 / 17), 3);
		expect(attributed(70_000)).toBeLessThan(1e-4);
		expect(unattributedScore(entries, 0, nats(20, 20, 0))).toBe(2 ** 32 - 1);
		for (const wrong of [-1, 0.5, 2 ** 32, NaN])
			expect(() => unattributedScore(entries, 0, nats(20, 20, wrong))).toThrow(RangeError);
	});

	test('two rows of one person are one share', () => {
		const entries = [
			{ contributor: 1, row: 0, score: 30 },
			{ contributor: 1, row: 5, score: 20 },
			{ contributor: 2, row: 1, score: 50 }
		];
		expect(sharesOf(entries, 0).map(({ weight }) => weight)).toEqual([0, 32_768, 32_767]);
	});
});
