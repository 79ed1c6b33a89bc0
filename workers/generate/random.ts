const GOLDEN_GAMMA = 0x9e3779b97f4a7c15n;
const MASK = (1n << 64n) - 1n;

/**
 * Draw number `index` of the stream `seed`, uniform in [0, 1) with 53 bits.
 *
 * SplitMix64 (Steele, Lea and Flood 2014, "Fast splittable pseudorandom number generators") read as a function of its
 * counter: one draw per token position, so a reply that was interrupted goes on with the draws it would have had.
 */
export function uniform(seed: number, index: number): number {
	let z = (BigInt(seed) + GOLDEN_GAMMA * BigInt(index + 1)) & MASK;
	z = ((z ^ (z >> 30n)) * 0xbf58476d1ce4e5b9n) & MASK;
	z = ((z ^ (z >> 27n)) * 0x94d049bb133111ebn) & MASK;
	return Number((z ^ (z >> 31n)) >> 11n) / 2 ** 53;
}
