import { buildIndex, DAMPING, LENGTHS } from '#workers/attribution/index/build-index.ts';
import { writeIndex } from '#workers/attribution/index/index-file.ts';
import {
	countTargets,
	PROMPT,
	SampleGradients,
	wasmRunner,
	type Sample
} from '#workers/attribution/gradients.ts';
import { Products } from '#workers/attribution/numerics/products.ts';
import { quantise } from '#workers/attribution/index/projection.ts';
import { AttributionQuery } from '#workers/attribution/query.ts';
import { Sketch } from '#workers/attribution/index/sketch.ts';
import { Ort } from '#workers/runtime/ort.ts';
import { seededRandom } from '#test/support/random.ts';
import { nodeRunner } from './gradients.ts';
import { average, pairSample, spearman, type Pair } from './lds.ts';
import { readShapeGraph } from './models.ts';
import { Retrainer } from './retrain.ts';
import { manyPairs, shuffled } from './truth-sets.ts';

const ROWS = 10_000;
/** Asked of the index and of the exact kernel: rows in other words, and pairs that nothing was trained on. */
const REWORDED = 100;
const HELD_OUT = 100;
/** Buckets of the exact kernel's sketch: four times those of an index of 1,024 directions. */
const WIDTH = 65_536;
const BLOCK = 500;
/** Added to the rows' kernel, whose diagonal is 1, where probes are taken into the rows' span. */
const RIDGE = 0.01;
/** Rows whose gradients are timed on the app's kernels. */
const TRIED = 64;

/**
 * An index of 10,000 rows, whole: glossaries and facts of the World Factbook; an adapter that has seen a fifth of them once (gradients are
 * the base's, seen through its A); onnxruntime's CPU kernels on one thread, and what the gradients would take on the app's own. How well
 * its int8 scores agree with the kernel of all rows and of their tokens at four times the width, in which no direction is left out. Takes half
 * an hour on a quiet machine; needs ../shared/data and 6 GB.
 */
