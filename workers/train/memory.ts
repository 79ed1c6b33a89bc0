import { inferShapes } from '#workers/onnx/infer.ts';
import { ROW_SHAPE } from '#workers/onnx/lower/inputs.ts';
import type { Node } from '#workers/onnx/graph.ts';
import type { Model } from '#workers/onnx/model.ts';
import { ordered } from '#workers/onnx/order.ts';
import { byteLength } from '#workers/onnx/types.ts';

/**
 * Bytes of the values that a graph holds at once, at most: those are freed after their last use. Weights as they are
 * stored and values of unknown shape are not counted. What is expanded from stored weights exists while a product reads it:
 * onnxruntime expands it for each anew.
 *
 * @param batch rows, `sequence` tokens of each
 */
export function peakBytes({ graph }: Pick<Model, 'graph'>, batch: number, sequence: number): number {
	const types = inferShapes(graph, { batch, sequence }, 21, { [ROW_SHAPE]: [batch, sequence, -1] });
	const sizes = new Map<string, number>();
	for (const [name, { dataType, dims }] of types) {
		if (!dataType || !dims?.every((dim) => typeof dim === 'number')) continue;
		sizes.set(
			name,
			byteLength(
				dataType,
				dims.reduce((product, dim) => product * dim, 1)
			)
		);
	}
	const order = ordered(graph).filter((node) => !isExpanded(node));
	const sizeOf = (name: string) => sizes.get(name) ?? 0;
	const uses = new Map<string, number>();
	for (const node of order)
		for (const input of new Set(node.inputs)) uses.set(input, (uses.get(input) ?? 0) + 1);
	for (const { name } of graph.outputs) uses.set(name, Infinity);
	let live = graph.inputs.reduce((sum, { name }) => sum + sizeOf(name), 0);
	let peak = live;
	for (const node of order) {
		for (const output of node.outputs) live += sizeOf(output);
		const expanded = node.inputs.filter((input) => isExpanded(graph.producer(input)));
		peak = Math.max(peak, live + expanded.reduce((sum, input) => sum + sizeOf(input), 0));
		for (const input of new Set(node.inputs)) {
			const left = (uses.get(input) ?? 0) - 1;
			uses.set(input, left);
			const isConstant = graph.initializers.has(input) || graph.inputs.some(({ name }) => name === input);
			if (left === 0 && !isConstant && !expanded.includes(input)) live -= sizeOf(input);
		}
	}
	return peak;
}

const isExpanded = (node: Node | undefined) => node?.opType === 'DequantizeLinear';
