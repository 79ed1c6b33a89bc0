import type { IndexDescription } from '#workers/attribution/attribution-index.ts';
import { countTargets, type Sample, type SampleGradients } from '#workers/attribution/gradients.ts';
import { cholesky, dot, solveLower } from '#workers/attribution/linear-algebra.ts';
import { normalise } from '#workers/attribution/projection.ts';
import { Sketch } from '#workers/attribution/sketch.ts';

/**
 * The index's scores without int8, written another way: with Φ the rows' scaled sketches of length 1 and φ the query's,
 * φᵀ(ΦᵀΦ + λ)⁻¹Φᵀ = (Φφ)ᵀ(ΦΦᵀ + λ)⁻¹, each row's times a power of its length. For at most as many rows as span the basis. [query][row]
 */
export async function floatScores(
	gradients: SampleGradients,
	rows: readonly Sample[],
	queries: readonly Sample[],
	{ width, seed, damping, lengths: power }: Pick<IndexDescription, 'width' | 'seed' | 'damping' | 'lengths'>
): Promise<Float32Array[]> {
	const sketcher = new Sketch(gradients.size, width, seed);
	const sketches = async (samples: readonly Sample[]) => {
		const result: Float32Array[] = [];
		for (let at = 0; at < samples.length; at += 8) {
			const some = samples.slice(at, at + 8);
			for (const [i, gradient] of (await gradients.of(some)).entries()) {
				const tokens = countTargets(some[i] as Sample);
				result.push(sketcher.of(gradient.map((value) => value / tokens)));
			}
		}
		return result;
	};
	const learnt = await sketches(rows);
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
	phi.forEach((a, i) => phi.forEach((b, j) => (kernel[i * n + j] = dot(a, b) + (i === j ? damping : 0))));
	const lower = cholesky(kernel, n);
	// (LLᵀ)⁻¹ by its columns: L⁻¹, then L⁻ᵀ L⁻¹.
	const inverse = new Float32Array(n * n);
	for (let i = 0; i < n; i++) inverse[i * n + i] = 1;
	solveLower(lower, n, inverse, n);
	return (await sketches(queries)).map((sketch) => {
		const asked = scale(sketch);
		const whitened = new Float64Array(n);
		const pulls = phi.map((row) => dot(row, asked));
		for (let k = 0; k < n; k++)
			for (let j = 0; j <= k; j++)
				whitened[k] = (whitened[k] ?? 0) + (inverse[k * n + j] ?? 0) * (pulls[j] ?? 0);
		const scores = new Float32Array(n);
		for (let k = 0; k < n; k++)
			for (let j = 0; j <= k; j++)
				scores[j] = (scores[j] ?? 0) + (inverse[k * n + j] ?? 0) * (whitened[k] ?? 0);
		return scores.map((score, j) => score * ((lengths[j] ?? 0) / median) ** power);
	});
}
