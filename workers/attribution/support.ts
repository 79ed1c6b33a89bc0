import { dot } from './linear-algebra.ts';
import { MAX_SUPPORT } from './shares.ts';

/** Rows of which the mean support is taken. */
const ASKED = 128;

/**
 * How strongly an index speaks for a reply: the squares of all rows' scores, over the squared length of the reply's gradient. Large
 * where the gradient lies in directions that the rows share; small where it points away from them, as that of a reply on another
 * subject does, which the adapter may well make likelier in passing. In millionths of what rows give one of their own (`meanSupport`);
 * a million where the index does not know that.
 *
 * @param scores of the int8 query
 * @param scale of the query's one unit; @param sketch of the reply's gradient
 */
export function supportOf(
	scores: Int32Array,
	scale: number,
	sketch: Float32Array,
	typical: number | undefined
): number {
	if (typical === undefined) return 1_000_000;
	let squares = 0;
	for (const score of scores) squares += score * score;
	const length = dot(sketch, sketch);
	if (!(length > 0)) return 0;
	return Math.min(MAX_SUPPORT, Math.round(((squares * scale * scale) / length / typical) * 1e6));
}

/**
 * Mean over rows of the support that all other rows give them. A row that is left out changes the damped inverse by one dimension
 * (Sherman and Morrison), so that its scores with the others are those of the index over 1 − h, h its score with itself.
 *
 * @param table int8 rows of the index: [rows, dims]; @param unit of them
 * @param credited those that are not zero; `gain`: the squared length of its scaled sketch over that of its sketch; `weight`: what its
 * vector is multiplied by
 */
export function meanSupport(
	table: Int8Array,
	dims: number,
	unit: number,
	credited: readonly { row: number; gain: number; weight: number }[]
): number {
	const asked = Math.min(ASKED, credited.length);
	let sum = 0;
	for (let k = 0; k < asked; k++) {
		const { row, gain, weight } = credited[Math.floor((k * credited.length) / asked)] as (typeof credited)[0];
		if (!(weight > 0)) continue;
		// Asked as a reply is, without its weight.
		const scale = (unit / weight) ** 2;
		let squares = 0;
		for (const { row: other } of credited)
			if (other !== row) squares += dotOf(table, row * dims, other * dims, dims) ** 2;
		const own = dotOf(table, row * dims, row * dims, dims) * scale;
		sum += (squares * scale * gain) / (1 - Math.min(own, 0.999)) ** 2;
	}
	return asked > 0 ? sum / asked : 0;
}

function dotOf(table: Int8Array, a: number, b: number, dims: number): number {
	let sum = 0;
	for (let k = 0; k < dims; k++) sum += (table[a + k] as number) * (table[b + k] as number);
	return sum;
}
