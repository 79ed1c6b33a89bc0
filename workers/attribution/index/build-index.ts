import { keccak_256 } from '@noble/hashes/sha3.js';
import { concatBytes } from '@noble/hashes/utils.js';
import { fromHex, hashJson, toHex, type Hex } from '#workers/datanets/hash.ts';
import { bf16ToF32, f32ToBf16 } from '#workers/formats/half.ts';
import { INDEX_FORMAT, type AttributionIndex, type IndexDescription } from './attribution-index.ts';
import {
	ATTENTION,
	countTargets,
	DIRECTIONS,
	FIRST_BLOCK,
	HALFWAY,
	PROMPT,
	STRENGTH,
	type Sample,
	type SampleGradients
} from '../gradients.ts';
import { cholesky, dot, solveLower } from '../numerics/linear-algebra.ts';
import { IndexTree } from './merkle.ts';
import { largest, normalise, packBasis, quantise, type Projection } from './projection.ts';
import { fillUniform } from '#workers/train/rows/random.ts';
import { Sketch } from './sketch.ts';
import { coordinatesOf, powerStep, spanOf, type Numbered } from './span.ts';
import { askedRows, meanSupport } from '../support.ts';

/** Bytes of a row at most unless told, and of the basis. */
export const MAX_DIMS = 1024;
const MAX_BASIS = 16 * 2 ** 20;

/** Sketches that are kept as int8 until the basis is known, in bytes: 6,168 of them at 32,640 buckets. */
const MAX_KEPT = 192 * 2 ** 20;

/** Tokens that go through the graph at once, and rows at most. */
const BATCH_TOKENS = 768;
const BATCH_ROWS = 8;

/** Times that the second moment of all rows is applied to a basis of fewer directions than rows (docs/attribution.md). */
export const POWER_STEPS = 2;

/** λ over the mean eigenvalue of the second moment, each weighted by itself. */
export const DAMPING = 2;

/**
 * Gradients a row that tell how its tokens pull one by one: each a sum with random signs, whose squares are on average those of the tokens'.
 * In the second moment they count as much as the rows do: LDS rises by 0.007, with four of them rather than two by 0.0015 (docs/attribution.md).
 */
export const PROBES = 4;
const PROBES_SEED = 1000;
/** Rows that are probed at most, spread over all. */
export const PROBED = 512;

/**
 * Power of a row's length half way, over the median row's, that its scores grow by: what has been learnt by then teaches less, and a row
 * that copies have taught already earns no more by them. Rows of length 1
 * foretell retraining almost as well, those of their own length worse: long ones then win by size (docs/attribution.md).
 */
export const LENGTHS = 0.5;

/** One contribution as the model learnt it. */
export interface IndexRow {
	id: Hex;
	/** Contributor id, from 1 on. */
	contributor: number;
	/** Its token sequences; a long passage has several. */
	samples: readonly Sample[];
}

/** Sketches of rows that are done. */
export interface KeptSketches {
	has(row: number): boolean;
	/** Exactly as it was given. */
	of(row: number): Float32Array | undefined;
	keep(row: number, sketch: Float32Array): void;
}

export interface BuildOptions extends Pick<IndexDescription, 'base' | 'adapter'> {
	/**
	 * For each row the number of the first row of its group of near-duplicates, or −1 (`NearDuplicates.groups`). A group has one credit, and
	 * its first row carries it: the order of the rows says who came first.
	 */
	groups?: Int32Array;
	/** Bytes of a row at most, a multiple of 32; 1,024 unless told. More rows than that share a basis that sums of them span. */
	maxDims?: number;
	/** Directions of the span that are kept, those of most energy: a smaller index. All unless told. */
	keep?: number;
	/** Buckets of the sketch, a multiple of 8; as many as the basis may take unless told. */
	buckets?: number;
	/** 1 keeps the basis by its signs; 4 unless told. */
	basisBits?: Projection['bits'];
	/** λ; unless told DAMPING times as much as the rows are alike, so that it suits Datanets of one form and of many. */
	damping?: number;
	seed?: number;
	/**
	 * Where sketches of rows are kept while the index is built, so that it can go on after a crash; undefined where there is no room.
	 * `key` is the hash of all that decides them, `total` how many there will be.
	 */
	keepSketches?: (about: { key: Hex; width: number; total: number }) => Promise<KeptSketches | undefined>;
	onProgress?: (progress: { phase: 'gradients' | 'basis' | 'root'; done: number; total: number }) => void;
	signal?: AbortSignal;
}

