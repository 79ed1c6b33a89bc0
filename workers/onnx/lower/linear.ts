import type { Graph } from '../graph.ts';
import type { GraphWriter } from '../graph-writer.ts';
import type { Typed } from '../infer.ts';
import type { Linear } from '../linear.ts';
import { ROW_SHAPE } from './inputs.ts';
import { weightOf, type Matrix } from './weight.ts';

/** A linear as one Gemm over all tokens of the batch. */
export interface LoweredLinear {
	linear: Linear;
	/** Its input [batch · sequence, inFeatures]; linears that read the same value share it. */
	x: string;
	/** Its output [batch · sequence, outFeatures], bias included. */
	y: string;
	weight: Matrix;
	/** The bias [outFeatures]; '' where there is none. */
	bias: string;
}

/** Turns a linear, in whatever form it was exported, into one Gemm on its stored weight. */
export function lowerLinear(
	graph: Graph,
	write: GraphWriter,
	linear: Linear,
	types: ReadonlyMap<string, Typed>
): LoweredLinear {
	const { node, output, inFeatures, outFeatures } = linear;
	const rankOf = (value: string) => types.get(value)?.dims?.length;
	const x = rankOf(linear.input) === 2 ? linear.input : flattened(graph, write, linear.input, inFeatures);
	const weight = weightOf(graph, write, linear);
	const bias = vector(write, biasOf(linear), types);
	const flat = rankOf(output) === 2;
	const y = `${output}/rows`;
	const operands = bias ? [x, weight.value, bias] : [x, weight.value];
	graph.removeNode(node);
	if (linear.bias) graph.removeNode(linear.bias.node);
	write.op('Gemm', operands, weight.byOutput ? { transB: 1 } : {}, y);
	if (flat) graph.replaceUses(output, y);
	else write.op('Reshape', [y, ROW_SHAPE], {}, output);
	// A graph output keeps its name.
	if (flat && graph.isOutput(output)) write.op('Identity', [y], {}, output);
	return { linear, x, y, weight, bias: bias ? biasOf(linear) : '' };

	function biasOf({ bias }: Linear): string {
		if (bias) return bias.value;
		return (
			(node.opType === 'MatMulNBits' ? node.inputs[5] : node.opType === 'Gemm' ? node.inputs[2] : '') ?? ''
		);
	}
	function vector(writer: GraphWriter, value: string, known: ReadonlyMap<string, Typed>): string {
		const rank = known.get(value)?.dims?.length ?? 1;
		return value === '' || rank === 1 ? value : writer.op('Reshape', [value, writer.integers(outFeatures)]);
	}
}

/** [batch, sequence, features] as [batch · sequence, features], once for each value. */
function flattened(graph: Graph, write: GraphWriter, value: string, features: number): string {
	const name = `${value}/flat`;
	return graph.producer(name) ? name : write.op('Reshape', [value, write.integers(-1, features)], {}, name);
}
