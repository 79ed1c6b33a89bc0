import { normalise } from '../index/projection.ts';
import { cholesky, dot, solveLower } from '../numerics/linear-algebra.ts';
import { TextVectors } from './text-kernels.ts';

/** A question and its reply, as text. */
export interface Answered {
	question: string;
	reply: string;
}

/** How well each reply fits each question, [question, reply], where it is known. */
export interface Fit {
	values: Float64Array;
	/** 1 where a value is known; all are unless told. */
	known?: Uint8Array;
}

/** Products of what questions and replies are like: among questions, among replies, and [question, reply]. */
export interface Kernels {
	questions: Float64Array;
	replies: Float64Array;
	shared: Float64Array;
	/** Added to the diagonal of the questions': what a question like none of the others may learn of them. */
	ridge: number;
}

/** ln of how much likelier than another a row's own reply is before anything is known. */
const PRIOR = 3;

/** Rounds in which rows that are doubted come to count less in how well each fit tells own replies from others. */
const ROUNDS = 3;
const SCALINGS = 50;

/** By the characters that texts share (text-kernels.ts). */
export function wordKernels(rows: readonly Answered[]): Kernels {
	const n = rows.length;
	const questions = rows.map(({ question }) => question);
	const replies = rows.map(({ reply }) => reply);
	return {
		questions: new TextVectors(questions).products(n),
		replies: new TextVectors(replies).products(n),
		shared: new TextVectors([...questions, ...replies]).products(n, 0, n),
		ridge: 4
	};
}

/** By vectors of questions and of replies (the base's states, what their words mean), each less their mean: cosines. */
export function vectorKernels(questions: readonly Float32Array[], replies: readonly Float32Array[]): Kernels {
	const [asked, said] = [directions(questions), directions(replies)];
	const between = (a: readonly Float32Array[], b: readonly Float32Array[]) =>
		Float64Array.from(a.flatMap((one) => b.map((other) => dot(one, other))));
	return {
		questions: between(asked, asked),
		replies: between(said, said),
		shared: between(asked, said),
		ridge: 1
	};
}

/**
 * How well each reply fits each question: as the other rows teach it, and by what question and reply themselves share. Taught is by kernel
 * ridge regression from questions to replies, foretelling for question i its resemblance to reply k without rows i and k; with several
 * kernels from each to each.
 */
export function fitsOf(kernels: readonly Kernels[]): Fit[] {
	const n = Math.sqrt(kernels[0]?.shared.length ?? 0);
	const teachers = kernels.map(({ questions, ridge }) => weightsWithout(questions, ridge, n));
	return [
		...teachers.flatMap((weights) =>
			kernels.map(({ replies }) => ({ values: centred(foretold(weights, replies, n), n) }))
		),
		...kernels.map(({ shared }) => ({ values: centred(shared, n) }))
	];
}

/** Weights by which each question is foretold of the others: H = K (K + λ)⁻¹ = 1 − λ (K + λ)⁻¹; without row i its others grow by 1 / (1 − Hᵢᵢ). */
function weightsWithout(questions: Float64Array, ridge: number, n: number): Float64Array {
	const damped = questions.slice();
	for (let i = 0; i < n; i++) damped[i * n + i] = (damped[i * n + i] as number) + ridge;
	const weights = inverseOf(damped, n);
	for (let i = 0; i < n; i++) {
		const own = weights[i * n + i] as number;
		for (let j = 0; j < n; j++) weights[i * n + j] = j === i ? 0 : -(weights[i * n + j] as number) / own;
	}
	return weights;
}

/** Σ over the others j of weight [i, j] × kernel [j, k], k itself left out: [i, k]. */
function foretold(weights: Float64Array, replies: Float64Array, n: number): Float64Array {
	const found = new Float64Array(n * n);
	for (let i = 0; i < n; i++)
		for (let j = 0; j < n; j++) {
			const weight = weights[i * n + j] as number;
			if (weight === 0) continue;
			for (let k = 0; k < n; k++)
				if (k !== j)
					found[i * n + k] = (found[i * n + k] as number) + weight * (replies[j * n + k] as number);
		}
	return found;
}

