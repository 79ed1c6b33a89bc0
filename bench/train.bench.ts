import { availableParallelism } from 'node:os';
import { graphFigures } from './support/train-figures.ts';

/** Training: the graphs by themselves (speed against the forward pass, memory, GPU), each with the load it was measured under. */
export async function run(): Promise<object> {
	return { ...(await graphFigures()), cores: availableParallelism() };
}
