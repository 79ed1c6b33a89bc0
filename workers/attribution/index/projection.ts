import { DotProducts, STEP } from '../numerics/dot-products.ts';
import { dot } from '../numerics/linear-algebra.ts';

/** Buckets that are multiplied at once: a sketch's numbers are rounded to 13 bits of the largest of so many, and no sum leaves int32. */
const CHUNK = 16_384;

/** Largest size of a code. */
export const MOST = { 1: 1, 4: 15 } as const;

/** What turns a gradient into the numbers that are compared: stored with the index, the same for rows and replies. */
export interface Projection {
	/** Seed and buckets of the count sketch. */
	seed: number;
	width: number;
	/** What each bucket is multiplied by first: [width]. */
	bucketScales: Float32Array;
	/** Of a number of the basis: 4, or 1 for signs alone. */
	bits: keyof typeof MOST;
	/**
	 * Whitened basis in the span of the rows' scaled sketches, [dims, width · bits / 8], the first bucket in the lowest bits. Four bits c stand
	 * for 2c − 15, one bit for 2c − 1: there is no zero.
	 */
	basis: Uint8Array;
	/** Its rows' scales: [dims]. */
	basisScales: Float32Array;
	dims: number;
}

/** A projection ready for use: a basis of four bits lies unpacked where WebAssembly reads it. */
export class Projector {
	readonly #projection: Projection;
	readonly #chunks: DotProducts[] = [];

	constructor(projection: Projection) {
		const { basis, bits, dims, width } = projection;
		this.#projection = projection;
		if (bits === 1) return;
		for (let from = 0; from < width; from += CHUNK) {
			const chunk = new DotProducts(dims, Math.ceil(Math.min(CHUNK, width - from) / STEP) * STEP);
			const { rows } = chunk;
			const to = Math.min(width, from + CHUNK);
			for (let row = 0; row < dims; row++)
				for (let at = from; at < to; at += 2) {
					const pair = basis[(row * width + at) / 2] as number;
					const place = row * chunk.width + at - from;
					rows[place] = 2 * (pair & 15) - MOST[4];
					rows[place + 1] = 2 * (pair >> 4) - MOST[4];
				}
			this.#chunks.push(chunk);
		}
	}

