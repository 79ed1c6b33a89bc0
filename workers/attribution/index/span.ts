import { yieldToEvents } from '#workers/generate/yield.ts';
import { symmetricEigen } from '../numerics/linear-algebra.ts';
import type { Products } from '../numerics/products.ts';

/** A value beside the largest eigenvalue below which a direction is none: the products are float32. */
const NOTHING = 1e-6;

/** Vectors that are multiplied at once. */
const CHUNK = 256;

/** Numbered vectors, one at a time. */
export type Numbered = Iterable<readonly [number: number, vector: Float32Array]>;

/** An orthonormal basis [rank, width], the directions of most energy first. */
interface Basis {
	basis: Float32Array;
	rank: number;
}

/** Of the span of vectors [n, width]; at most `most` directions. */
export async function spanOf(
	products: Products,
	vectors: Float32Array,
	width: number,
	most: number
): Promise<Basis> {
	const gram = Float64Array.from(await products.byRows(vectors, vectors, width));
	const n = vectors.length / width;
	const { values, vectors: directions } = symmetricEigen(gram, n);
	const all = values.filter((value) => value > NOTHING * (values[0] ?? 0) && value > 0).length;
	const rank = Math.min(all, most);
	const mixing = Float32Array.from({ length: rank * n }, (_, at) => {
		const value = values[Math.floor(at / n)] as number;
		return (directions[at] as number) / Math.sqrt(value);
	});
	return { basis: await products.plain(mixing, vectors, n), rank };
}

/**
 * One step of subspace iteration (Halko, Martinsson and Tropp 2011, §4.5): Σ φφᵀ over all rows φ applied to every direction, so that those
 * of most energy grow. Not orthonormal any more: [rank, width].
 */
export async function powerStep(
	products: Products,
	basis: Float32Array,
	rows: Numbered,
	width: number
): Promise<Float32Array> {
	const moved = new Float32Array(basis.length);
	for (const { numbers, vectors } of chunksOf(rows, width)) {
		const pulls = await products.byRows(basis, vectors, width);
		const part = await products.plain(pulls, vectors, numbers.length);
		for (let i = 0; i < moved.length; i++) moved[i] = (moved[i] as number) + (part[i] as number);
		await yieldToEvents();
	}
	return moved;
}

/** Hands over the coordinates of every row in a basis: [rank] each. */
export async function coordinatesOf(
	products: Products,
	{ basis, rank }: Basis,
	rows: Numbered,
	width: number,
	take: (number: number, coordinates: Float32Array) => void
): Promise<void> {
	for (const { numbers, vectors } of chunksOf(rows, width)) {
		const found = await products.byRows(vectors, basis, width);
		numbers.forEach((number, i) => take(number, found.subarray(i * rank, (i + 1) * rank)));
		await yieldToEvents();
	}
}

function* chunksOf(rows: Numbered, width: number): Generator<{ numbers: number[]; vectors: Float32Array }> {
	let numbers: number[] = [];
	const buffer = new Float32Array(CHUNK * width);
	for (const [number, vector] of rows) {
		buffer.set(vector, numbers.length * width);
		numbers.push(number);
		if (numbers.length < CHUNK) continue;
		yield { numbers, vectors: buffer };
		numbers = [];
	}
	if (numbers.length > 0) yield { numbers, vectors: buffer.subarray(0, numbers.length * width) };
}
