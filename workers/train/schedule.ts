import type { Hyperparameters } from './hyperparameters.ts';

/** The decaying schedules end at this share of the highest rate, so that the last steps still count. */
const FLOOR = 0.05;

/**
 * Learning rate of a step: it rises in a straight line over the warm-up, then stays (constant), falls in a straight line
 * (linear) or along half a cosine (Loshchilov and Hutter 2017).
 * @param step from 0
 * @param steps of the whole run
 */
export function learningRate(
	{ learningRate: highest, schedule, warmup }: Pick<Hyperparameters, 'learningRate' | 'schedule' | 'warmup'>,
	step: number,
	steps: number
): number {
	const rising = Math.ceil(warmup * steps);
	if (step < rising) return (highest * (step + 1)) / rising;
	if (schedule === 'constant') return highest;
	const progress = Math.min(1, (step - rising) / Math.max(1, steps - rising));
	const share = schedule === 'linear' ? 1 - progress : 0.5 * (1 + Math.cos(Math.PI * progress));
	return highest * (FLOOR + (1 - FLOOR) * share);
}
