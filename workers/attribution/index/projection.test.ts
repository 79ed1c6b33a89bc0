import { describe, expect, test } from 'vitest';
import { seededRandom } from '#test/support/random.ts';
import { MOST, packBasis, Projector } from './projection.ts';

describe.each([1, 4] as const)('a basis of %i bits', (bits) => {
	test.each([
		[64, 16_384],
		[32, 155_648],
		[96, 1_000]
	])('%i directions over %i buckets: as by floats', (dims, width) => {
		const random = seededRandom(dims);
		const basis = Uint8Array.from({ length: (dims * width * bits) / 8 }, () => random() * 256);
		const basisScales = Float32Array.from({ length: dims }, () => random());
		const bucketScales = Float32Array.from({ length: width }, () => random());
		// A few large values among many small ones, as in a sketch of gradients.
		const sketch = Float32Array.from({ length: width }, () => (random() - 0.5) ** 9 * 40);
		const projection = { seed: 1, width, dims, bits, bucketScales, basis, basisScales };
		const code = (at: number) => ((basis[(at * bits) >> 3] ?? 0) >> ((at * bits) & 7)) & MOST[bits];
		const wanted = basisScales.map((scale, k) =>
			sketch.reduce(
				(sum, value, i) =>
					sum + value * (bucketScales[i] ?? 0) * scale * (2 * code(k * width + i) - MOST[bits]),
				0
			)
		);
		const found = new Projector(projection).coordinates(sketch);
		const apart = Math.hypot(...found.map((value, k) => value - (wanted[k] ?? NaN)));
		expect(apart / Math.hypot(...wanted)).toBeLessThan(5e-4);
		expect(new Projector(projection).coordinates(new Float32Array(width))).toEqual(new Float32Array(dims));
	});
});

test.each([
	[4, 0.0115],
	[1, 0.363]
] as const)('%i bits lose of normal numbers what the theory of quantisers says', (bits, lost) => {
	const random = seededRandom(bits);
	const [dims, width] = [32, 4096];
	const normal = () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
	const values = Float32Array.from({ length: 20 * width }, (_, i) => normal() * (1 + Math.floor(i / width)));
	const { basis, basisScales } = packBasis(values, { dims, width, bits });
	const bucketScales = new Float32Array(width).fill(1);
	const projector = new Projector({ seed: 1, width, dims, bits, bucketScales, basis, basisScales });
	// Against a vector of the basis itself: what is kept of its length.
	for (const k of [0, 7, 19]) {
		const row = values.slice(k * width, (k + 1) * width);
		const squares = row.reduce((sum, value) => sum + value * value, 0);
		expect((projector.coordinates(row)[k] ?? NaN) / squares).toBeCloseTo(1 - lost, 1.3);
	}
	expect(basisScales.slice(20)).toEqual(new Float32Array(12));
});