/** Less their mean, of length 1. */
function directions(vectors: readonly Float32Array[]): Float32Array[] {
	const mean = new Float64Array(vectors[0]?.length ?? 0);
	for (const vector of vectors)
		vector.forEach((value, i) => (mean[i] = (mean[i] as number) + value / vectors.length));
	return vectors.map((vector) => normalise(vector.map((value, i) => value - (mean[i] as number))));
}

/**
 * Losses of replies after questions as a fit: what reply and question alone have of it is taken away, as far as other pairs tell it.
 *
 * @param losses of the own pair of each row and of some others; NaN elsewhere. [question, reply]
 */
export function lossFit(losses: Float64Array, n: number): Fit {
	const known = Uint8Array.from(losses, (loss) => (Number.isFinite(loss) ? 1 : 0));
	const [questions, replies] = [new Float64Array(n), new Float64Array(n)];
	const others: [i: number, k: number, value: number][] = [];
	for (let at = 0; at < n * n; at++)
		if (known[at] && Math.floor(at / n) !== at % n)
			others.push([Math.floor(at / n), at % n, -(losses[at] as number)]);
	const rest = (i: number, k: number, value: number) =>
		value - (questions[i] as number) - (replies[k] as number);
	for (let round = 0; round < 10; round++) {
		average(
			questions,
			others,
			([i]) => i,
			([, k, value]) => value - (replies[k] as number)
		);
		average(
			replies,
			others,
			([, k]) => k,
			([i, , value]) => value - (questions[i] as number)
		);
	}
	const deviation = Math.sqrt(
		others.reduce((sum, [i, k, value]) => sum + rest(i, k, value) ** 2, 0) / others.length
	);
	const values = losses.map((loss, at) =>
		known[at] && deviation > 0 ? rest(Math.floor(at / n), at % n, -loss) / deviation : 0
	);
	return { values, known };
}

/**
 * How unlikely each row's reply is to be its question's, −ln p, if every reply has its question among the rows: fits are weighed by how well
 * they tell own pairs from others (linear discriminant, most rows being right), summed, and scaled to a doubly stochastic matrix (Sinkhorn
 * and Knopp 1967). Replies that are said more than once, and questions that are asked more than once, are one.
 */
export function matchDoubts(rows: readonly Answered[], fits: readonly Fit[]): number[] {
	const n = rows.length;
	const spread = covariances(fits, n);
	const weights = new Float64Array(n).fill(1);
	let doubts: number[] = [];
	for (let round = 0; round < ROUNDS; round++) {
		const factors = discriminant(fits, n, spread, weights);
		const logits = new Float64Array(n * n);
		fits.forEach(({ values }, f) => {
			for (let at = 0; at < n * n; at++)
				logits[at] = (logits[at] as number) + (factors[f] ?? 0) * (values[at] as number);
		});
		for (let i = 0; i < n; i++) logits[i * n + i] = (logits[i * n + i] as number) + PRIOR;
		balance(logits, n);
		doubts = rows.map((row, i) => {
			let p = 0;
			rows.forEach(({ question, reply }, k) => {
				if (k === i || question === row.question || reply === row.reply)
					p += Math.exp(logits[i * n + k] as number);
			});
			return -Math.log(Math.min(1, Math.max(p, 1e-12)));
		});
		const chances = doubts.map((doubt) => Math.exp(-doubt));
		const median = chances.toSorted((a, b) => a - b)[n >> 1] ?? 1;
		chances.forEach((chance, i) => (weights[i] = chance / (chance + median)));
	}
	return doubts;
}

/** Weights of the fits: (Σ + 0.1)⁻¹ μ, none below 0. Σ: mean of the covariances among other pairs and among own ones, about μ. */
function discriminant(
	fits: readonly Fit[],
	n: number,
	others: Float64Array,
	weights: Float64Array
): Float64Array {
	const m = fits.length;
	const total = weights.reduce((sum, weight) => sum + weight, 0);
	const own = fits.map(({ values }) => Float64Array.from(weights, (_, i) => values[i * n + i] as number));
	const means = own.map(
		(values) => values.reduce((sum, value, i) => sum + value * (weights[i] ?? 0), 0) / total
	);
	const matrix = Float64Array.from({ length: m * m }, (_, at) => {
		const [a, b] = [Math.floor(at / m), at % m];
		let sum = 0;
		for (let i = 0; i < n; i++)
			sum +=
				(weights[i] as number) *
				((own[a]?.[i] ?? 0) - (means[a] ?? 0)) *
				((own[b]?.[i] ?? 0) - (means[b] ?? 0));
		return ((others[at] as number) + sum / total) / 2 + (a === b ? 0.1 : 0);
	});
	const inverse = inverseOf(matrix, m);
	return Float64Array.from(means, (_, a) =>
		Math.max(
			0,
			means.reduce((sum, mean, b) => sum + (inverse[a * m + b] as number) * mean, 0)
		)
	);
}

