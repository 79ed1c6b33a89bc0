import { floatAttribute, intAttribute } from './attribute.ts';
import { constantType } from './constant.ts';
import type { Graph, Node } from './graph.ts';
import type { Typed } from './infer.ts';
import { ordered } from './order.ts';

/** y = W x (+ b) with a constant W, in whatever form the exporter wrote it. */
export interface Linear {
	/** The product: MatMul, Gemm, MatMulNBits, or the Mul that ends a dynamically quantised MatMulInteger. */
	node: Node;
	/** The value the linear is applied to, [..., inFeatures]. */
	input: string;
	/** Its result, bias included, [..., outFeatures]. */
	output: string;
	/** The Add behind the product, and the constant it adds. */
	bias?: { node: Node; value: string };
	inFeatures: number;
	outFeatures: number;
	/** Type of input and output. */
	dataType: 'float32' | 'float16';
}

/** Every linear of a graph, in the order of computation. */
export function findLinears(graph: Graph, types: ReadonlyMap<string, Typed>): Linear[] {
	const linears: Linear[] = [];
	for (const node of ordered(graph)) {
		const product = asProduct(graph, node, types);
		if (product) linears.push(withBias(graph, product));
	}
	return linears;
}

function asProduct(graph: Graph, node: Node, types: ReadonlyMap<string, Typed>): Linear | undefined {
	const [x = '', weight = ''] = node.inputs;
	const [output = ''] = node.outputs;
	if (node.domain === 'com.microsoft' && node.opType === 'MatMulNBits') {
		const dataType = constantType(graph, node.inputs[2] ?? '')?.dataType;
		const [inFeatures, outFeatures] = [intAttribute(node, 'K', 0), intAttribute(node, 'N', 0)];
		if (!isFloat(dataType) || inFeatures < 1 || outFeatures < 1) return undefined;
		return { node, input: x, output, inFeatures, outFeatures, dataType };
	}
	if (node.domain !== '' || !LINEAR_OPS.has(node.opType)) return undefined;
	const constant = constantType(graph, weight);
	if (constant?.dims.length !== 2 || constantType(graph, x)) return undefined;
	const [rows = 0, columns = 0] = constant.dims;
	// A column of positions times the rotary frequencies is a product too, and no linear.
	if (rows <= 1 || columns <= 1) return undefined;
	if (node.opType === 'MatMulInteger') return asDynamic(graph, node, rows, columns);
	if (!isFloat(constant.dataType)) return undefined;
	const { dataType } = constant;
	if (node.opType === 'MatMul')
		return { node, input: x, output, inFeatures: rows, outFeatures: columns, dataType };
	const plain = floatAttribute(node, 'alpha', 1) === 1 && floatAttribute(node, 'beta', 1) === 1;
	if (!plain || intAttribute(node, 'transA', 0) !== 0) return undefined;
	const [inFeatures, outFeatures] = intAttribute(node, 'transB', 0) ? [columns, rows] : [rows, columns];
	return { node, input: unflattened(graph, x, inFeatures, types), output, inFeatures, outFeatures, dataType };
}

const LINEAR_OPS = new Set(['MatMul', 'Gemm', 'MatMulInteger']);

const isFloat = (dataType: string | undefined): dataType is 'float32' | 'float16' =>
	dataType === 'float32' || dataType === 'float16';

/** Gemm takes two axes, so exporters flatten the tokens before it; linears of one group share what was flattened. */
function unflattened(graph: Graph, x: string, inFeatures: number, types: ReadonlyMap<string, Typed>): string {
	const reshape = graph.producer(x);
	const [source = ''] = reshape?.inputs ?? [];
	const flattens = reshape?.opType === 'Reshape' && types.get(source)?.dims?.at(-1) === inFeatures;
	return flattens ? source : x;
}

/** onnxruntime's dynamic quantisation: DynamicQuantizeLinear → MatMulInteger → Cast → Mul by both scales. */
function asDynamic(graph: Graph, node: Node, inFeatures: number, outFeatures: number): Linear | undefined {
	const quantise = graph.producer(node.inputs[0] ?? '');
	const cast = onlyConsumer(graph, node.outputs[0] ?? '');
	const scale = cast && onlyConsumer(graph, cast.outputs[0] ?? '');
	const input = quantise?.inputs[0];
	if (quantise?.opType !== 'DynamicQuantizeLinear' || cast?.opType !== 'Cast' || !input) return undefined;
	const output = scale?.outputs[0];
	if (scale?.opType !== 'Mul' || !output) return undefined;
	return { node: scale, input, output, inFeatures, outFeatures, dataType: 'float32' };
}

export function onlyConsumer(graph: Graph, value: string): Node | undefined {
	const consumers = graph.consumers(value);
	const [consumer] = consumers;
	return consumers.size === 1 && !graph.isOutput(value) ? consumer : undefined;
}

function withBias(graph: Graph, linear: Linear): Linear {
	const add = onlyConsumer(graph, linear.output);
	const [output] = add?.outputs ?? [];
	if (add?.opType !== 'Add' || add.domain !== '' || !output) return linear;
	const value = add.inputs.find((input) => input !== linear.output) ?? '';
	const dims = constantType(graph, value)?.dims;
	const fits = dims?.at(-1) === linear.outFeatures && dims.slice(0, -1).every((dim) => dim === 1);
	return fits ? { ...linear, output, bias: { node: add, value } } : linear;
}
