import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readKey, rewardKey } from './keys.ts';
import { decodeLeaves, encodeLeaves, type Weight } from './leaves.ts';
import { generator } from './random.ts';

test('leaves read back what was packed, whatever the gaps', () => {
	const seed = Date.now() % 2 ** 31;
	const random = generator(seed);
	const gaps = [1, 2, 255, 256, 257, 511, 512, 513, 65_536, 16_777_215, 16_777_216, 20_000_000];
	for (let round = 0; round < 2000; round++) {
		const weights: Weight[] = [];
		let id = Math.floor(random() * 300);
		for (let i = 0; i < 12 && id < 2 ** 29; i++) {
			weights.push({ id, weight: 1 + Math.floor(random() * 65_535) });
			id += gaps[Math.floor(random() * gaps.length)] ?? 1;
		}
		assert.deepEqual(decodeLeaves(encodeLeaves(weights)), weights, `seed ${seed}`);
	}
});

test('ids that do not ascend, weights that do not fit and broken steps are refused', () => {
	const weigh = (...ids: number[]) => encodeLeaves(ids.map((id) => ({ id, weight: 1 })));
	assert.throws(() => weigh(2, 1), RangeError);
	assert.throws(() => weigh(1, 1), RangeError);
	assert.throws(() => weigh(-1), RangeError);
	assert.throws(() => weigh(1.5), RangeError);
	assert.throws(() => encodeLeaves([{ id: 1, weight: 65_536 }]), RangeError);
	assert.throws(() => encodeLeaves(Array.from({ length: 8_193 }, (_, id) => ({ id, weight: 1 }))), RangeError);
	assert.throws(() => decodeLeaves('0x01'), RangeError);
});

test('a reward key reads back its kind and id', () => {
	assert.deepEqual(readKey(rewardKey('datanet', 7)), { kind: 'datanet', id: 7 });
	assert.deepEqual(readKey(rewardKey('treasury')), { kind: 'treasury', id: 0 });
	assert.throws(() => rewardKey('person', 2 ** 29), RangeError);
	assert.throws(() => readKey(7 * 2 ** 29), RangeError);
});
