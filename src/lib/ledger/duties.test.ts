import { parseEther, type Address } from 'viem';
import { expect, test } from 'vitest';
import { launchRules } from '../../../contracts/deploy/params.ts';
import { dutiesOf } from './duties.ts';

const me: Address = '0x00000000000000000000000000000000000000Aa';
const other: Address = '0x00000000000000000000000000000000000000bB';
const root = (id: number, verdict: 'right' | 'wrong', poster = other, deadline = 2_000) => ({
	...{ id, verdict, poster, deadline, parent: 0, posterId: 0, first: id, last: id, root: '0x' as const },
	...{ block: 1, bond: launchRules.bond, refuted: false }
});
const summary = { pending: [], ripe: [], waiting: { first: 5, last: 4, reward: 0n }, rules: launchRules };
const here = { account: me, free: launchRules.bond, gasPrice: 10n ** 9n, now: 1_000 };

test('nothing to do is nothing', () => {
	expect(dutiesOf(summary, [], here)).toEqual([]);
});

test('a lie is refuted while it can be, before anything else', () => {
	const waiting = { first: 5, last: 5, reward: parseEther('1') };
	const pending = [root(1, 'right', me), root(2, 'wrong'), root(3, 'wrong', other, 1_000)];
	expect(dutiesOf({ ...summary, pending, waiting, ripe: [1] }, [], here)).toEqual([
		{ kind: 'refute', checkpoint: 2, deadline: 2_000 },
		{ kind: 'finalise', checkpoint: 1 },
		{ kind: 'post', last: 5 }
	]);
});

test('others’ roots are made final by others; a wrong one never', () => {
	const pending = [root(1, 'right'), root(2, 'wrong', me, 500)];
	expect(dutiesOf({ ...summary, pending, ripe: [1, 2] }, [], here)).toEqual([]);
});

test('a root is posted where it pays three times its fee and the bond is there', () => {
	// 123,600 gas at 1 gwei.
	const fee = 123_600n * 10n ** 9n;
	const of = (reward: bigint) => ({ ...summary, waiting: { first: 5, last: 5, reward } });
	expect(dutiesOf(of(3n * fee), [], here)).toEqual([{ kind: 'post', last: 5 }]);
	expect(dutiesOf(of(3n * fee - 1n), [], here)).toEqual([]);
	expect(dutiesOf(of(3n * fee), [], { ...here, free: launchRules.bond - 1n })).toEqual([]);
	expect(dutiesOf({ ...of(3n * fee), rules: undefined }, [], here)).toEqual([]);
});

test('a drawn payment comes before everything', () => {
	const drawn = [{ batch: 3 }] as never[];
	const pending = [root(2, 'wrong')];
	expect(dutiesOf({ ...summary, pending }, drawn, here).map(({ kind }) => kind)).toEqual([
		'reveal',
		'refute'
	]);
});