export async function tenThousand(): Promise<object> {
	const pairs = shuffled(manyPairs(), seededRandom(10)).slice(0, ROWS + HELD_OUT);
	const rows = pairs.slice(0, ROWS).map(({ pair }) => pairSample(pair));
	const asked = [...pairs.slice(0, REWORDED), ...pairs.slice(ROWS)].map(({ pair, reworded }): Pair => [
		reworded,
		pair[1]
	]);
	const say = (text: string) => console.error(`${new Date().toISOString().slice(11, 19)} ${text}`);
	const retrainer = await Retrainer.create(readShapeGraph('nano').read);
	say('training');
	const fifth = rows.filter((_, i) => i % 5 === 0);
	const parameters = await retrainer.parameters(fifth, 0, { batch: 8, epochs: 1 });
	const { read } = retrainer;
	const lora = retrainer.adapter(parameters);
	const tokensOf = (some: readonly Sample[]) => some.reduce((sum, { ids }) => sum + ids.length, 0);
	say('one thread of wasm');
	const ort = await Ort.start({ build: 'wasm', threads: 1 });
	const inApp = await SampleGradients.create(read, lora, (graph) => wasmRunner(ort, read, graph));
	const tried = rows.slice(0, TRIED);
	await inApp.of(tried.slice(0, 8));
	const cpu = process.cpuUsage();
	for (let at = 0; at < TRIED; at += 8) await inApp.of(tried.slice(at, at + 8));
	const { user: mine, system: its } = process.cpuUsage(cpu);
	const wasmSeconds = ((mine + its) / 1e6 / tokensOf(tried)) * tokensOf(rows);
	await inApp.dispose();
	const gradients = await SampleGradients.create(read, lora, (graph) => nodeRunner(read, graph, 1));

	// Every row's gradient passes by here once, and its probes'; their wider sketches are kept for the exact kernel, off the clock.
	const sketcher = new Sketch(gradients.size, WIDTH, 2);
	const numbers = new Map(rows.map((sample, row) => [sample, row]));
	const learnt: Sketches = { codes: new Int8Array(ROWS * WIDTH), scales: new Float32Array(ROWS) };
	const probes: ReturnType<typeof quantise>[] = [];
	const clock = { wall: 0, processor: 0 };
	const offClock = (work: () => void) => {
		const [wall, processor] = [performance.now(), process.cpuUsage()];
		work();
		const { user, system } = process.cpuUsage(processor);
		clock.wall += performance.now() - wall;
		clock.processor += (user + system) / 1000;
	};
	const [along, plain] = [gradients.along.bind(gradients), gradients.of.bind(gradients)];
	let peak = 0;
	gradients.of = async (samples, prompt) => {
		const found = await plain(samples, prompt);
		offClock(() => {
			for (const [i, gradient] of found.entries())
				if (samples[i]?.weights) probes.push(quantise(sketcher.of(gradient)));
		});
		return found;
	};
	gradients.along = async (samples) => {
		const found = await along(samples);
		offClock(() => {
			for (const [i, gradient] of found.entries()) {
				const row = numbers.get(samples[i] as Sample) ?? 0;
				const kept = quantise(sketcher.of(gradient));
				learnt.codes.set(kept.codes, row * WIDTH);
				learnt.scales[row] = kept.scale / countTargets(samples[i] as Sample);
			}
		});
		return found;
	};
	say('building');
	const start = { wall: performance.now(), processor: process.cpuUsage() };
	const phases: Record<string, number> = {};
	let last = '';
	const index = await buildIndex(
		gradients,
		rows.map((sample, i) => ({
			id: `0x${i.toString(16).padStart(64, '0')}` as const,
			contributor: 1 + (i % 300),
			samples: [sample]
		})),
		{
			base: '',
			adapter: { config: '', weights: '' },
			onProgress: ({ phase, done, total }) => {
				peak = Math.max(peak, process.memoryUsage().rss);
				phases[phase] ??= (performance.now() - start.wall) / 1000;
				if (phase !== last || done % 500 === 0) say(`${phase} ${done} of ${total}`);
				last = phase;
			}
		}
	);
	peak = Math.max(peak, process.memoryUsage().rss);
	const spent = process.cpuUsage(start.processor);
	const seconds = (performance.now() - start.wall - clock.wall) / 1000;
	const processorSeconds = (spent.user + spent.system) / 1e6 - clock.processor / 1000;
	[gradients.along, gradients.of] = [along, plain];

	say('asking the index');
	const samples = asked.map((pair) => pairSample(pair));
	const query = new AttributionQuery(index);
	const scores: Int32Array[] = [];
	const wide: Float32Array[] = [];
	for (let at = 0; at < samples.length; at += 8) {
		const some = samples.slice(at, at + 8);
		for (const vector of await query.vectors(gradients, some)) scores.push(query.scores(vector));
		for (const gradient of await gradients.of(some, PROMPT.replies)) wide.push(sketcher.of(gradient));
	}
	await gradients.dispose();
	await retrainer.dispose();

	say('exact kernel');
	const products = await Products.start((graph) => nodeRunner(read, graph as never));
	const exact = await kernelScores(products, learnt, together(probes), wide);
	await products.dispose();

	const rankOf = (of: ArrayLike<number>, row: number) =>
		Array.from(of).filter((score) => score > (of[row] ?? 0)).length;
	const first = (of: ArrayLike<number>, most: number) =>
		new Set(
			Array.from(of, (_, row) => row)
				.sort((a, b) => (of[b] ?? 0) - (of[a] ?? 0))
				.slice(0, most)
		);
	const each = <T>(take: (ours: Int32Array, theirs: Float32Array, i: number) => T) =>
		scores.map((ours, i) => take(ours, exact[i] ?? new Float32Array(), i));
	const agreement = each((ours, theirs) => spearman(ours, theirs));
	const shared = each((ours, theirs) => first(ours, 10).intersection(first(theirs, 10)).size / 10);
	const [top] = [
		each((ours, theirs) => ([...first(ours, 10)].includes([...first(theirs, 1)][0] ?? -1) ? 1 : 0))
	];
	const own = (of: 'ours' | 'theirs') =>
		average(
			each((ours, theirs, i) => (rankOf(of === 'ours' ? ours : theirs, i) < 10 ? 1 : 0)).slice(0, REWORDED)
		);
	return {
		ten_thousand: {
			rows: ROWS,
			mean_tokens: average(rows.map(({ ids }) => ids.length)),
			seconds,
			basis_after_seconds: phases.basis,
			processor_seconds: processorSeconds,
			wasm_gradient_seconds: wasmSeconds,
			peak_mb: (peak - learnt.codes.byteLength - probes.length * WIDTH) / 1e6,
			index_mb: writeIndex(index).length / 1e6,
			bytes_a_row: index.description.dims,
			basis_mb: index.projection.basis.length / 1e6,
			damping: index.description.damping,
			rank_correlation_reworded: average(agreement.slice(0, REWORDED)),
			rank_correlation_held_out: average(agreement.slice(REWORDED)),
			top10_shared_reworded: average(shared.slice(0, REWORDED)),
			top10_shared_held_out: average(shared.slice(REWORDED)),
			exact_first_in_top10: average(top),
			own_row_top10: own('ours'),
			own_row_top10_exact: own('theirs')
		}
	};
}

