import type { IndexDescription } from '#workers/attribution/index/attribution-index.ts';
import { PROBES, signed, type IndexRow } from '#workers/attribution/index/build-index.ts';
import { countTargets, PROMPT, type Sample, type SampleGradients } from '#workers/attribution/gradients.ts';
import { cholesky, dot, solveLower } from '#workers/attribution/numerics/linear-algebra.ts';
import { normalise } from '#workers/attribution/index/projection.ts';
import { Sketch } from '#workers/attribution/index/sketch.ts';

/**
 * The index's scores without int8, written another way. Φ are the rows' scaled sketches of length 1, K = ΦΦᵀ = LLᵀ, so that L⁻¹Φ is
 * an orthonormal basis: rows are the columns of Lᵀ in it, a query φ is L⁻¹Φφ, and of the rows' tokens p only the direction of L⁻¹Φp counts.
 * Scores: (L⁻¹Φφ)ᵀ (C + λ)⁻¹ Lᵀ with C = LᵀL + Σ ppᵀ / PROBES and λ = 2 tr C² / tr C, each row's times a power of its length. For
 * rows of one sample, at most as many as span the basis. `scores`: [query][row]
 */
export async function floatScores(
	gradients: SampleGradients,
	rows: readonly IndexRow[],
	queries: readonly Sample[],
	{ width, seed, lengths: power }: Pick<IndexDescription, 'width' | 'seed' | 'lengths'>
): Promise<{ damping: number; scores: Float32Array[] }> {
	const sketcher = new Sketch(gradients.size, width, seed);
	const sketches = async (samples: readonly Sample[], of: SampleGradients['of']) => {
		const result: Float32Array[] = [];
		for (let at = 0; at < samples.length; at += 8) {
			const some = samples.slice(at, at + 8);
			const found = await of(some);
			for (const [i, gradient] of found.entries()) {
				const tokens = countTargets(some[i] as Sample);
				result.push(sketcher.of(gradient.map((value) => value / tokens)));
			}
		}
		return result;
	};
	const samplesOf = (some: readonly IndexRow[]) => some.flatMap(({ samples }) => samples);
	const learnt = await sketches(samplesOf(rows), (samples) => gradients.along(samples));
	const scales = new Float64Array(width);
	for (const sketch of learnt) sketch.forEach((value, i) => (scales[i] = (scales[i] ?? 0) + value ** 2));
	const scale = (sketch: Float32Array) =>
		sketch.map((value, i) => (scales[i] ? value / ((scales[i] ?? 0) / learnt.length) ** 0.25 : 0));
	const scaled = learnt.map(scale);
	const lengths = scaled.map((sketch) => Math.sqrt(dot(sketch, sketch)));
	const median = lengths.toSorted((a, b) => a - b)[lengths.length >> 1] ?? 1;
	const phi = scaled.map(normalise);
	const n = phi.length;
	const kernel = new Float64Array(n * n);
	phi.forEach((a, i) => phi.forEach((b, j) => (kernel[i * n + j] = dot(a, b) + (i === j ? 1e-6 : 0))));
	const lower = cholesky(kernel, n);
	const inBasis = (sketch: Float32Array) => {
		const asked = scale(sketch);
		const pulls = Float32Array.from(phi, (row) => dot(row, asked));
		solveLower(lower, n, pulls, 1);
		return pulls;
	};
	const coordinates = phi.map((_, i) => Float32Array.from({ length: n }, (_, k) => lower[i * n + k] ?? 0));
	const moment = new Float64Array(n * n);
	const add = (vector: Float32Array, weight: number) => {
		for (let k = 0; k < n; k++)
			for (let j = 0; j < n; j++)
				moment[k * n + j] = (moment[k * n + j] ?? 0) + weight * (vector[k] ?? 0) * (vector[j] ?? 0);
	};
	for (const vector of coordinates) add(vector, 1);
	for (let turn = 0; turn < PROBES; turn++)
		for (const probe of await sketches(samplesOf(rows.map((row) => signed(row, turn))), (samples) =>
			gradients.of(samples)
		))
			add(normalise(inBasis(probe)), 1 / PROBES);
	let [squares, trace] = [0, 0];
	for (const value of moment) squares += value * value;
	for (let k = 0; k < n; k++) trace += moment[k * n + k] ?? 0;
	const damping = (2 * squares) / trace;
	for (let k = 0; k < n; k++) moment[k * n + k] = (moment[k * n + k] ?? 0) + damping;
	const half = cholesky(moment, n);
	const whitened = (vector: Float32Array) => {
		const copy = vector.slice();
		solveLower(half, n, copy, 1);
		return copy;
	};
	const known = coordinates.map(whitened);
	const scores = (await sketches(queries, (samples) => gradients.of(samples, PROMPT.replies))).map(
		(sketch) => {
			const asked = whitened(inBasis(sketch));
			return Float32Array.from(known, (row, j) => dot(row, asked) * ((lengths[j] ?? 0) / median) ** power);
		}
	);
	return { damping, scores };
}
