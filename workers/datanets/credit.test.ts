import { expect, test } from 'vitest';
import { ADA, BEN, contribution, pair } from '#test/support/datanet.ts';
import { Dice } from '#test/support/dice.ts';
import type { Contribution } from './contribution.ts';
import { creditOf } from './credit.ts';
import { toHex, type Hex } from './hash.ts';

function finder(...rows: Contribution[]) {
	const byId = new Map(rows.map((row) => [row.id, row]));
	return (id: Hex) => byId.get(id);
}

const first = contribution(pair('q', 'a'));
const second = contribution(pair('q', 'b'), { contributor: BEN, parent: first.id, parentShare: 7_000 });

test('a row without a parent is its contributor’s alone', () => {
	expect(creditOf(first, finder())).toEqual({ shares: new Map([[ADA, 10_000]]), unknown: 0 });
});

test('a correction shares with its parent as it states', () => {
	expect(creditOf(second, finder(first)).shares).toEqual(
		new Map([
			[BEN, 3_000],
			[ADA, 7_000]
		])
	);
});

test('credit of a parent that is not at hand is reported as unknown, not given away', () => {
	expect(creditOf(second, finder())).toEqual({ shares: new Map([[BEN, 3_000]]), unknown: 7_000 });
});

test('shares of any chain add up to the whole, and a long chain of corrections cannot round the origin away', () => {
	const dice = new Dice();
	for (let trial = 0; trial < 200; trial++) {
		const chain = [first];
		const length = 1 + dice.below(60);
		for (let i = 0; i < length; i++) {
			const contributor = toHex(Uint8Array.from({ length: 20 }, () => dice.below(3)));
			const parent = chain.at(-1)?.id ?? null;
			chain.push(
				contribution(pair('q', `${i}`), { contributor, parent, parentShare: 1 + dice.below(10_000) })
			);
		}
		const { shares, unknown } = creditOf(chain.at(-1) ?? first, finder(...chain));
		expect([...shares.values()].reduce((sum, share) => sum + share, unknown)).toBe(10_000);
		expect(shares.get(ADA)).toBeGreaterThan(0);
	}
});
