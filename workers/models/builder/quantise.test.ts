import { describe, expect, it } from 'vitest';
import { seededRandom } from '#test/support/random.ts';
import { dequantise, quantise, type QuantiseOptions } from './quantise.ts';

const seed = Number(process.env.SEED ?? Date.now() % 1e9);

/** Roughly normal values with mean `centre`. */
function values(count: number, centre = 0): Float32Array {
	const random = seededRandom(seed);
	return Float32Array.from({ length: count }, () => {
		let sum = -6;
		for (let i = 0; i < 12; i++) sum += random();
		return centre + sum;
	});
}

/** Root of the mean squared error over the root of the mean square. */
function relativeError(original: Float32Array, matrix: Float32Array): number {
	let error = 0;
	let square = 0;
	original.forEach((value, i) => {
		error += (value - (matrix[i] as number)) ** 2;
		square += value ** 2;
	});
	return Math.sqrt(error / square);
}

const roundTrip = (original: Float32Array, rows: number, options: QuantiseOptions) =>
	dequantise(quantise(original, rows, original.length / rows, options));

describe(`quantise (seed ${seed})`, () => {
	it('puts the first of two 4-bit codes in the low half of a byte, around 8', () => {
		const row = new Float32Array(32);
		row.set([-8, 7, 1, 0]);
		const { codes, scales } = quantise(row, 1, 32, { bits: 4 });
		expect([...scales]).toEqual([1]);
		expect([...codes.subarray(0, 3)]).toEqual([0xf0, 0x89, 0x88]);
	});

	it('represents exactly what fits its grid, either way round, and 0', () => {
		const up = Float32Array.from({ length: 64 }, (_, i) => ((i % 16) - 8) * 0.25);
		const down = up.map((value) => -value);
		expect(roundTrip(up, 2, { bits: 4 })).toEqual(up);
		expect(roundTrip(down, 2, { bits: 4 })).toEqual(down);
		expect(roundTrip(new Float32Array(32), 1, { bits: 4 })).toEqual(new Float32Array(32));
		const bytes = Float32Array.from({ length: 256 }, (_, i) => (((i * 37) % 256) - 128) / 64);
		for (let block = 0; block < 8; block++) bytes[block * 32] = -2;
		expect(roundTrip(bytes, 1, { bits: 8 })).toEqual(bytes);
	});

	it('beats the scale that just fits the largest value, by at least 3 % in 4 bits', () => {
		const original = values(4096);
		const plain = original.slice();
		for (let b = 0; b < plain.length; b += 32) {
			const block = plain.subarray(b, b + 32);
			const scale = block.reduce((a, v) => (Math.abs(v) > Math.abs(a) ? v : a)) / -8;
			block.forEach((v, i) => (block[i] = Math.min(Math.max(Math.round(v / scale), -8), 7) * scale));
		}
		const searched = relativeError(original, roundTrip(original, 8, { bits: 4 }));
		expect(searched).toBeLessThan(0.97 * relativeError(original, plain));
	});

	it('stays within 9 % of normal values in 4 bits and 0.6 % in 8, also with half scales', () => {
		const original = values(8192);
		expect(relativeError(original, roundTrip(original, 8, { bits: 4 }))).toBeLessThan(0.09);
		expect(relativeError(original, roundTrip(original, 8, { bits: 8 }))).toBeLessThan(0.006);
		expect(relativeError(original, roundTrip(original, 8, { bits: 4, halfScales: true }))).toBeLessThan(0.09);
		expect(relativeError(original, roundTrip(original, 8, { bits: 8, halfScales: true }))).toBeLessThan(
			0.006
		);
	});

	it('loses at least 40 % less on values far from zero with zero points', () => {
		const original = values(4096, 3);
		const symmetric = relativeError(original, roundTrip(original, 8, { bits: 4 }));
		const withZeros = relativeError(original, roundTrip(original, 8, { bits: 4, zeroPoints: true }));
		expect(withZeros).toBeLessThan(0.6 * symmetric);
	});

	it('packs zero points of a row with an odd number of blocks into whole bytes', () => {
		const original = values(3 * 96, 3);
		const matrix = quantise(original, 3, 96, { bits: 4, zeroPoints: true });
		expect(matrix.zeroPoints?.length).toBe(3 * 2);
		expect(relativeError(original, dequantise(matrix))).toBeLessThan(0.05);
	});

	it('fills the last block of a row of 50 values with codes that mean zero', () => {
		const original = values(2 * 50);
		const matrix = quantise(original, 2, 50, { bits: 4 });
		expect(matrix.blocks).toBe(2);
		expect([...matrix.codes.subarray(25, 32)]).toEqual(new Array(7).fill(0x88));
		expect(relativeError(original, dequantise(matrix))).toBeLessThan(0.1);
	});

	it('stores scales that are exact in half precision when asked to', () => {
		const { scales } = quantise(values(1024), 4, 256, { bits: 4, halfScales: true });
		const bits = new Uint32Array(scales.buffer);
		expect(bits.every((pattern) => (pattern & 0x1fff) === 0)).toBe(true);
	});
});