/** Sketches of WIDTH buckets as int8, one after another, and the unit of each. */
interface Sketches {
	codes: Int8Array;
	scales: Float32Array;
}

function together(sketches: readonly ReturnType<typeof quantise>[]): Sketches {
	const codes = new Int8Array(sketches.length * WIDTH);
	sketches.forEach((sketch, i) => codes.set(sketch.codes, i * WIDTH));
	return { codes, scales: Float32Array.from(sketches, ({ scale }) => scale) };
}

/**
 * Scores of all rows by the kernel of all of them: Φ scaled by 1 / √RMS a bucket and of rows of length 1, K = ΦΦᵀ; of the rows' tokens what
 * of each probe p lies in the rows' span, P = (K⁻¹Φp)ᵀΦ, at length 1, together as much as the rows. With U of both, (UUᵀ + λ)⁻¹ of what the
 * query's gradient pulls at them, by conjugate gradients, all queries at once; each row's times a power of its length. [query][row]
 */
async function kernelScores(
	products: Products,
	learnt: Sketches,
	probes: Sketches,
	queries: readonly Float32Array[]
): Promise<Float32Array[]> {
	const [n, p, m] = [learnt.scales.length, probes.scales.length, queries.length];
	const squares = new Float64Array(WIDTH);
	for (let row = 0; row < n; row++)
		for (let i = 0; i < WIDTH; i++)
			squares[i] =
				(squares[i] as number) +
				((learnt.codes[row * WIDTH + i] as number) * (learnt.scales[row] as number)) ** 2;
	const factors = Float32Array.from(squares, (square) => (square > 0 ? (square / n) ** -0.25 : 0));
	const lengths = new Float64Array(n);
	/** Some of them as they count, of length 1. */
	const block = ({ codes, scales }: Sketches, start: number, end: number, keep?: Float64Array) => {
		const vectors = new Float32Array((end - start) * WIDTH);
		for (let row = start; row < end; row++) {
			let square = 0;
			const at = (row - start) * WIDTH;
			for (let i = 0; i < WIDTH; i++) {
				const value = (codes[row * WIDTH + i] as number) * (scales[row] as number) * (factors[i] as number);
				vectors[at + i] = value;
				square += value * value;
			}
			const length = Math.sqrt(square);
			if (keep) keep[row] = length;
			for (let i = 0; i < WIDTH; i++) vectors[at + i] = (vectors[at + i] as number) / Math.max(length, 1e-30);
		}
		return vectors;
	};
	const kernel = new Float32Array(n * n);
	// Queries, and then probes: what is to be multiplied with every row.
	const others = new Float32Array((m + p) * WIDTH);
	queries.forEach((sketch, q) =>
		others.set(
			sketch.map((value, i) => value * (factors[i] as number)),
			q * WIDTH
		)
	);
	others.set(block(probes, 0, p), m * WIDTH);
	/** Of row and query: [n, m]; of row and probe: [n, p]. */
	const [pulls, signs] = [new Float32Array(n * m), new Float32Array(n * p)];
	for (let a = 0; a < n; a += BLOCK) {
		const left = block(learnt, a, Math.min(n, a + BLOCK), lengths);
		const found = await products.byRows(left, others, WIDTH);
		for (let i = 0; i < left.length / WIDTH; i++) {
			pulls.set(found.subarray(i * (m + p), i * (m + p) + m), (a + i) * m);
			signs.set(found.subarray(i * (m + p) + m, (i + 1) * (m + p)), (a + i) * p);
		}
		for (let b = a; b < n; b += BLOCK) {
			const right = b === a ? left : block(learnt, b, Math.min(n, b + BLOCK));
			const found = await products.byRows(left, right, WIDTH);
			const [height, width] = [left.length / WIDTH, right.length / WIDTH];
			for (let i = 0; i < height; i++)
				for (let j = 0; j < width; j++) {
					const value = found[i * width + j] as number;
					kernel[(a + i) * n + b + j] = value;
					kernel[(b + j) * n + a + i] = value;
				}
		}
	}

	// A = K⁻¹Φp; the part of p in the span has length √(AᵀKA) and is brought to √(n / p).
	const parts = Float32Array.from(await conjugateGradients(products, kernel, RIDGE, signs, p, 1e-2));
	const inSpan = await products.plain(kernel, parts, n);
	const sums = new Float64Array(p);
	for (let i = 0; i < n * p; i++)
		sums[i % p] = (sums[i % p] as number) + (parts[i] as number) * (inSpan[i] as number);
	for (let i = 0; i < n * p; i++) {
		const factor = Math.sqrt(n / p / Math.max(sums[i % p] as number, 1e-30));
		parts[i] = (parts[i] as number) * factor;
		inSpan[i] = (inSpan[i] as number) * factor;
	}
	const turned = transposed(parts, p);
	const corner = await products.plain(turned, inSpan, n);
	const probePulls = await products.plain(turned, pulls, n);
	const all = new Float32Array((n + p) ** 2);
	for (let row = 0; row < n; row++) {
		all.set(kernel.subarray(row * n, (row + 1) * n), row * (n + p));
		all.set(inSpan.subarray(row * p, (row + 1) * p), row * (n + p) + n);
	}
	const across = transposed(inSpan, p);
	for (let row = 0; row < p; row++) {
		all.set(across.subarray(row * n, (row + 1) * n), (n + row) * (n + p));
		all.set(corner.subarray(row * p, (row + 1) * p), (n + row) * (n + p) + n);
	}
	const asked = new Float32Array((n + p) * m);
	asked.set(pulls);
	asked.set(probePulls, n * m);
	let [sum, trace] = [0, 0];
	for (const value of all) sum += value * value;
	for (let i = 0; i < n + p; i++) trace += all[i * (n + p) + i] as number;
	const damping = (DAMPING * sum) / trace;
	const solved = await conjugateGradients(products, all, damping, asked, m, 1e-5);
	const median = lengths.toSorted()[n >> 1] ?? 1;
	return queries.map((_, q) =>
		Float32Array.from(
			lengths,
			(length, row) => (solved[row * m + q] as number) * (length / median) ** LENGTHS
		)
	);
}

