import { availableParallelism } from 'node:os';
import { trainAnatomy } from './support/anatomy.ts';
import { graphFigures } from './support/train-figures.ts';

/**
 * Training: the graphs by themselves (speed against the forward pass, memory, GPU), each with the load it was measured under;
 * then one quick preset in Chromium, as the Factory page runs it.
 */
export async function run(): Promise<object> {
	return { ...(await graphFigures()), ...(await trainAnatomy()), cores: availableParallelism() };
}
