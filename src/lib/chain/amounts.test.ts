import { parseEther } from 'viem';
import { expect, test } from 'vitest';
import { openAmount } from './amounts.ts';

test.each([
	['0', '0'],
	['1', '1'],
	['10000', '10,000'],
	['1234567.5', '1,234,567.5'],
	['12.34567', '12.3456'],
	['0.000012345678', '0.00001234'],
	['0.1', '0.1'],
	['3.00000000001', '3'],
	['0.000000001', 'less than 0.00000001'],
	['-2.5', '−2.5']
])('%s OPEN reads %s', (ether, text) => {
	expect(openAmount(parseEther(ether))).toBe(text);
});
