import { malformed } from './failure.ts';
import type { Graph, Node } from './graph.ts';
import type { Tensor } from './types.ts';

/** An AttributeProto. Integers are bigint because ONNX uses the whole int64 range (an open slice ends at 2^63 - 1). */
export type Attribute =
	| { type: 'float'; value: number }
	| { type: 'int'; value: bigint }
	| { type: 'string'; value: string }
	| { type: 'tensor'; value: Tensor }
	| { type: 'graph'; value: Graph }
	| { type: 'floats'; value: number[] }
	| { type: 'ints'; value: bigint[] }
	| { type: 'strings'; value: string[] };

/** What `Graph.node` takes for short: an integer, a list of integers, a text, or any attribute in full. */
export type AttributeLike =
	number | bigint | boolean | string | readonly number[] | readonly string[] | Attribute;

/** A float attribute. Needs naming, since 1 and 1.0 are the same number in JavaScript and not in ONNX. */
export const float = (value: number): Attribute => ({ type: 'float', value });

/** Throws a TypeError for a fractional number: write `float(0.5)`. */
export function toAttribute(value: AttributeLike): Attribute {
	if (typeof value === 'string') return { type: 'string', value };
	if (typeof value !== 'object') return { type: 'int', value: toInt(value) };
	if ('type' in value) return value;
	const texts = value.filter((item) => typeof item === 'string');
	if (texts.length) return { type: 'strings', value: texts };
	return { type: 'ints', value: value.map(toInt) };
}

function toInt(value: number | bigint | boolean | string): bigint {
	if (typeof value === 'number' && !Number.isInteger(value)) throw new TypeError(`${value} needs float()`);
	return BigInt(value);
}

/** An integer attribute, or `fallback` where the node does not have it. Beyond 2^53 it is rounded. */
export function intAttribute(node: Node, name: string, fallback: number): number {
	const attribute = node.attributes.get(name);
	if (!attribute) return fallback;
	if (attribute.type !== 'int') throw wrongType(node, name, 'int', attribute);
	return Number(attribute.value);
}

export function floatAttribute(node: Node, name: string, fallback: number): number {
	const attribute = node.attributes.get(name);
	if (!attribute) return fallback;
	if (attribute.type !== 'float') throw wrongType(node, name, 'float', attribute);
	return attribute.value;
}

export function intsAttribute(node: Node, name: string): number[] | undefined {
	const attribute = node.attributes.get(name);
	if (!attribute) return undefined;
	if (attribute.type !== 'ints') throw wrongType(node, name, 'ints', attribute);
	return attribute.value.map(Number);
}

const wrongType = (node: Node, name: string, wanted: string, attribute: Attribute) =>
	malformed(`Attribute ${name} of ${node.opType} '${node.name}' is ${attribute.type}, not ${wanted}.`, {
		node: node.name,
		attribute: name
	});
