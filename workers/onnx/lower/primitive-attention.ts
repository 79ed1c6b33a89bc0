import type { CacheEntry } from '../decoder.ts';
import { untrainable } from '../gradients/backward.ts';
import type { Graph, Node } from '../graph.ts';
import { ordered } from '../order.ts';
import { INPUT_IDS, POSITION_IDS } from './inputs.ts';

/**
 * Attention that was exported as primitives: keys and values are used as they come, without those of a cache in front, and
 * what is added to the scores from the attention mask becomes `bias`. `linears` are the values that linears gave.
 *
 * The mask is taken to be causal. A model whose layers see no further than some window is trained as if they did: the same up
 * to the window's length.
 */
export function lowerPrimitiveAttention(
	graph: Graph,
	cache: readonly CacheEntry[],
	linears: Iterable<string>,
	bias: () => string
): void {
	for (const { pastKey, pastValue } of cache) for (const past of [pastKey, pastValue]) dropPast(graph, past);
	const order = ordered(graph);
	const computed = reached(order, linears);
	const inputs = new Set([INPUT_IDS, POSITION_IDS, 'attention_mask']);
	const masking = reached(order, inputs);
	for (const softmax of order.filter(({ opType }) => opType === 'Softmax')) {
		const add = graph.producer(softmax.inputs[0] ?? '');
		const mask = add?.inputs.find((input) => !computed.has(input));
		if (!computed.has(softmax.inputs[0] ?? '')) continue;
		if (add?.opType !== 'Add' || mask === undefined || !masking.has(mask))
			throw untrainable(softmax, 'has no mask added to its scores that could be told');
		graph.update(add, { inputs: add.inputs.map((input) => (input === mask ? bias() : input)) });
	}
}

function dropPast(graph: Graph, past: string): void {
	for (const node of [...graph.consumers(past)]) {
		const [output = ''] = node.outputs;
		const fresh = node.inputs.find((input) => input !== past);
		if (node.opType !== 'Concat' || node.inputs.length !== 2 || fresh === undefined) continue;
		graph.removeNode(node);
		graph.replaceUses(output, fresh);
	}
}

/** All that is computed from these values. */
function reached(order: readonly Node[], values: Iterable<string>): Set<string> {
	const found = new Set(values);
	for (const node of order)
		if (node.inputs.some((input) => found.has(input))) for (const output of node.outputs) found.add(output);
	return found;
}
