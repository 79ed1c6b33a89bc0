import { uniform } from '#workers/generate/random.ts';

/** What a seed's draws are for: each purpose has a stream of its own, so that one more draw here changes nothing there. */
export type Stream = 'order' | 'batches' | 'weights' | 'dropout' | 'wording';

const STREAMS: Record<Stream, number> = { order: 1, batches: 2, weights: 3, dropout: 4, wording: 5 };

/**
 * Draw number `index` of a stream, uniform in [0, 1).
 * @param part epoch, step or tensor; together with `stream` it picks one of the seed's sequences
 */
export function draw(seed: number, stream: Stream, part: number, index: number): number {
	// SplitMix64 walks one sequence of 2⁶⁴ numbers; a drawn starting point keeps two walks apart.
	const start = Math.floor(uniform(seed, STREAMS[stream]) * 2 ** 40);
	const walk = Math.floor(uniform(start, part) * 2 ** 50);
	return uniform(walk, index);
}

/** The numbers from 0 to `count` − 1 in random order (Fisher and Yates). */
export function shuffled(count: number, seed: number, stream: Stream, part: number): number[] {
	const order = Array.from({ length: count }, (_, i) => i);
	for (let i = count - 1; i > 0; i--) {
		const j = Math.floor(draw(seed, stream, part, i) * (i + 1));
		[order[i], order[j]] = [order[j] as number, order[i] as number];
	}
	return order;
}

/**
 * Fills an array with draws, uniform in [0, 1) with 24 bits: for the many that need no place of their own.
 * xoshiro128** (Blackman and Vigna 2021), its state drawn from the seed.
 */
export function fillUniform(values: Float32Array, seed: number): void {
	const word = (i: number) => Math.floor(uniform(seed, i) * 2 ** 32) | 0;
	let [a, b, c, d] = [word(0), word(1), word(2), word(3) | 1];
	for (let i = 0; i < values.length; i++) {
		const product = Math.imul(b, 5);
		const result = Math.imul((product << 7) | (product >>> 25), 9);
		const shifted = b << 9;
		c ^= a;
		d ^= b;
		b ^= c;
		a ^= d;
		c ^= shifted;
		d = (d << 11) | (d >>> 21);
		values[i] = (result >>> 8) / 2 ** 24;
	}
}
