import { parseEther } from 'viem';
import { expect, test } from 'vitest';
import { openAmount, parseOpen, percent, wholeAmount } from './amounts.ts';

test('amounts are shown with the digits that say something, never rounded up', () => {
	const shown = ['0', '1', '1234567.899', '0.5', '0.0012399', '12.999', '0.00000012'].map((text) =>
		openAmount(parseEther(text))
	);
	expect(shown).toEqual(['0', '1', '1,234,567.89', '0.5', '0.00123', '12.99', '0.00000012']);
	expect(openAmount(1n)).toBe('1 wei');
	expect(openAmount(-parseEther('2.5'))).toBe('−2.5');
});

test('where figures are to add up every digit is shown', () => {
	expect(wholeAmount(-parseEther('1234.379'))).toBe('−1,234.379');
	expect(wholeAmount(parseEther('5'))).toBe('5');
	const parts = [parseEther('5000'), -parseEther('3.379'), 1n, -parseEther('100'), 6_758_000_000_000_001n];
	const read = (text: string) => parseOpen(text.replaceAll(',', '').replace('−', '')) ?? 0n;
	const sum = parts.reduce((total, wei) => total + (wei < 0n ? -1n : 1n) * read(wholeAmount(wei)), 0n);
	expect(sum).toBe(parts.reduce((total, wei) => total + wei));
});

test('a typed amount is read to the wei or not at all', () => {
	expect(parseOpen('1.000000000000000001')).toBe(10n ** 18n + 1n);
	expect(parseOpen(' 0,5 ')).toBe(5n * 10n ** 17n);
	for (const text of ['', '-1', '1e3', '1.2.3', '0x10', '1.0000000000000000001', 'all'])
		expect(parseOpen(text)).toBeUndefined();
});

test('percentages of bigints', () => {
	expect(percent(1n, 3n)).toBe('33 %');
	expect(percent(1n, 40n)).toBe('2.5 %');
	expect(percent(0n, 0n)).toBe('0 %');
});
