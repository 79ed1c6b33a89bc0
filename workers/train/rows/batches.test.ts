import { expect, test } from 'vitest';
import { epochBatches, paddedTokens } from './batches.ts';
import { draw } from './random.ts';

const lengths = Array.from({ length: 300 }, (_, i) => 12 + Math.floor(draw(5, 'order', 0, i) ** 2 * 90));
const total = lengths.reduce((sum, length) => sum + length, 0);

test.each([true, false])(
	'every sample comes once an epoch and no batch is too large (packing: %s)',
	(packing) => {
		const batches = epochBatches(lengths, { batchTokens: 512, packing }, 1, 0);
		const seen = batches.flatMap(({ sequences }) => sequences.flat()).sort((a, b) => a - b);
		expect(seen).toEqual(lengths.map((_, i) => i));
		for (const batch of batches) {
			expect(paddedTokens(batch)).toBeLessThanOrEqual(512);
			for (const sequence of batch.sequences)
				expect(sequence.reduce((sum, sample) => sum + (lengths[sample] as number), 0)).toBeLessThanOrEqual(
					batch.width
				);
			if (!packing) for (const sequence of batch.sequences) expect(sequence).toHaveLength(1);
		}
		const padded = batches.reduce((sum, batch) => sum + paddedTokens(batch), 0);
		expect(total / padded).toBeGreaterThan(0.9);
	}
);

test('the same seed gives the same epoch, another seed or epoch another', () => {
	const epoch = (seed: number, number: number) =>
		JSON.stringify(epochBatches(lengths, { batchTokens: 512, packing: true }, seed, number));
	expect(epoch(7, 3)).toBe(epoch(7, 3));
	expect(epoch(7, 3)).not.toBe(epoch(7, 4));
	expect(epoch(7, 3)).not.toBe(epoch(8, 3));
});

test('a sample longer than a batch is one by itself', () => {
	const batches = epochBatches([10, 900, 20], { batchTokens: 64, packing: true }, 1, 0);
	expect(batches.some(({ sequences }) => sequences.some((sequence) => sequence.includes(1)))).toBe(true);
	expect(batches.flatMap(({ sequences }) => sequences.flat()).sort()).toEqual([0, 1, 2]);
});
