import { expect, test } from 'vitest';
import { processorTime } from '#test/support/processor-time.ts';
import { scoreFinder } from '#test/support/personal-data-set.ts';
import { findPersonalData, maskPersonalData } from './personal-data.ts';

test('on the labelled set, recall is at least 0.95 and precision at least 0.9', () => {
	const { recall, precision, labels, missed, wrong } = scoreFinder(findPersonalData);
	expect(labels).toBeGreaterThan(100);
	expect(recall, missed.join('\n')).toBeGreaterThanOrEqual(0.95);
	expect(precision, wrong.join('\n')).toBeGreaterThanOrEqual(0.9);
});

test('masking replaces each finding by what it was and leaves the rest', () => {
	expect(maskPersonalData('Write to jane@example.org or call +49 30 901820, please.')).toBe(
		'Write to [e-mail] or call [phone], please.'
	);
	expect(maskPersonalData('Nothing here, on 2024-01-02.')).toBe('Nothing here, on 2024-01-02.');
});

test('masked text has nothing left to find', () => {
	const text = 'IBAN DE89 3704 0044 0532 0130 00, card 4111 1111 1111 1111, SSN 219-07-4321, b@x.org';
	expect(findPersonalData(text)).toHaveLength(4);
	expect(findPersonalData(maskPersonalData(text))).toEqual([]);
});

test('a hostile text takes no time', () => {
	const started = processorTime();
	for (const text of [
		'a@'.repeat(50_000),
		'1 '.repeat(100_000),
		'(at) '.repeat(40_000),
		'A1'.repeat(100_000),
		'+'.repeat(200_000),
		'a.'.repeat(100_000)
	])
		findPersonalData(text);
	expect(processorTime() - started).toBeLessThan(10_000);
});
