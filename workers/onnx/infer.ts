import type { Graph, Node } from './graph.ts';
import { constantIntegers } from './constant.ts';
import { malformed } from './failure.ts';
import { RULES } from './infer-rules.ts';
import { ordered } from './order.ts';
import type { DataType, Dim } from './types.ts';

const MAX_RANK = 16;
/** The most elements of a tensor that are followed one by one. */
export const MAX_ELEMENTS = 64;
/** Longest symbolic length, in characters. */
const MAX_SYMBOL = 200;

/** What is known of a value. `dims` is undefined where not even the rank is known. */
export interface Typed {
	dataType: DataType | undefined;
	dims: Dim[] | undefined;
	/** The elements of a small integer tensor that holds lengths: how Reshape and Expand get theirs. */
	elements?: Dim[];
}

/** One node in the eyes of a shape rule. */
export interface Inference {
	readonly node: Node;
	/** What is known of an input; everything undefined if it is left out or unknown. */
	input(index: number): Typed;
	/** The elements of an integer input, if all are plain numbers. */
	integers(index: number): number[] | undefined;
	output(index: number, dims: Dim[] | undefined, dataType?: DataType, elements?: Dim[]): void;
	/** Version of ai.onnx: some operators moved an attribute to an input. */
	readonly opset: number;
}

/**
 * Types and shapes of every value of a graph, as far as they follow from inputs, weights and the operators that decoders
 * use. `bindings` give symbols a length: `{ batch_size: 1, sequence_length: 16 }` makes shapes plain numbers. `shapes` tells
 * the elements of graph inputs that hold lengths.
 */
export function inferShapes(
	graph: Graph,
	bindings: Readonly<Record<string, number>> = {},
	opset = 21,
	shapes: Readonly<Record<string, Dim[]>> = {}
): Map<string, Typed> {
	const known = new Map<string, Typed>();
	const outputs = new Map(graph.outputs.map((output) => [output.name, output]));
	const bind = (dim: Dim) => (typeof dim === 'string' ? (bindings[dim] ?? dim) : dim);
	for (const { name, dataType, dims } of graph.inputs)
		known.set(name, { dataType, dims: dims?.map(bind), elements: shapes[name] });
	for (const { name, dataType, dims } of graph.initializers.values())
		known.set(name, { dataType, dims: [...dims], elements: constantIntegers(graph, name) });
	for (const node of ordered(graph)) {
		const input = (index: number): Typed =>
			known.get(node.inputs[index] ?? '') ?? { dataType: undefined, dims: undefined };
		const rule = RULES[node.domain === '' ? node.opType : `${node.domain}.${node.opType}`];
		try {
			rule?.({
				node,
				opset,
				input,
				integers(index) {
					const { elements } = input(index);
					return elements?.every((element) => typeof element === 'number') ? elements : undefined;
				},
				output(index, dims, dataType = input(0).dataType, elements) {
					const name = node.outputs[index];
					if (name)
						known.set(name, {
							dataType,
							dims: bounded(dims, MAX_RANK),
							elements: bounded(elements, MAX_ELEMENTS)
						});
				}
			});
		} catch (cause) {
			const details = { node: node.name, tensor: node.inputs[0] ?? '' };
			throw malformed(`The shapes at ${node.opType} '${node.name}' do not fit together.`, details, cause);
		}
		for (const name of node.outputs) {
			const told = graph.valueInfos.get(name) ?? outputs.get(name);
			const found = known.get(name);
			if (!told || (found?.dims && found.dataType)) continue;
			known.set(name, {
				dataType: found?.dataType ?? told.dataType,
				dims: found?.dims ?? told.dims?.map(bind),
				elements: found?.elements
			});
		}
	}
	return known;
}

/** Keeps a crafted graph, in which every step doubles a list or a symbol, from filling memory. */
function bounded(dims: Dim[] | undefined, most: number): Dim[] | undefined {
	if (!dims || dims.length > most) return undefined;
	return dims.map((dim) => (typeof dim === 'string' && dim.length > MAX_SYMBOL ? undefined : dim));
}