/**
 * Makes an adapter's attribution index. The estimator: gradients of B, of rows at the base and half way to the adapter, of replies at the
 * base; count-sketched; each bucket divided by the square root of its RMS (half of Adam's correction); of unit length; preconditioned by the
 * inverse of the damped second moment of rows and of their tokens, half of it on the rows' side and half on the reply's; the rows' side times
 * the square root of their lengths; both int8. Why each of these: docs/attribution.md.
 */
export async function buildIndex(
	gradients: SampleGradients,
	rows: readonly IndexRow[],
	{
		base,
		adapter,
		groups,
		maxDims = MAX_DIMS,
		keep = maxDims,
		buckets,
		basisBits = 4,
		damping: told,
		seed = 1,
		keepSketches,
		onProgress,
		signal
	}: BuildOptions
): Promise<AttributionIndex> {
	const credited = rows
		.map((_, i) => i)
		.filter((i) => groups === undefined || (groups[i] ?? -1) < 0 || groups[i] === i);
	// Rows that are asked about as replies are, by their sketches at the base. A basis of signs keeps less of what it does not know than of what it was made of, so it must
	// not know them.
	const asked = askedRows(credited);
	const held = (row: number) => basisBits === 1 && asked.includes(row);
	const landmarks = spread(
		credited.filter((row) => !held(row)),
		maxDims
	);
	const { dims, width: widest } = widthOf(Math.min(landmarks.length, keep), gradients.size, basisBits);
	const width = buckets ?? widest;

	let done = 0;
	const sketcher = new Sketch(gradients.size, width, seed);
	const key = sketchesKey(gradients, rows, { base, adapter, width, seed });
	const finished = await keepSketches?.({ key, width, total: credited.length });
	const probed = spread(
		credited.filter((row) => !held(row)),
		PROBED
	);
	// Told in rows; a row's own gradients are two.
	const passes = 2 * credited.length + asked.length + PROBES * probed.length;
	const total = credited.length;
	const learnt: SketchSource = { rows, of: (samples) => gradients.along(samples), finished };
	const sketched = async (
		numbers: readonly number[],
		from: SketchSource,
		take: (row: number, sketch: Float32Array) => void | Promise<void>
	) => {
		for await (const { row, sketch } of rowSketches(numbers, sketcher, from)) {
			await take(row, sketch);
			signal?.throwIfAborted();
			done += from === learnt ? 2 : 1;
			onProgress?.({ phase: 'gradients', done: Math.floor((done * total) / passes), total });
		}
	};
	const each = (
		numbers: readonly number[],
		take: (row: number, sketch: Float32Array) => void | Promise<void>
	) => sketched(numbers, learnt, take);
	const sketches = new Map<number, Float32Array>();
	await each(landmarks, (row, sketch) => void sketches.set(row, sketch));
	const scales = bucketScales(sketches.values(), width);
	// Of a row's sketch after scaling.
	const lengths = new Map<number, number>();
	const prepare = (row: number, sketch: Float32Array) => {
		multiply(sketch, scales);
		lengths.set(row, Math.sqrt(dot(sketch, sketch)));
		return normalise(sketch);
	};
	for (const [row, sketch] of sketches) prepare(row, sketch);

	// More rows than directions: each direction begins as the sum of its share of them. A span of single rows would know little of the
	// others. No signs: rows that are alike would cancel.
	const rest = credited.filter((row) => !sketches.has(row));
	const summed = spread(
		rest.filter((row) => !held(row)),
		Math.max(0, Math.floor(MAX_KEPT / width) - landmarks.length)
	);
	const kept = new Map<number, { codes: Int8Array; scale: number }>();
	const sums = new Float32Array(landmarks.length * width);
	landmarks.forEach((row, k) => sums.set(sketches.get(row) as Float32Array, k * width));
	if (summed.length > 0) {
		for (const row of landmarks) kept.set(row, quantise(sketches.get(row) as Float32Array));
		sketches.clear();
	}
	let turn = 0;
	await each(summed, (row, sketch) => {
		kept.set(row, quantise(prepare(row, sketch)));
		const start = (turn++ % landmarks.length) * width;
		for (let k = 0; k < width; k++) sums[start + k] = (sums[start + k] as number) + (sketch[k] as number);
	});
	const asReplies: SketchSource['of'] = (samples) => gradients.of(samples, PROMPT.replies);
	const replies: { row: number; sketch: Float32Array }[] = [];
	await sketched(asked, { rows, of: asReplies }, (row, sketch) => void replies.push({ row, sketch }));
	const plain: SketchSource['of'] = (samples) => gradients.of(samples);
	const probes = new Map<number, { codes: Int8Array; scale: number }>();
	for (let probe = 0; probe < PROBES; probe++)
		await sketched(probed, { rows: rows.map((row) => signed(row, probe)), of: plain }, (row, sketch) => {
			probes.set(row * PROBES + probe, quantise(multiply(sketch, scales)));
		});
	const known = (): Numbered => (kept.size > 0 ? vectorsOf(kept) : sketches);

	const powerSteps = kept.size > 0 ? POWER_STEPS : 0;
	const phase = (done: number) => {
		signal?.throwIfAborted();
		onProgress?.({ phase: 'basis', done, total: powerSteps + 3 });
	};
	phase(0);
	const products = await gradients.products();
	let coordinates: Float32Array<ArrayBufferLike> = new Float32Array();
	let basis: Float32Array;
	let rank: number;
	let damping: number;
	const count = credited.length;
	const place = new Map(credited.map((row, i) => [row, i]));
	try {
		let found = await spanOf(products, sums, width, powerSteps > 0 ? landmarks.length : dims);
		for (let step = 1; step <= powerSteps; step++) {
			phase(step);
			const moved = await powerStep(products, found.basis, guarded(known(), signal), width);
			found = await spanOf(products, moved, width, step < powerSteps ? landmarks.length : dims);
		}
		phase(powerSteps + 1);
		({ basis, rank } = found);
		// Of every row in the span: [rank, credited].
		coordinates = new Float32Array(rank * count);
		const put = (row: number, values: Float32Array) =>
			values.forEach((value, k) => (coordinates[k * count + (place.get(row) as number)] = value));
		await coordinatesOf(products, found, guarded(known(), signal), width, put);
		const others = rest.filter((row) => !kept.has(row));
		sketches.clear();
		kept.clear();
		await each(others, (row, sketch) =>
			coordinatesOf(products, found, [[row, prepare(row, sketch)]], width, put)
		);

		phase(powerSteps + 2);
		// Whitening: L⁻¹ on both sides is (C + λ)⁻¹ between them, C = Σ φφᵀ.
		const moment = Float64Array.from(await products.byRows(coordinates, coordinates, count));
		const pulls = new Float32Array(rank * probes.size);
		let pull = 0;
		await coordinatesOf(products, found, guarded(vectorsOf(probes), signal), width, (_, values) => {
			normalise(values).forEach((value, k) => (pulls[k * probes.size + pull] = value));
			pull++;
		});
		const tokens = await products.byRows(pulls, pulls, probes.size);
		for (let k = 0; k < moment.length; k++)
			moment[k] = (moment[k] as number) + ((tokens[k] as number) * count) / Math.max(1, probes.size);
		damping = told ?? Number((DAMPING * meanEigenvalue(moment, rank)).toPrecision(3));
		for (let k = 0; k < rank; k++) moment[k * rank + k] = (moment[k * rank + k] as number) + damping;
		const whitening = new Float32Array(rank * rank);
		for (let k = 0; k < rank; k++) whitening[k * rank + k] = 1;
		solveLower(cholesky(moment, rank), rank, whitening, rank);
		coordinates = await products.plain(whitening, coordinates, rank);
		basis = await products.plain(whitening, basis, rank);
	} finally {
		await products.dispose();
		await gradients.rest();
	}
	const shape = { seed, width, dims, bits: basisBits };
	const projection = { ...shape, bucketScales: scales, ...packBasis(basis, shape) };

	const weights = rowWeights(credited, lengths);
	for (let k = 0; k < rank; k++) multiply(coordinates.subarray(k * count, (k + 1) * count), weights);
	const unit = largest(coordinates) / 127;
	const table = new Int8Array(rows.length * dims);
	const column = new Float32Array(dims);
	credited.forEach((row, i) => {
		for (let k = 0; k < rank; k++) column[k] = coordinates[k * count + i] as number;
		table.set(quantise(column, unit).codes, row * dims);
	});
	const support = meanSupport(
		projection,
		table,
		unit,
		replies
			.map(({ row, sketch }) => ({ row, sketch, weight: weights[place.get(row) ?? -1] ?? 0 }))
			.filter(({ weight }) => weight > 0)
	);
	const contributors = Uint32Array.from(rows, ({ contributor }) => contributor);
	onProgress?.({ phase: 'root', done: 0, total: rows.length });
	const { root } = await IndexTree.build(table, contributors, (done) => {
		signal?.throwIfAborted();
		onProgress?.({ phase: 'root', done, total: rows.length });
	});
	const ids = rows.map(({ id }) => id);
	return {
		description: {
			format: INDEX_FORMAT,
			base,
			adapter,
			features: gradients.features,
			rank: gradients.rank,
			directions: DIRECTIONS,
			attention: ATTENTION,
			firstBlock: FIRST_BLOCK,
			strength: STRENGTH,
			halfway: HALFWAY,
			probes: PROBES,
			promptOfRows: PROMPT.rows,
			promptOfReplies: PROMPT.replies,
			seed,
			width,
			dims,
			basisBits,
			landmarks: landmarks.length,
			credited: count,
			lengths: LENGTHS,
			damping,
			...(support > 0 && { support: Number(support.toPrecision(3)) }),
			contributions: hashIds(ids)
		},
		projection,
		rows: table,
		contributors,
		ids,
		root
	};
}

