/**
 * Count sketch (Charikar, Chen and Farach-Colton 2002): every coordinate is added, with a sign, to one of `width` buckets. Dot products
 * survive on average, with noise of 1/√width; nothing but the seed need be kept. At 1,792 random dimensions that noise drowns the
 * small cosines by which influence is told apart, at 16,384 and more it does not (docs/attribution.md).
 */
export class Sketch {
	readonly width: number;
	/** For each coordinate twice its bucket, plus 1 where its sign is negative. */
	readonly #places: Uint32Array;

	/** @param size coordinates; @param width buckets */
	constructor(size: number, width: number, seed: number) {
		this.width = width;
		this.#places = new Uint32Array(size);
		for (let i = 0; i < size; i++) {
			const hash = mix(mix(i ^ Math.imul(seed, 0x9e3779b1)) + seed);
			// The upper bits choose the bucket: multiplied, not taken modulo, so that every width is even.
			this.#places[i] = Math.floor((hash / 2 ** 32) * width) * 2 + (mix(hash) & 1);
		}
	}

	/** @throws RangeError for values of another size */
	of(values: Float32Array): Float32Array {
		const places = this.#places;
		if (values.length !== places.length)
			throw new RangeError(`${values.length} numbers where ${places.length} are expected`);
		const sums = new Float64Array(this.width);
		for (let i = 0; i < places.length; i++) {
			const place = places[i] as number;
			const value = values[i] as number;
			const bucket = place >>> 1;
			sums[bucket] = (sums[bucket] as number) + (place & 1 ? -value : value);
		}
		return Float32Array.from(sums);
	}
}

/** The finaliser of MurmurHash3: an unsigned 32-bit hash of 32 bits. */
function mix(value: number): number {
	let hash = value;
	hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
	hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
	return (hash ^ (hash >>> 16)) >>> 0;
}
