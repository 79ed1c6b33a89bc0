import { intAttribute } from '#workers/onnx/attribute.ts';
import type { Graph, Node } from '#workers/onnx/graph.ts';
import type { Model } from '#workers/onnx/model.ts';
import { segmentRows } from '#workers/onnx/segments.ts';
import type { Initializer } from '#workers/onnx/types.ts';

/** Outputs of a part are a multiple of this: the width of onnxruntime's packed panels. */
const PANEL = 16;
/** For 64 outputs and fewer the kernels sum in another order: same numbers but for rounding. */
const FEWEST = 128;

/**
 * A copy of a model in which no MatMulNBits is larger than `most` bytes as float32: larger ones (the output head, above
 * all) are computed in parts, whose outputs are joined. Every output is the same sum as before, bit by bit.
 *
 * The wasm kernels turn a whole matrix into float32 at each run; in parts they need room for one part only. The parts'
 * weights are ranges of the same bytes, so that nothing is held twice (docs/decisions/wasm-weights.md).
 */
export function sliceLinears(model: Model, most: number): Model {
	const graph = model.graph.clone();
	for (const node of [...graph.nodes]) if (node.opType === 'MatMulNBits') slice(graph, node, most);
	return { ...model, graph };
}

function slice(graph: Graph, node: Node, most: number): void {
	const [inner, outer] = [intAttribute(node, 'K', 0), intAttribute(node, 'N', 0)];
	const parts = Math.ceil(outer / Math.max(FEWEST, Math.floor(most / (4 * inner))));
	const rows = Math.ceil(outer / parts / PANEL) * PANEL;
	const [x = '', codes = '', scales = '', zeroPoints = '', order = '', bias = ''] = node.inputs;
	const [y = ''] = node.outputs;
	const cut = [codes, scales, zeroPoints, bias].filter((name) => name !== '');
	if (rows >= outer || cut.some((name) => !graph.initializers.has(name))) return;

	const partsOf = new Map(cut.map((name) => [name, cutRows(graph, name, outer, rows)]));
	graph.removeNode(node);
	const outputs: string[] = [];
	for (let part = 0; part * rows < outer; part++) {
		const input = (name: string) => partsOf.get(name)?.[part] ?? '';
		const inputs = [x, input(codes), input(scales), input(zeroPoints), order, input(bias)];
		while (inputs.at(-1) === '') inputs.pop();
		const attributes = new Map(node.attributes);
		attributes.set('N', { type: 'int', value: BigInt(Math.min(rows, outer - part * rows)) });
		const output = `${y}/part ${part}`;
		graph.addNode({ ...node, name: `${node.name}/part ${part}`, inputs, outputs: [output], attributes });
		outputs.push(output);
	}
	graph.node('Concat', outputs, [y], { axis: -1 });
	for (const name of cut) if (graph.consumers(name).size === 0) graph.removeInitializer(name);
}

/** The names of a weight's parts, each `rows` of `outer` outputs, which come first in the order of its bytes. */
function cutRows(graph: Graph, name: string, outer: number, rows: number): string[] {
	const { dataType, dims, data } = graph.initializers.get(name) as Initializer;
	const bytes = data.reduce((sum, { length }) => sum + length, 0) / outer;
	return segmentRows(data, rows * bytes).map((segments, part) => {
		const count = Math.min(rows, outer - part * rows);
		const [first = 0, ...rest] = dims;
		const partName = `${name}/part ${part} of ${Math.ceil(outer / rows)}`;
		// Two nodes may read one weight.
		if (!graph.initializers.has(partName))
			graph.initializer(partName, dataType, [(first / outer) * count, ...rest], segments);
		return partName;
	});
}