/**
 * Bytes of a row of an index of so many directions, and buckets of the sketch, a multiple of 8: as many as its basis has room for, with two
 * bytes of scale each.
 */
export function widthOf(directions: number, size: number, bits = 4): { dims: number; width: number } {
	const dims = Math.max(32, Math.ceil(directions / 32) * 32);
	const room = Math.floor(MAX_BASIS / ((dims * bits) / 8 + 2));
	return { dims, width: Math.max(1, Math.floor(Math.min(room, size) / 8)) * 8 };
}

export function hashIds(ids: readonly Hex[]): Hex {
	return toHex(keccak_256(concatBytes(...ids.map(fromHex))));
}

/**
 * Hash of all that decides the rows' sketches: what is kept under another one is not taken up. Rounding is the device's own, and it stays
 * the same: batches are cut alike whether or not some of them are done.
 */
function sketchesKey(
	{ features, rank }: SampleGradients,
	rows: readonly IndexRow[],
	about: Pick<IndexDescription, 'base' | 'adapter' | 'width' | 'seed'>
): Hex {
	const choices = {
		format: INDEX_FORMAT,
		directions: DIRECTIONS,
		attention: ATTENTION,
		firstBlock: FIRST_BLOCK,
		strength: STRENGTH,
		halfway: HALFWAY,
		prompt: PROMPT.rows,
		lengths: LENGTHS
	};
	const samples = keccak_256.create();
	for (const { id, samples: taken } of rows) {
		samples.update(fromHex(id));
		for (const { ids, targets } of taken)
			samples.update(
				new Uint8Array(Int32Array.of(ids.length, ...Array.from(ids), ...Array.from(targets)).buffer)
			);
	}
	return hashJson({ ...choices, ...about, features, rank, samples: toHex(samples.digest()) });
}

