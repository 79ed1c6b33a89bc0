import { expect, test } from 'vitest';
import { memoryOf, smallWorld } from '#test/support/lineage.ts';
import { lineageOf } from './lineage.ts';
import { detailBeside, detailOf, factsOf, measureOf } from './words.ts';

test('a payment says its amount to the last digit, and of a receipt that it pays the amount once', async () => {
	const lineage = await lineageOf({ kind: 'settlement', id: '1.1' }, memoryOf(smallWorld()), 10);
	if (!lineage) throw new Error('no payment');
	expect(factsOf(lineage.node).find(({ name }) => name === 'Amount')?.value).toBe(
		'1.333333333333333333 OPEN'
	);
	const receipts = lineage.makers.flatMap(({ links }) => links).filter(({ node }) => node.kind === 'receipt');
	expect(receipts.length).toBeGreaterThan(0);
	for (const link of receipts) {
		const isTwice = detailOf(link.node) === measureOf(link);
		expect(detailBeside(link)).toBe(isTwice ? '' : detailOf(link.node));
	}
	expect(receipts.some((link) => detailBeside(link) === '')).toBe(true);
});
