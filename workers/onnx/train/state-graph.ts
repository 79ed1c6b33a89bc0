import { lowerDecoder } from '../lower/decoder.ts';
import type { Model } from '../model.ts';
import { prune } from '../prune.ts';

/**
 * The states that a decoder's head reads. Inputs: `input_ids`, `position_ids`, `segment_ids`, `row_shape`, as `LossGraph` has them;
 * output: `states`, float32 [batch · sequence, hidden].
 */
export function stateGraph(given: Model): { model: Model; hidden: number } {
	const { model, head } = lowerDecoder(given);
	const hidden = head.linear.inFeatures;
	model.graph.outputs = [];
	model.graph.node('Identity', [head.x], ['states']);
	model.graph.output('states', 'float32', ['tokens', hidden]);
	prune(model.graph);
	return { model, hidden };
}
