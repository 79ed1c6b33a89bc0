import { DotProducts } from './numerics/dot-products.ts';
import { dot } from './numerics/linear-algebra.ts';
import { Projector, quantise, type Projection } from './index/projection.ts';
import { MAX_SUPPORT } from './receipts/shares.ts';

/** Rows of which the mean support is taken. */
const ASKED = 64;

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

/** A row that is asked about: its sketch as a reply's would be, and what its vector in the index is multiplied by. */
interface AskedRow {
	row: number;
	sketch: Float32Array;
	weight: number;
}

/** Which of the rows that have credit are asked, evenly spread. */
export function askedRows(credited: readonly number[]): number[] {
	const asked = Math.min(ASKED, credited.length);
	return Array.from(
		{ length: asked },
		(_, k) => credited[Math.floor((k * credited.length) / asked)] as number
	);
}

/**
 * Mean over rows of the support that all other rows give them. A row that is left out changes the damped inverse by one dimension
 * (Sherman and Morrison), so that its scores with the others are those of the index over 1 − h, h its score with itself.
 *
 * @param table int8 rows of the index: [rows, dims]; @param unit of them
 */
export function meanSupport(
	projection: Projection,
	table: Int8Array,
	unit: number,
	asked: readonly AskedRow[]
): number {
	const { dims } = projection;
	const projector = new Projector(projection);
	const rows = new DotProducts(table.length / dims, dims);
	rows.rows.set(table);
	let sum = 0;
	for (const { row, sketch, weight } of asked) {
		const { codes, scale } = quantise(projector.coordinates(sketch));
		const vector = table.subarray(row * dims, (row + 1) * dims);
		let own = 0;
		for (const code of vector) own += code * code;
		const left = 1 - Math.min((own * unit * unit) / weight ** 2, 0.999);
		let squares = 0;
		rows.score(codes).forEach((score, other) => (squares += other === row ? 0 : score * score));
		const length = dot(sketch, sketch);
		if (length > 0) sum += (squares * scale * scale) / length / left ** 2;
	}
	return asked.length > 0 ? sum / asked.length : 0;
}
