import { expect, test } from 'vitest';
import { smallWorld } from '#test/support/lineage.ts';
import type { ReplyFacts } from './facts.ts';
import { revenueOf, useOf } from './use.ts';

const DAY = 86_400_000;
const world = smallWorld();
const [first] = world.replies as [ReplyFacts];
const [, row, other] = world.rows as [unknown, ReplyFacts['rows'][0]['row'], ReplyFacts['rows'][0]['row']];
const replies: ReplyFacts[] = [
	{ ...first, id: 'a', time: 10 * DAY, tokens: 5 },
	{ ...first, id: 'b', time: 10 * DAY + 1, tokens: 7, rows: [{ row: other, share: 50_000 }] },
	{ ...first, id: 'c', time: 12 * DAY - 1, tokens: 9, rows: [] }
];

test('rows and people are ranked by what they moved, and an answer counts once for a person with several rows', () => {
	const both = {
		...first,
		id: 'd',
		time: 11 * DAY,
		rows: [...first.rows, { row: { ...other, id: '0xx' }, share: 1 }]
	};
	const use = useOf([...replies, both]);
	expect([use.answers, use.tokens]).toEqual([4, 21]);
	expect(use.rows.map(({ thing, answers, share }) => [thing.id, answers, share])).toEqual([
		[other.id, 3, 70_000],
		[row.id, 2, 60_000],
		['0xx', 1, 1]
	]);
	expect(use.people.map(({ thing, answers, share }) => [thing.id, answers, share])).toEqual([
		[other.contributor?.id, 3, 70_001],
		[row.contributor?.id, 2, 60_000]
	]);
	expect(use.share).toBe(130_001);
	expect([use.base, use.unattributed]).toEqual([80_000, 22_140]);
	expect(use.days).toEqual([
		{ day: 10, answers: 2, tokens: 12 },
		{ day: 11, answers: 2, tokens: 9 }
	]);
});

test('for one person, only the answers that the person’s rows moved', () => {
	const use = useOf(replies, ({ contributor }) => contributor?.id === row.contributor?.id);
	expect([use.answers, use.tokens, use.share]).toEqual([1, 5, 30_000]);
	expect(use.adapters).toEqual([{ thing: first.adapters[0], answers: 1, share: 30_000 }]);
	expect(useOf([]).days).toEqual([]);
});

test('every wei of the receipts is in one state and on one day', () => {
	const huge = 10n ** 30n + 1n;
	const receipts = [
		{ time: 0, amount: huge, state: 'paid' as const },
		{ time: DAY, amount: 3n, state: 'owed' as const },
		{ time: DAY - 1, amount: 4n, state: 'sent' as const },
		{ time: 5 * DAY, amount: 0n, state: 'owed' as const }
	];
	expect(revenueOf(receipts)).toEqual({
		paid: huge,
		owed: 3n,
		sent: 4n,
		days: [
			{ day: 0, wei: huge + 4n },
			{ day: 1, wei: 3n }
		]
	});
});