/** A row whose tokens count with random signs, others at each turn. */
export function signed(row: IndexRow, turn: number): IndexRow {
	return {
		...row,
		samples: row.samples.map((sample, i) => {
			const weights = new Float32Array(sample.ids.length);
			const text = hashJson([row.id, i, turn, PROBES_SEED]);
			fillUniform(weights, Number.parseInt(text.slice(2, 10), 16));
			return { ...sample, weights: weights.map((value) => (value < 0.5 ? -1 : 1)) };
		})
	};
}

/** Where sketches come from: rows, their gradients, and those that are done already. */
interface SketchSource {
	rows: readonly IndexRow[];
	of: (samples: readonly Sample[]) => Promise<Float32Array[]>;
	finished?: KeptSketches | undefined;
}

/**
 * Sketches of whole contributions' gradients, several at a time: of the mean loss of their tokens, samples added up. Those that are
 * finished are not computed again.
 */
async function* rowSketches(
	numbers: readonly number[],
	sketcher: Sketch,
	{ rows, of, finished }: SketchSource
): AsyncGenerator<{ row: number; sketch: Float32Array }> {
	let sum: Float32Array | undefined;
	for (const batch of batches(rows, numbers)) {
		if (finished && batch.every(({ row }) => finished.has(row))) {
			sum = undefined;
			for (const { row, last } of batch) {
				const sketch = last ? finished.of(row) : undefined;
				if (sketch) yield { row, sketch };
			}
			continue;
		}
		const found = await of(batch.map(({ sample }) => sample));
		for (const [i, { row, sample, last }] of batch.entries()) {
			const gradient = found[i] as Float32Array;
			const tokens = countTargets(sample);
			const before = sum;
			for (let k = 0; k < gradient.length; k++)
				gradient[k] = (gradient[k] as number) / Math.max(1, tokens) + (before?.[k] ?? 0);
			sum = last ? undefined : gradient;
			if (!last) continue;
			// Of a row that began in a batch that was skipped this is not the whole gradient.
			const kept = finished?.of(row);
			const sketch = kept ?? sketcher.of(gradient);
			if (!kept) finished?.keep(row, sketch);
			yield { row, sketch };
		}
	}
}

