import { describe, expect, test } from 'vitest';
import { seededRandom } from '#test/support/random.ts';
import { memorySource } from '#workers/bytes.ts';
import type { Segment } from '#workers/onnx/types.ts';
import { LazyBytes } from './lazy-bytes.ts';
import { segmentSource } from './segment-source.ts';

describe('a file made of segments', () => {
	test('reads like the concatenation, wherever the segments end', () => {
		for (let seed = 1; seed <= 100; seed++) {
			const random = seededRandom(seed);
			const upTo = (limit: number) => Math.floor(random() * limit);
			const file = Uint8Array.from({ length: 64 }, () => upTo(256));
			const whole: number[] = [];
			const segments = Array.from({ length: 8 }, (): Segment => {
				const offset = upTo(60);
				const length = upTo(64 - offset);
				if (random() < 0.5) {
					whole.push(...file.subarray(offset, offset + length));
					return { location: 'f', offset, length };
				}
				const bytes = Uint8Array.from({ length }, () => upTo(256));
				whole.push(...bytes);
				return bytes;
			});
			const source = segmentSource(segments, new Map([['f', memorySource(file)]]));
			expect(source.size).toBe(whole.length);
			for (let i = 0; i < 20; i++) {
				const offset = upTo(whole.length + 1);
				const length = upTo(whole.length - offset + 1);
				expect([...source.read(offset, length)], `seed ${seed}`).toEqual(
					whole.slice(offset, offset + length)
				);
			}
		}
	});

	test('a read within one segment copies nothing, one beyond the end throws', () => {
		const bytes = new Uint8Array(10);
		const source = segmentSource([bytes], new Map());
		expect(source.read(2, 3).buffer).toBe(bytes.buffer);
		expect(() => source.read(8, 3)).toThrow(RangeError);
	});
});

describe('lazy bytes', () => {
	test('pass for a Uint8Array of the full length and read only what is asked for', () => {
		const reads: [number, number][] = [];
		const lazy = new LazyBytes({
			size: 5_000_000_000,
			read(offset, length) {
				reads.push([offset, length]);
				return new Uint8Array(length).fill(7);
			}
		});
		expect(lazy).toBeInstanceOf(Uint8Array);
		expect(lazy.byteLength).toBe(5_000_000_000);
		expect([...lazy.subarray(4_999_999_998, 5_000_000_000)]).toEqual([7, 7]);
		expect(reads).toEqual([[4_999_999_998, 2]]);
		expect(lazy.buffer.byteLength).toBe(0);
	});
});
