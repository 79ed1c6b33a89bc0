/**
 * Scores of a whole index: int8 rows × int8 query, exact int32 sums, in WebAssembly SIMD. The module is 208 bytes and written here
 * by hand (WebAssembly core specification 2.0, §5: binary format), so there is nothing to build and nothing to fetch.
 * ORT's own builds need SIMD as well, so no browser that gets here lacks it. Measured against plain loops in docs/decisions/scoring.md.
 */

const PAGE = 65_536;

/** Elements that one step takes; rows are whole steps. */
export const STEP = 16;

/** More rows of bytes than WebAssembly's 4 GiB would hold are no index of ours. */
const MAX_BYTES = 2 ** 31;

const I32 = 0x7f;
const V128 = 0x7b;

/** dot(rows, query, out, end, width): for each row of `width` bytes in [rows, end), one int32 at `out`. `query` is int16. */
function moduleBytes(): Uint8Array<ArrayBuffer> {
	const [rows, query, out, end, width, next, q, sum] = [0, 1, 2, 3, 4, 5, 6, 7];
	const get = (local: number) => [0x20, local];
	const set = (local: number) => [0x21, local];
	const i32 = (value: number) => [0x41, value];
	const add = [0x6a];
	const simd = (opcode: number, ...immediates: number[]) => [0xfd, ...unsigned(opcode), ...immediates];
	/** Eight bytes of the row, widened, times eight of the query, added in pairs: i32x4. */
	const eight = (offset: number) => [
		...get(sum),
		...get(rows),
		...simd(0x01, 0, offset), // v128.load8x8_s
		...get(q),
		...simd(0x00, 0, offset * 2), // v128.load
		...simd(0xba), // i32x4.dot_i16x8_s
		...simd(0xae), // i32x4.add
		...set(sum)
	];
	const lane = (index: number) => [...get(sum), ...simd(0x1b, index)]; // i32x4.extract_lane
	const body = [
		...[0x03, 0x40], // loop over the rows
		...[...get(rows), ...get(width), ...add, ...set(next)],
		...[...get(query), ...set(q)],
		...[...i32(0), ...simd(0x11), ...set(sum)], // i32x4.splat
		...[0x03, 0x40], // loop over one row
		...eight(0),
		...eight(8),
		...[...get(q), ...i32(32), ...add, ...set(q)],
		...[...get(rows), ...i32(STEP), ...add, 0x22, rows], // local.tee
		...[...get(next), 0x49, 0x0d, 0], // i32.lt_u, br_if
		0x0b,
		...get(out),
		...[...lane(0), ...lane(1), ...add, ...lane(2), ...add, ...lane(3), ...add],
		...[0x36, 2, 0], // i32.store
		...[...get(out), ...i32(4), ...add, ...set(out)],
		...[...get(rows), ...get(end), 0x49, 0x0d, 0],
		0x0b
	];
	const locals = [2, 2, I32, 1, V128];
	const code = [...locals, ...body, 0x0b];
	const text = (name: string) => [name.length, ...new TextEncoder().encode(name)];
	const section = (id: number, ...content: number[]) => [id, ...unsigned(content.length), ...content];
	return Uint8Array.from([
		...[0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
		...section(1, 1, 0x60, 5, I32, I32, I32, I32, I32, 0),
		...section(2, 1, ...text('m'), ...text('m'), 0x02, 0x00, 1),
		...section(3, 1, 0),
		...section(7, 1, ...text('dot'), 0x00, 0),
		...section(10, 1, ...unsigned(code.length), ...code)
	]);
}

/** LEB128. */
function unsigned(value: number): number[] {
	return value < 128 ? [value] : [(value & 127) | 128, ...unsigned(value >>> 7)];
}

type Dot = (rows: number, query: number, out: number, end: number, width: number) => void;

let compiled: WebAssembly.Module | undefined;

/** The rows of an index, kept where WebAssembly reads them. */
export class DotProducts {
	readonly count: number;
	readonly width: number;
	readonly #memory: WebAssembly.Memory;
	readonly #dot: Dot;

	/**
	 * Makes room for `count` rows of `width` int8 (a multiple of 16), all zero until they are written to `rows`.
	 *
	 * Throws a RangeError for a width that is none, or where the memory cannot be had.
	 */
	constructor(count: number, width: number) {
		if (width % STEP !== 0 || width <= 0 || !(count * width < MAX_BYTES))
			throw new RangeError(`cannot score ${count} rows of ${width} bytes`);
		this.count = count;
		this.width = width;
		// [rows | scores | query as int16]; scores and query start at multiples of 16.
		const bytes = count * width + Math.ceil(count / 4) * 16 + 2 * width;
		this.#memory = new WebAssembly.Memory({ initial: Math.ceil(bytes / PAGE) + 1 });
		compiled ??= new WebAssembly.Module(moduleBytes());
		const { exports } = new WebAssembly.Instance(compiled, { m: { m: this.#memory } });
		this.#dot = exports.dot as Dot;
	}

	/** All rows, one after another: a view to fill. */
	get rows(): Int8Array<ArrayBuffer> {
		return new Int8Array(this.#memory.buffer, 0, this.count * this.width);
	}

	/** The dot product of each row with a query of `width` elements, modulo 2³²: with int8 it is exact. */
	score(query: Int8Array | Int16Array): Int32Array {
		if (query.length !== this.width)
			throw new RangeError(`a query of ${query.length} for rows of ${this.width} elements`);
		if (this.count === 0) return new Int32Array();
		const end = this.count * this.width;
		const out = end;
		const at = out + Math.ceil(this.count / 4) * 16;
		new Int16Array(this.#memory.buffer, at, this.width).set(query);
		this.#dot(0, at, out, end, this.width);
		return new Int32Array(this.#memory.buffer, out, this.count).slice();
	}
}
