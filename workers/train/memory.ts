import { inferShapes } from '#workers/onnx/infer.ts';
import { ROW_SHAPE } from '#workers/onnx/lower/inputs.ts';
import type { Model } from '#workers/onnx/model.ts';
import { ordered } from '#workers/onnx/order.ts';
import { byteLength } from '#workers/onnx/types.ts';

/**
 * Bytes of the values that a graph holds at once, at most: those are freed after their last use. Weights as they are
 * stored and values of unknown shape are not counted.
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
	const order = ordered(graph);
	const uses = new Map<string, number>();
	for (const node of order)
		for (const input of new Set(node.inputs)) uses.set(input, (uses.get(input) ?? 0) + 1);
	for (const { name } of graph.outputs) uses.set(name, Infinity);
	let live = graph.inputs.reduce((sum, { name }) => sum + (sizes.get(name) ?? 0), 0);
	let peak = live;
	for (const node of order) {
		for (const output of node.outputs) live += sizes.get(output) ?? 0;
		peak = Math.max(peak, live);
		for (const input of new Set(node.inputs)) {
			const left = (uses.get(input) ?? 0) - 1;
			uses.set(input, left);
			const isConstant = graph.initializers.has(input) || graph.inputs.some(({ name }) => name === input);
			if (left === 0 && !isConstant) live -= sizes.get(input) ?? 0;
		}
	}
	return peak;
}
