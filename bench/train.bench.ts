import { availableParallelism } from 'node:os';
import { trainAnatomy } from './support/anatomy.ts';
import { againstJax, memory, onGpu, speed } from './support/train-figures.ts';

/** Each takes some minutes and stands by itself. */
export const parts = {
	speed,
	gpu: onGpu,
	jax: againstJax,
	memory,
	/** One quick preset in Chromium, as the Factory page runs it. */
	anatomy: async () => ({ ...(await trainAnatomy()), cores: availableParallelism() })
};

/**
 * Training: the graphs by themselves (speed against the forward pass, memory, GPU), each as a ratio within one process;
 * then a quick preset.
 */
export async function run(): Promise<object> {
	let figures = {};
	for (const part of Object.values(parts)) figures = { ...figures, ...(await part()) };
	return figures;
}
