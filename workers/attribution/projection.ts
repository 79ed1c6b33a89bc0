import { dot } from './linear-algebra.ts';

/** What turns a gradient into the numbers that are compared: stored with the index, the same for rows and replies. */
export interface Projection {
	/** Seed and buckets of the count sketch. */
	seed: number;
	width: number;
	/** Scaled and whitened basis in the span of the rows' sketches, int8: [dims, width]. */
	basis: Int8Array;
	/** Its rows' scales: [dims]. */
	basisScales: Float32Array;
	dims: number;
}

/** Coordinates of a sketch in the whitened basis: float32 [dims]. */
export function project({ basis, basisScales, dims, width }: Projection, sketch: Float32Array): Float32Array {
	const result = new Float32Array(dims);
	for (let row = 0; row < dims; row++) {
		let sum = 0;
		const start = row * width;
		for (let i = 0; i < width; i++) sum += (basis[start + i] as number) * (sketch[i] as number);
		result[row] = sum * (basisScales[row] as number);
	}
	return result;
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
