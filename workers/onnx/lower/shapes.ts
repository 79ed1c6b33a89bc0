import type { Graph } from '../graph.ts';
import { inferShapes } from '../infer.ts';
import { reshapeTarget } from '../reshape-target.ts';
import { ROW_SHAPE, ROW_SHAPES } from './inputs.ts';

/** Replaces lengths that a graph computes by constants, where they follow from the model, so that a GPU run needs no CPU. */
export function foldShapes(graph: Graph): void {
	const types = inferShapes(graph, {}, 21, ROW_SHAPES);
	for (const node of [...graph.nodes]) {
		const [value = ''] = node.outputs;
		const known = types.get(value);
		const numbers = known?.elements?.filter((element) => typeof element === 'number');
		const integer = known?.dataType === 'int64';
		if (
			integer &&
			known?.dims &&
			numbers &&
			numbers.length === known.elements?.length &&
			numbers.length > 0
		) {
			const dims = known.dims.filter((dim) => typeof dim === 'number');
			if (dims.length !== known.dims.length || graph.isOutput(value)) continue;
			graph.removeNode(node);
			graph.initializer(value, 'int64', dims, BigInt64Array.from(numbers, BigInt));
		} else if (node.opType === 'Reshape' && !graph.initializers.has(node.inputs[1] ?? '')) {
			const [from, to] = [types.get(node.inputs[0] ?? '')?.dims, known?.dims];
			const target = from && to && reshapeTarget(from, to);
			const rows = to?.length === 3 && to[0] === 'batch' && to[1] === 'sequence';
			const shape = target ? constant(graph, target) : rows ? ROW_SHAPE : undefined;
			if (shape !== undefined) graph.update(node, { inputs: [node.inputs[0] ?? '', shape] });
		}
	}
}

function constant(graph: Graph, values: readonly number[]): string {
	const name = `integers/${values.join('_')}`;
	if (graph.initializers.has(name)) return name;
	return graph.initializer(name, 'int64', [values.length], BigInt64Array.from(values, BigInt));
}
