import { expect, test } from 'vitest';
import { WHOLE } from '#workers/attribution/receipts/shares.ts';
import { makeEmptyReceipt } from '#workers/attribution/receipts/receipt.ts';
import { newSalt } from '#workers/attribution/receipts/salt.ts';
import { describe } from './describe.ts';

const zero = '0'.repeat(64);
const { receipt } = makeEmptyReceipt(
	{ base: zero, adapter: { config: zero, weights: zero }, host: 0, price: '0', time: 0 },
	'no-index',
	{ salt: newSalt(), prompt: [1], reply: [2] }
);
const record = {
	receipt,
	parts: { base: WHOLE / 2, contributors: WHOLE / 4, unattributed: WHOLE / 4 },
	contributors: [{ id: 1, name: 'Ada', share: WHOLE / 4 }],
	rows: [{ contribution: '0x01' as const, text: 'Her letter.', licence: 'CC0-1.0', share: WHOLE / 4 }]
};

test('a program of the app’s own address reads the rows, another page only that they are there', () => {
	const told = describe(record as never, true);
	expect(told).toMatchObject({ base: 0.5, contributors: 0.25, unattributed: 0.25, unmeasured: 'no-index' });
	expect(told?.rows).toEqual([{ id: '0x01', text: 'Her letter.', licence: 'CC0-1.0', share: 0.25 }]);
	expect(told?.people).toEqual([{ name: 'Ada', address: null, share: 0.25 }]);
	expect(describe(record as never, false)?.rows).toEqual([
		{ id: '0x01', text: null, licence: 'CC0-1.0', share: 0.25 }
	]);
	expect(describe(undefined, true)).toBeUndefined();
});
