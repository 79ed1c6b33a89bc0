import { expect, test } from 'vitest';
import { ADA, BEN, contribution, pair } from '#test/support/datanet.ts';
import { Dice } from '#test/support/dice.ts';
import type { Contribution } from './contribution.ts';
import { isIn, lengthWhen, members, mergeMembership, type Membership } from './membership.ts';
import { packIds, unpackIds } from './merkle/packed.ts';
import { countOf, diffVersions, makeVersion } from './version.ts';

const rows = Array.from({ length: 30 }, (_, i) => contribution(pair(`question ${i}`, `answer ${i}`)));
const now = new Date('2026-03-01T12:00:00Z');

test('the same rows in any order are the same version', () => {
	const version = makeVersion(rows, 'first', now);
	expect(makeVersion(new Dice().shuffle(rows), 'again', now)).toMatchObject({
		root: version.root,
		ids: version.ids
	});
	expect(countOf(version)).toBe(30);
	expect([...unpackIds(version.ids)]).toEqual(rows.map((row) => row.id).sort());
});

test('a version of another contributor’s rows has another root', () => {
	const [row] = rows as [Contribution];
	expect(makeVersion([{ id: row.id, contributor: BEN }], '', now).root).not.toBe(
		makeVersion([{ id: row.id, contributor: ADA }], '', now).root
	);
});

test('a difference names what was added, removed and corrected, also over several corrections', () => {
	const [kept, old, gone] = rows as [Contribution, Contribution, Contribution];
	const between = contribution(pair('question 1', 'better'), { parent: old.id });
	const best = contribution(pair('question 1', 'best'), { parent: between.id });
	const fresh = contribution(pair('new', 'row'));
	const parents = new Map([kept, old, gone, between, best, fresh].map((row) => [row.id, row.parent]));
	const difference = diffVersions(
		packIds([kept.id, old.id, gone.id]),
		packIds([kept.id, best.id, fresh.id]),
		(id) => parents.get(id) ?? null
	);
	expect(difference.added.toSorted()).toEqual([best.id, fresh.id].sort());
	expect(difference.removed.toSorted()).toEqual([old.id, gone.id].sort());
	expect(difference.corrected).toEqual([{ from: old.id, to: best.id }]);
});

test('merging copies gives the same set in any order and any number of times', () => {
	const dice = new Dice();
	for (let trial = 0; trial < 100; trial++) {
		const copies: Membership[] = Array.from({ length: 4 }, () => {
			const copy = new Map<Contribution['id'], number>();
			for (let step = 0; step < 60; step++) {
				const { id } = dice.pick(rows);
				copy.set(id, lengthWhen(dice.next() < 0.6, copy.get(id)));
			}
			return copy;
		});
		const merge = (order: Membership[]) => order.reduce(mergeMembership, new Map());
		const expected = new Map([...merge(copies)].sort());
		expect(new Map([...merge(dice.shuffle([...copies, ...copies, dice.pick(copies)]))].sort())).toEqual(
			expected
		);
		expect(members(expected)).toEqual([...expected].filter(([, length]) => isIn(length)).map(([id]) => id));
	}
});

test('a removal survives the merge with a copy that still has the row', () => {
	const { id } = rows[0] as Contribution;
	const ours = new Map([[id, lengthWhen(false, 1)]]);
	const theirs = new Map([[id, 1]]);
	expect(members(mergeMembership(ours, theirs))).toEqual([]);
	expect(members(mergeMembership(new Map([[id, lengthWhen(true, 2)]]), ours))).toEqual([id]);
});
