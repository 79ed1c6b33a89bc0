import { expect, test } from 'vitest';
import { sharesOf } from './register.ts';

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
