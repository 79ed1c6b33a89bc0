import { intAttribute, intsAttribute } from './attribute.ts';
import { constantInteger, constantIntegers } from './constant.ts';
import type { Graph, Node } from './graph.ts';
import { onlyConsumer, type Linear } from './linear.ts';

/** A run of a linear's output features that the rest of the graph treats as one thing: all of q, say. */
export interface Section {
	linear: Linear;
	/** The value that holds just these features. */
	value: string;
	/** First feature. */
	offset: number;
	/** Number of features. */
	size: number;
}

/** The parts into which a graph cuts a linear's output along the features; the whole output where it does not. */
export function sectionsOf(graph: Graph, linear: Linear): Section[] {
	const whole = { linear, value: linear.output, offset: 0, size: linear.outFeatures };
	let value = linear.output;
	// Behind a Gemm the tokens get their axes back, then perhaps a bias.
	for (
		let node = onlyConsumer(graph, value);
		node && STEPS.has(node.opType);
		node = onlyConsumer(graph, value)
	)
		value = node.outputs[0] ?? '';
	const consumers = [...graph.consumers(value)];
	const [first] = consumers;
	if (consumers.length === 1 && first?.opType === 'Split') return split(graph, linear, first) ?? [whole];
	const slices = consumers.map((node) => sliced(graph, linear, node));
	return slices.length > 1 && slices.every((section) => section !== undefined) ? slices : [whole];
}

const STEPS = new Set(['Reshape', 'Identity', 'Add']);

function split(graph: Graph, linear: Linear, node: Node): Section[] | undefined {
	const axis = intAttribute(node, 'axis', 0);
	if (axis !== -1 && axis !== 2) return undefined;
	const count = node.outputs.length;
	const sizes =
		intsAttribute(node, 'split') ??
		(node.inputs[1] ? constantIntegers(graph, node.inputs[1]) : undefined) ??
		(linear.outFeatures % count === 0
			? new Array<number>(count).fill(linear.outFeatures / count)
			: undefined);
	if (sizes?.length !== count || sizes.reduce((sum, size) => sum + size, 0) !== linear.outFeatures)
		return undefined;
	let offset = 0;
	return node.outputs.map((value, i) => {
		const size = sizes[i] ?? 0;
		offset += size;
		return { linear, value, offset: offset - size, size };
	});
}

function sliced(graph: Graph, linear: Linear, node: Node): Section | undefined {
	const [, starts = '', ends = '', axes = '', steps = ''] = node.inputs;
	const [value] = node.outputs;
	const axis = constantInteger(graph, axes);
	const start = constantInteger(graph, starts);
	const end = constantInteger(graph, ends);
	const strided = steps !== '' && constantInteger(graph, steps) !== 1;
	if (node.opType !== 'Slice' || !value || strided || start === undefined || end === undefined)
		return undefined;
	if ((axis !== -1 && axis !== 2) || start < 0 || end < 0) return undefined;
	const size = Math.min(end, linear.outFeatures) - start;
	return size > 0 ? { linear, value, offset: start, size } : undefined;
}