/** Of the fits among pairs that are not one row's: [fit, fit]. */
function covariances(fits: readonly Fit[], n: number): Float64Array {
	const m = fits.length;
	return Float64Array.from({ length: m * m }, (_, at) => {
		const [a, b] = [fits[Math.floor(at / m)], fits[at % m]];
		let [sum, count] = [0, 0];
		for (let pair = 0; pair < n * n; pair++) {
			if (Math.floor(pair / n) === pair % n || a?.known?.[pair] === 0 || b?.known?.[pair] === 0) continue;
			sum += (a?.values[pair] ?? 0) * (b?.values[pair] ?? 0);
			count++;
		}
		return count > 0 ? sum / count : 0;
	});
}

/** ln of the doubly stochastic matrix that has these logits but for a term of each row and each column; in place. */
function balance(logits: Float64Array, n: number): void {
	const lower = (start: number, step: number) => {
		let most = -Infinity;
		for (let k = 0; k < n; k++) most = Math.max(most, logits[start + k * step] as number);
		let sum = 0;
		for (let k = 0; k < n; k++) sum += Math.exp((logits[start + k * step] as number) - most);
		const whole = most + Math.log(sum);
		for (let k = 0; k < n; k++) logits[start + k * step] = (logits[start + k * step] as number) - whole;
	};
	for (let round = 0; round < SCALINGS; round++) {
		for (let i = 0; i < n; i++) lower(i * n, 1);
		for (let k = 0; k < n; k++) lower(k, n);
	}
}

/** Means of rows and columns taken away, in standard deviations. */
function centred(values: Float64Array, n: number): Float64Array {
	const [rows, columns] = [new Float64Array(n), new Float64Array(n)];
	values.forEach((value, at) => {
		rows[Math.floor(at / n)] = (rows[Math.floor(at / n)] as number) + value / n;
		columns[at % n] = (columns[at % n] as number) + value / n;
	});
	const mean = rows.reduce((sum, value) => sum + value, 0) / n;
	const result = values.map(
		(value, at) => value - (rows[Math.floor(at / n)] as number) - (columns[at % n] as number) + mean
	);
	const deviation = Math.sqrt(result.reduce((sum, value) => sum + value * value, 0) / (n * n));
	return deviation > 1e-12 ? result.map((value) => value / deviation) : result.fill(0);
}

/** For each place the mean of the items that belong to it; as it is where none do. */
function average<T>(
	means: Float64Array,
	items: readonly T[],
	place: (item: T) => number,
	value: (item: T) => number
) {
	const [sums, counts] = [new Float64Array(means.length), new Float64Array(means.length)];
	for (const item of items) {
		sums[place(item)] = (sums[place(item)] as number) + value(item);
		counts[place(item)] = (counts[place(item)] as number) + 1;
	}
	for (let i = 0; i < means.length; i++)
		if (counts[i]) means[i] = (sums[i] as number) / (counts[i] as number);
}

/** Of a symmetric positive definite matrix [n, n]. */
function inverseOf(matrix: Float64Array, n: number): Float64Array {
	const half = new Float32Array(n * n);
	for (let i = 0; i < n; i++) half[i * n + i] = 1;
	solveLower(cholesky(matrix, n), n, half, n);
	const inverse = new Float64Array(n * n);
	for (let k = 0; k < n; k++)
		for (let i = 0; i <= k; i++) {
			const value = half[k * n + i] as number;
			if (value === 0) continue;
			for (let j = 0; j <= k; j++)
				inverse[i * n + j] = (inverse[i * n + j] as number) + value * (half[k * n + j] as number);
		}
	return inverse;
}