function* batches(rows: readonly IndexRow[], numbers: readonly number[]) {
	let batch: { row: number; sample: Sample; last: boolean }[] = [];
	let longest = 0;
	for (const row of numbers) {
		const samples = rows[row]?.samples ?? [];
		for (const [i, sample] of samples.entries()) {
			longest = Math.max(longest, sample.ids.length);
			if (batch.length > 0 && (batch.length === BATCH_ROWS || longest * (batch.length + 1) > BATCH_TOKENS)) {
				yield batch;
				batch = [];
				longest = sample.ids.length;
			}
			batch.push({ row, sample, last: i === samples.length - 1 });
		}
	}
	if (batch.length > 0) yield batch;
}

/** For each bucket of the sketch 1 / √RMS over the rows, as far as bfloat16 tells it. */
function bucketScales(sketches: Iterable<Float32Array>, width: number): Float32Array {
	const squares = new Float64Array(width);
	let count = 0;
	for (const sketch of sketches) {
		for (let i = 0; i < width; i++) squares[i] = (squares[i] as number) + (sketch[i] as number) ** 2;
		count++;
	}
	const scales = Float32Array.from(squares, (square) => (square > 0 ? (square / count) ** -0.25 : 0));
	return bf16ToF32(f32ToBf16(scales));
}

/** The rows as they are kept, one at a time. */
function* vectorsOf(
	kept: ReadonlyMap<number, { codes: Int8Array; scale: number }>
): Generator<[number, Float32Array]> {
	for (const [row, { codes, scale }] of kept) yield [row, Float32Array.from(codes, (code) => code * scale)];
}

function* guarded(
	rows: Numbered,
	signal: AbortSignal | undefined
): Generator<readonly [number, Float32Array]> {
	for (const row of rows) {
		signal?.throwIfAborted();
		yield row;
	}
}

/** What each row's vector is multiplied by, in the order of `credited`. */
function rowWeights(credited: readonly number[], lengths: ReadonlyMap<number, number>): Float32Array {
	const of = (row: number) => lengths.get(row) ?? 0;
	const sorted = Float64Array.from(credited, of).sort();
	const median = sorted[sorted.length >> 1] ?? 0;
	return Float32Array.from(credited, (row) => (median > 0 ? (of(row) / median) ** LENGTHS : 1));
}

/** Coordinate by coordinate, in place. */
function multiply(values: Float32Array, factors: Float32Array): Float32Array {
	for (let i = 0; i < values.length; i++) values[i] = (values[i] as number) * (factors[i] as number);
	return values;
}

/** Σ μ² / Σ μ over the eigenvalues μ: 1 where no two rows are alike, n where n rows are the same. */
function meanEigenvalue(moment: Float64Array, rank: number): number {
	let squares = 0;
	let trace = 0;
	for (const value of moment) squares += value * value;
	for (let k = 0; k < rank; k++) trace += moment[k * rank + k] as number;
	return trace > 0 ? squares / trace : 1;
}

/** At most `most` of the items, evenly spread. */
function spread(items: readonly number[], most: number): number[] {
	if (items.length <= most) return [...items];
	return Array.from({ length: most }, (_, i) => items[Math.floor((i * items.length) / most)] as number);
}
