import { expect, test } from 'vitest';
import { seededRandom } from '#test/support/random.ts';
import { memorySource, readAhead } from './bytes.ts';

test('reading ahead gives the same bytes, in fewer reads', () => {
	const bytes = Uint8Array.from({ length: 1000 }, (_, i) => i * 7);
	let reads = 0;
	const memory = memorySource(bytes);
	const source = readAhead({ size: 1000, read: (at, length) => (reads++, memory.read(at, length)) }, 100);
	for (let at = 0; at < 1000; at += 10) expect(source.read(at, 10)).toEqual(bytes.subarray(at, at + 10));
	expect(reads).toBe(10);

	const random = seededRandom(3);
	for (let i = 0; i < 2000; i++) {
		const [from, to] = [random() * 1000, random() * 1001].map(Math.floor).sort((a, b) => a - b) as [
			number,
			number
		];
		expect(source.read(from, to - from)).toEqual(bytes.subarray(from, to));
	}
	for (const [at, length] of [
		[-1, 5],
		[995, 6],
		[1000, 1],
		[1001, 0]
	])
		// prettier-ignore
		expect(() => source.read(at as number, length as number)).toThrow(RangeError);
});