	/** Coordinates of a sketch in the whitened basis: float32 [dims]. */
	coordinates(sketch: Float32Array): Float32Array {
		const { basis, basisScales, bits, bucketScales } = this.#projection;
		const scaled = sketch.map((value, bucket) => value * (bucketScales[bucket] as number));
		return bits === 1
			? projectSigns(basis, basisScales, scaled)
			: projectChunks(this.#chunks, basisScales, scaled);
	}
}

/** By integers: twenty times as fast as a loop over floats. */
function projectChunks(
	chunks: readonly DotProducts[],
	scales: Float32Array,
	sketch: Float32Array
): Float32Array {
	const sums = new Float64Array(scales.length);
	for (const [number, chunk] of chunks.entries()) {
		const part = sketch.subarray(number * CHUNK, (number + 1) * CHUNK);
		const unit = largest(part) / Math.min(32_767, Math.floor((2 ** 31 - 1) / (MOST[4] * chunk.width)));
		if (!(unit > 0)) continue;
		const codes = new Int16Array(chunk.width);
		for (let i = 0; i < part.length; i++) codes[i] = Math.round((part[i] as number) / unit);
		chunk.score(codes).forEach((score, k) => (sums[k] = (sums[k] as number) + unit * score));
	}
	return Float32Array.from(sums, (sum, k) => sum * (scales[k] as number));
}

/**
 * By signs. For the same bytes a basis of signs may be four times as wide as one of four bits, and what a narrow sketch loses weighs more
 * than what rounding loses (docs/attribution.md). Eight buckets at a time: all sums of ±eight numbers are 256.
 */
function projectSigns(signs: Uint8Array, scales: Float32Array, sketch: Float32Array): Float32Array {
	const dims = scales.length;
	const stride = signs.length / dims;
	const sums = new Float64Array(dims);
	const table = new Float64Array(256);
	for (let group = 0; group < stride; group++) {
		const at = group * 8;
		table[0] = 0;
		for (let bit = 0; bit < 8; bit++) table[0] -= sketch[at + bit] as number;
		for (let byte = 1; byte < 256; byte++)
			table[byte] = (table[byte & (byte - 1)] as number) + 2 * (sketch[at + lowestBit(byte)] as number);
		for (let row = 0; row < dims; row++)
			sums[row] = (sums[row] as number) + (table[signs[row * stride + group] as number] as number);
	}
	return Float32Array.from(sums, (sum, row) => sum * (scales[row] as number));
}

function lowestBit(byte: number): number {
	return 31 - Math.clz32(byte & -byte);
}

/**
 * Half a step between sixteen even levels, in standard deviations: from what loses least of normally distributed numbers (Max 1960) to what
 * loses least of those with few large ones among many small, as gradients have them.
 */
const UNITS = [0.168, 0.2, 0.24, 0.29, 0.35, 0.42];
/** Numbers of a row by which one of them is chosen: every so many. */
const TRIED = 8;

/** A basis [rank, width] as it is stored, filled up with rows of scale 0 to `dims`. */
export function packBasis(
	basis: Float32Array,
	{ dims, width, bits }: Pick<Projection, 'dims' | 'width' | 'bits'>
): Pick<Projection, 'basis' | 'basisScales'> {
	const packed = new Uint8Array((dims * width * bits) / 8);
	const basisScales = new Float32Array(dims);
	const top = MOST[bits];
	for (let k = 0; k * width < basis.length; k++) {
		const row = basis.subarray(k * width, (k + 1) * width);
		// Half a step between levels; of signs the mean size that they stand for.
		const unit =
			bits === 1 ? row.reduce((sum, value) => sum + Math.abs(value), 0) / width : bestUnit(row, top);
		basisScales[k] = unit;
		if (!(unit > 0)) continue;
		for (let i = 0; i < width; i++) {
			const code = codeOf(row[i] as number, unit, top);
			const bit = (k * width + i) * bits;
			packed[bit >> 3] = (packed[bit >> 3] as number) | (code << (bit & 7));
		}
	}
	return { basis: packed, basisScales };
}

/** c of the nearest level (2c − top) · unit. */
function codeOf(value: number, unit: number, top: number): number {
	return Math.max(0, Math.min(top, Math.floor((value / unit + top + 1) / 2)));
}

function bestUnit(row: Float32Array, top: number): number {
	const deviation = Math.sqrt(dot(row, row) / row.length);
	let [best, least] = [0, Infinity];
	for (const factor of UNITS) {
		const unit = factor * deviation;
		let lost = 0;
		for (let i = 0; i < row.length; i += TRIED) {
			const value = row[i] as number;
			lost += (value - (2 * codeOf(value, unit, top) - top) * unit) ** 2;
		}
		if (lost < least) [best, least] = [unit, lost];
	}
	return best;
}

/** Length 1, in place; a zero vector stays. */
export function normalise(vector: Float32Array): Float32Array {
	const length = Math.sqrt(dot(vector, vector));
	if (length > 0) for (let i = 0; i < vector.length; i++) vector[i] = (vector[i] as number) / length;
	return vector;
}

/** Rounds to int8 so that the largest value is 127; `scale` is one unit. All zero where there is nothing. */
export function quantise(
	values: Float32Array,
	scale = largest(values) / 127
): { codes: Int8Array; scale: number } {
	const codes = new Int8Array(values.length);
	if (scale > 0)
		for (let i = 0; i < values.length; i++)
			codes[i] = Math.max(-127, Math.min(127, Math.round((values[i] as number) / scale)));
	return { codes, scale };
}

export function largest(values: Float32Array): number {
	let result = 0;
	for (const value of values) result = Math.max(result, Math.abs(value));
	return result;
}
