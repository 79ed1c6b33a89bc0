import { expect, test } from 'vitest';
import { seededRandom } from '#test/support/random.ts';
import { Projector } from './projection.ts';

test.each([
	[64, 16_384],
	[32, 155_648],
	[96, 1_003]
])('%i directions over %i buckets: by integers as by floats', (dims, width) => {
	const random = seededRandom(dims);
	const basis = Int8Array.from({ length: dims * width }, () => random() * 255 - 127);
	const basisScales = Float32Array.from({ length: dims }, () => random());
	// A few large values among many small ones, as in a sketch of gradients.
	const sketch = Float32Array.from({ length: width }, () => (random() - 0.5) ** 9 * 40);
	const found = new Projector({ seed: 1, width, dims, basis, basisScales }).coordinates(sketch);
	const wanted = basisScales.map((scale, k) =>
		sketch.reduce((sum, value, i) => sum + value * scale * (basis[k * width + i] ?? NaN), 0)
	);
	const apart = Math.hypot(...found.map((value, k) => value - (wanted[k] ?? NaN)));
	expect(apart / Math.hypot(...wanted)).toBeLessThan(2e-4);
	expect(
		new Projector({ seed: 1, width, dims, basis, basisScales }).coordinates(new Float32Array(width))
	).toEqual(new Float32Array(dims));
});
