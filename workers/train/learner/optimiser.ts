import type { Hyperparameters } from '../hyperparameters.ts';
import type { Vectors } from '../runs/training-state.ts';
import type { Update } from './learner.ts';

/** Adam's (Kingma and Ba 2015). */
const BETA1 = 0.9;
const BETA2 = 0.999;
const EPSILON = 1e-8;

export type OptimiserSettings = Pick<Hyperparameters, 'optimiser' | 'weightDecay' | 'clip'>;

/**
 * One step of AdamW (Loshchilov and Hutter 2019) or of plain SGD, in place. Sums and products are float64 in a fixed order,
 * results are stored as float32: the same on every machine.
 *
 * @param gradient of the sum of the losses; `tokens` of them, so that the step follows their mean
 * @returns length of the mean gradient, before it is clipped
 */
export function optimise(
	{ parameters, mean, variance }: Vectors,
	gradient: Float32Array,
	tokens: number,
	{ step, learningRate }: Update,
	{ optimiser, weightDecay, clip }: OptimiserSettings
): number {
	let square = 0;
	for (const value of gradient) square += value * value;
	const length = Math.sqrt(square) / tokens;
	const scale = (clip > 0 && length > clip ? clip / length : 1) / tokens;
	const keep = 1 - learningRate * weightDecay;
	const correction1 = 1 - power(BETA1, step);
	const correction2 = 1 - power(BETA2, step);
	for (let i = 0; i < parameters.length; i++) {
		const g = (gradient[i] as number) * scale;
		let change = g;
		if (optimiser === 'adamw') {
			const m = BETA1 * (mean[i] as number) + (1 - BETA1) * g;
			const v = BETA2 * (variance[i] as number) + (1 - BETA2) * g * g;
			mean[i] = m;
			variance[i] = v;
			change = m / correction1 / (Math.sqrt(v / correction2) + EPSILON);
		}
		parameters[i] = (parameters[i] as number) * keep - learningRate * change;
	}
	return length;
}

/** By squaring: Math.pow may differ in its last bit from one engine to another. */
function power(base: number, exponent: number): number {
	let result = 1;
	for (let factor = base, rest = exponent; rest > 0; rest = Math.floor(rest / 2), factor *= factor)
		if (rest % 2 === 1) result *= factor;
	return result;
}
