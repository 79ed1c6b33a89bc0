import { expect, test } from 'vitest';
import { inheritedFrom, sharesOf } from './register.ts';

test('shares go by rows, add up to the whole, and stand once for each Datanet in ascending order', () => {
	const known = [
		{ datanet: 7, version: 1, rows: 1 },
		{ datanet: 2, version: 3, rows: 1 },
		{ datanet: 7, version: 4, rows: 1 }
	];
	expect(sharesOf(known)).toEqual([
		{ datanet: 2, version: 3, share: 3333 },
		{ datanet: 7, version: 4, share: 6667 }
	]);
	expect(sharesOf([])).toEqual([]);
});

test('a Datanet whose part rounds to nothing is left out: the contract refuses it', () => {
	const shares = sharesOf([
		{ datanet: 1, version: 1, rows: 10_000_000 },
		{ datanet: 2, version: 1, rows: 1 }
	]);
	expect(shares).toEqual([{ datanet: 1, version: 1, share: 10_000 }]);
});

test('what an adapter goes on from counts as if both had been trained on at once', () => {
	const parent = [
		{ datanet: 1, version: 2, share: 7500, rows: 500 },
		{ datanet: 2, version: 1, share: 2500, rows: 300 }
	];
	const inherited = inheritedFrom(parent, [{ rows: 60 }, { rows: 20 }]);
	expect(sharesOf([...inherited, { datanet: 3, version: 1, rows: 20 }])).toEqual([
		{ datanet: 1, version: 2, share: 6000 },
		{ datanet: 2, version: 1, share: 2000 },
		{ datanet: 3, version: 1, share: 2000 }
	]);
	// Its own Datanet again, in a later version.
	expect(sharesOf([...inherited, { datanet: 2, version: 4, rows: 20 }])).toEqual([
		{ datanet: 1, version: 2, share: 6000 },
		{ datanet: 2, version: 4, share: 4000 }
	]);
	expect(inheritedFrom([], [{ rows: 60 }])).toEqual([]);
	// A parent without a manifest: the chain knows how many rows there are.
	expect(inheritedFrom(parent, []).map(({ rows }) => rows)).toEqual([600, 200]);
});

test('of more Datanets than the contract takes those with the most rows stay', () => {
	const known = Array.from({ length: 20 }, (_, i) => ({ datanet: i + 1, version: 1, rows: i + 1 }));
	const shares = sharesOf(known);
	expect(shares.map(({ datanet }) => datanet)).toEqual(Array.from({ length: 16 }, (_, i) => i + 5));
	expect(shares.reduce((sum, { share }) => sum + share, 0)).toBe(10_000);
});
