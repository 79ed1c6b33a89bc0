import { hexToBytes } from 'viem';
import { expect, test } from 'vitest';
import { encodeLeaves, type Weight } from '../../contracts/client/leaves.ts';
import { generator } from '../../contracts/client/random.ts';
import { Sums, WeightList } from './sums.ts';

const seed = Date.now() % 2 ** 31;
const random = generator(seed);
const upTo = (n: number) => Math.floor(random() * n);

function someWeights(people: number): Weight[] {
	const ids = [...Array(people + 1).keys()].filter(() => random() < 0.4);
	return ids.map((id) => ({ id, weight: random() < 0.1 ? 65_535 : upTo(1000) }));
}

test(`sums over thousands of batches are those of BigInt, to the wei (seed ${seed})`, () => {
	const people = 40;
	const sums = new Sums();
	const list = new WeightList();
	const expected = new Map<number, bigint>();
	// More batches than a limb may gain from between two carries.
	for (let batch = 0; batch < 9000; batch++) {
		const weights = someWeights(people);
		const total = BigInt(weights.reduce((sum, { weight }) => sum + weight, 0));
		// From nothing to nearly all that a uint96 holds.
		const weighted = (BigInt(upTo(2 ** 48)) * BigInt(upTo(2 ** 48))) >> BigInt(upTo(96));
		const ceiling = (weighted * BigInt(upTo(10_001))) / 10_000n;
		let paid = 0n;
		for (const { id, weight } of weights) {
			if (id === 0 || total === 0n) continue;
			const due = (weighted * BigInt(weight)) / total;
			const wei = due > ceiling ? ceiling : due;
			paid += wei;
			if (wei > 0n) expected.set(id, (expected.get(id) ?? 0n) + wei);
		}
		const got = sums.add(list.read(hexToBytes(encodeLeaves(weights)), people), weighted, ceiling);
		if (got !== paid) expect(got, `seed ${seed}, batch ${batch}`).toBe(paid);
	}
	expect(new Map(sums.entries()), `seed ${seed}`).toEqual(new Map([...expected].sort(([a], [b]) => a - b)));
});

test('a weight whose exact share is one part in 2^29 short of the next wei is still rounded down', () => {
	// 8,192 people weigh 65,535 each: Σw is the greatest that leaves can hold.
	const weights = Array.from({ length: 8192 }, (_, i) => ({ id: i + 1, weight: 65_535 }));
	const total = 8192n * 65_535n;
	for (const weighted of [8192n * 7n - 1n, total - 1n, 2n ** 96n - 1n, 8191n, 8192n]) {
		const sums = new Sums();
		sums.add(new WeightList().read(hexToBytes(encodeLeaves(weights)), 8192), weighted, weighted);
		const each = new Map(sums.entries()).get(8192) ?? 0n;
		expect(each).toBe((weighted * 65_535n) / total);
	}
});

test('broken steps and ids that do not exist are refused', () => {
	const list = new WeightList();
	expect(() => list.read(new Uint8Array(4), 10)).toThrow(RangeError);
	expect(() => list.read(hexToBytes(encodeLeaves([{ id: 11, weight: 1 }])), 10)).toThrow(RangeError);
	// A skip far beyond everybody, with no weight at its end.
	expect(() => list.read(Uint8Array.of(0, 255, 255), 10)).toThrow(RangeError);
	expect(list.read(hexToBytes(encodeLeaves([{ id: 10, weight: 1 }])), 10).length).toBe(1);
});
