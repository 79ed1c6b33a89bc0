import { intAttribute } from './attribute.ts';
import type { Graph, Node } from './graph.ts';
import type { Linear } from './linear.ts';
import { segmentRows } from './segments.ts';
import { byteLength, type Initializer, type Tensor } from './types.ts';

const ATTRIBUTES = ['bits', 'block_size', 'accuracy_level', 'transB'];

/**
 * Joins linears that read the same value into one, whose output holds theirs side by side, and returns that output;
 * undefined, with nothing changed, where they are stored too differently. Weights are joined as segments: nothing is read.
 */
export function fuseLinears(graph: Graph, linears: readonly Linear[], name: string): string | undefined {
	const [first] = linears;
	if (!first || !linears.every((linear) => alike(first, linear))) return undefined;
	const stored = linears.map(({ node }) => operands(graph, node));
	const width = Math.max(...stored.map((list) => list.length));
	const joined: (Tensor | undefined)[] = [];
	for (let i = 0; i < width; i++) {
		const present = stored.map((list) => list[i]).filter((tensor) => tensor !== undefined);
		if (present.length === 0) joined.push(undefined);
		else {
			const tensor = present.length === linears.length ? join(present, byInput(first.node, i)) : undefined;
			if (!tensor) return undefined;
			joined.push(tensor);
		}
	}
	const biases = linears.map(({ bias }) => bias && graph.initializers.get(bias.value));
	const bias = biases.every((tensor) => tensor !== undefined) ? join(biases.map(flat), false) : undefined;
	if (!bias && linears.some((linear) => linear.bias)) return undefined;
	// A constant that is computed rather than stored, and a permutation of one weight's inputs (g_idx), stay as they are.
	const computed = linears.some(({ node }, i) =>
		node.inputs.slice(1).some((input, j) => input !== '' && !stored[i]?.[j])
	);
	if (computed || (first.node.opType === 'MatMulNBits' && joined[3])) return undefined;

	const add = (tensor: Tensor, suffix: string) =>
		graph.initializer(`${name}/${suffix}`, tensor.dataType, tensor.dims, tensor.data);
	const inputs = joined.map((tensor, i) => (tensor ? add(tensor, `operand_${i + 1}`) : ''));
	const attributes = new Map(first.node.attributes);
	const outFeatures = linears.reduce((sum, linear) => sum + linear.outFeatures, 0);
	if (attributes.has('N')) attributes.set('N', { type: 'int', value: BigInt(outFeatures) });
	const product = `${name}/product`;
	graph.addNode({
		...first.node,
		name: product,
		inputs: [first.node.inputs[0] ?? '', ...inputs],
		outputs: [product],
		attributes
	});
	if (!bias) return product;
	graph.node('Add', [product, add(bias, 'bias')], [`${name}/biased`]);
	return `${name}/biased`;
}

function alike(a: Linear, b: Linear): boolean {
	return (
		a.node.opType === b.node.opType &&
		// A dynamically quantised product ends in a Mul and is made of several nodes.
		a.node.opType !== 'Mul' &&
		a.input === b.input &&
		a.inFeatures === b.inFeatures &&
		a.dataType === b.dataType &&
		ATTRIBUTES.every((name) => intAttribute(a.node, name, 0) === intAttribute(b.node, name, 0))
	);
}

/** The stored constants of a product behind its first input; undefined for one left out. */
function operands(graph: Graph, node: Node): (Initializer | undefined)[] {
	return node.inputs.slice(1).map((input) => graph.initializers.get(input));
}

/** Whether an operand stores one row per input feature, so that output features lie side by side in each row. */
const byInput = (node: Node, operand: number): boolean =>
	operand === 0 &&
	(node.opType === 'MatMul' || (node.opType === 'Gemm' && intAttribute(node, 'transB', 0) === 0));

const flat = (tensor: Tensor): Tensor => ({
	...tensor,
	dims: [tensor.dims.reduce((product, dim) => product * dim, 1)]
});

/** Tensors one after another along axis 0, or side by side along axis 1; undefined where their shapes do not allow it. */
function join(tensors: readonly Tensor[], side: boolean): Tensor | undefined {
	const [first] = tensors;
	if (!first || byteLength(first.dataType, 2) !== 2 * byteLength(first.dataType, 1)) return undefined;
	const axis = side ? 1 : 0;
	const rest = (tensor: Tensor) => String(tensor.dims.toSpliced(axis, 1));
	const fits = (tensor: Tensor) =>
		tensor.dataType === first.dataType && tensor.dims.length > axis && rest(tensor) === rest(first);
	if (!tensors.every(fits)) return undefined;
	const length = tensors.reduce((sum, tensor) => sum + (tensor.dims[axis] ?? 0), 0);
	const { dataType } = first;
	const dims = first.dims.with(axis, length);
	if (!side) return { dataType, dims, data: tensors.flatMap((tensor) => tensor.data) };
	const rows = tensors.map((tensor) => segmentRows(tensor.data, byteLength(dataType, tensor.dims[1] ?? 0)));
	const data = rows[0]?.flatMap((_, i) => rows.flatMap((row) => row[i] ?? []));
	return data && { dataType, dims, data };
}