/** Of [n, width]: [width, n]. */
function transposed(matrix: Float32Array, width: number): Float32Array {
	const n = matrix.length / width;
	return Float32Array.from(
		{ length: matrix.length },
		(_, at) => matrix[(at % n) * width + Math.floor(at / n)] as number
	);
}

/** X with (K + λ) X = B for B [n, m], every column by itself (Hestenes and Stiefel 1952), until every residue is `least` of B. */
async function conjugateGradients(
	products: Products,
	kernel: Float32Array,
	damping: number,
	b: Float32Array,
	m: number,
	least: number
): Promise<Float64Array> {
	const n = b.length / m;
	const x = new Float64Array(n * m);
	const residue = Float64Array.from(b);
	const direction = Float64Array.from(b);
	const sums = (left: ArrayLike<number>, right: ArrayLike<number>) => {
		const result = new Float64Array(m);
		for (let i = 0; i < n * m; i++)
			result[i % m] = (result[i % m] as number) + (left[i] as number) * (right[i] as number);
		return result;
	};
	let squares = sums(residue, residue);
	const begun = squares.slice();
	for (let round = 0; round < 300; round++) {
		if (squares.every((square, q) => square <= least ** 2 * (begun[q] as number))) break;
		const moved = Float64Array.from(await products.plain(kernel, Float32Array.from(direction), n));
		for (let i = 0; i < n * m; i++) moved[i] = (moved[i] as number) + damping * (direction[i] as number);
		const curve = sums(direction, moved);
		const step = squares.map((square, q) => square / Math.max(curve[q] as number, 1e-300));
		for (let i = 0; i < n * m; i++) {
			x[i] = (x[i] as number) + (step[i % m] as number) * (direction[i] as number);
			residue[i] = (residue[i] as number) - (step[i % m] as number) * (moved[i] as number);
		}
		const next = sums(residue, residue);
		for (let i = 0; i < n * m; i++)
			direction[i] =
				(residue[i] as number) +
				((next[i % m] as number) / Math.max(squares[i % m] as number, 1e-300)) * (direction[i] as number);
		squares = next;
	}
	return x;
}
