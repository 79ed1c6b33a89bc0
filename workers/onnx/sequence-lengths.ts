import { intsAttribute } from './attribute.ts';
import { constantInteger } from './constant.ts';
import type { DecoderStructure } from './decoder.ts';
import type { Graph, Node } from './graph.ts';

/**
 * Replaces what a graph computes from its attention mask for GroupQueryAttention by two inputs: `seqlens_k` (int32
 * [batch], keys of each row less one) and `total_sequence_length` (int32 scalar). That saves the six int64 nodes that no
 * GPU provider runs. Leaves the graph alone where the mask is used in any other way.
 */
export function replaceMask(graph: Graph, { info, types }: DecoderStructure): void {
	const mask = info.inputs.attentionMask;
	const width = mask?.dims?.[1];
	const operators = [...graph.nodes].filter((node) => node.opType === 'GroupQueryAttention');
	if (!mask || typeof width !== 'string' || !operators.length) return;
	const recognised = operators.every(
		({ inputs }) =>
			countsMask(graph, inputs[5] ?? '', mask.name) && types.get(inputs[6] ?? '')?.elements?.[0] === width
	);
	if (!recognised) return;
	// Exporters like the same names for what they compute.
	for (const name of ['seqlens_k', 'total_sequence_length']) graph.rename(name, `${name}/from_mask`);
	graph.input('seqlens_k', 'int32', [mask.dims?.[0]]);
	graph.input('total_sequence_length', 'int32', []);
	for (const operator of operators)
		graph.update(operator, {
			inputs: operator.inputs.toSpliced(5, 2, 'seqlens_k', 'total_sequence_length')
		});
	const used = new Set<string>(graph.outputs.map(({ name }) => name));
	for (const value of used) {
		const node = graph.producer(value);
		if (node) for (const read of graph.reads(node)) used.add(read);
	}
	if (!used.has(mask.name)) graph.inputs = graph.inputs.filter(({ name }) => name !== mask.name);
}

/** Whether a value is the sum of the mask over its last axis, less one, with casts anywhere between. */
function countsMask(graph: Graph, value: string, mask: string): boolean {
	const less = behindCasts(graph, value);
	const [sum = '', one = ''] = less?.inputs ?? [];
	const step = constantInteger(graph, one);
	if (!(less?.opType === 'Sub' && step === 1) && !(less?.opType === 'Add' && step === -1)) return false;
	const reduce = behindCasts(graph, sum);
	const [summed = '', axes = ''] = reduce?.inputs ?? [];
	const axis = axes ? constantInteger(graph, axes) : reduce && intsAttribute(reduce, 'axes')?.[0];
	if (reduce?.opType !== 'ReduceSum' || (axis !== 1 && axis !== -1)) return false;
	const source = behindCasts(graph, summed);
	return source === undefined && sourceName(graph, summed) === mask;
}

/** The node that a value comes from, casts aside. */
const behindCasts = (graph: Graph, value: string): Node | undefined =>
	graph.producer(sourceName(graph, value));

function sourceName(graph: Graph, value: string): string {
	let name = value;
	for (let node = graph.producer(name); node?.opType === 'Cast'; node = graph.producer(name))
		name = node.inputs[0] ?? '';
	return name;
}
