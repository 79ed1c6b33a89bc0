import { toAttribute, type Attribute, type AttributeLike } from './attribute.ts';
import { malformed } from './failure.ts';
import {
	byteLength,
	type DataType,
	type Dim,
	type Initializer,
	type Segment,
	type ValueInfo
} from './types.ts';

/** One operation. Change its inputs and outputs through the graph, which indexes them. */
export interface Node {
	readonly name: string;
	readonly opType: string;
	/** '' for ai.onnx, 'com.microsoft' for the contrib operators. */
	readonly domain: string;
	/** Value names; '' where an optional input is left out. */
	readonly inputs: readonly string[];
	/** Value names; '' where an optional output is not wanted. */
	readonly outputs: readonly string[];
	readonly attributes: ReadonlyMap<string, Attribute>;
	/** Fields not understood, kept as they were read. */
	readonly unknown?: readonly Uint8Array[];
}

/**
 * An ONNX graph that can be searched by value and changed. Nodes may be added in any order: `ordered` (order.ts) sorts
 * them when the graph is written.
 */
export class Graph {
	name: string;
	inputs: ValueInfo[] = [];
	outputs: ValueInfo[] = [];
	/** Types of inner values, where the file tells them. */
	readonly valueInfos = new Map<string, ValueInfo>();
	readonly unknown: Uint8Array[] = [];
	readonly #initializers = new Map<string, Initializer>();
	readonly #reads = new Map<Node, ReadonlySet<string>>();
	readonly #nodes = new Set<Node>();
	readonly #producers = new Map<string, Node>();
	readonly #consumers = new Map<string, Set<Node>>();

	constructor(name = 'graph') {
		this.name = name;
	}

	get nodes(): ReadonlySet<Node> {
		return this.#nodes;
	}

	get initializers(): ReadonlyMap<string, Initializer> {
		return this.#initializers;
	}

	/** The node that outputs this value; undefined for graph inputs, initialisers and unknown names. */
	producer(value: string): Node | undefined {
		return this.#producers.get(value);
	}

	/** The nodes that read this value, those that read it inside a subgraph included. */
	consumers(value: string): ReadonlySet<Node> {
		return this.#consumers.get(value) ?? NONE;
	}

	/** The values a node needs before it can run: its inputs and what its subgraphs take from this graph. */
	reads(node: Node): ReadonlySet<string> {
		return this.#reads.get(node) ?? readsOf(node);
	}

	isInput(value: string): boolean {
		return this.inputs.some((input) => input.name === value);
	}

	isOutput(value: string): boolean {
		return this.outputs.some((output) => output.name === value);
	}

	/** True where nothing in this graph defines the value. */
	isFree(value: string): boolean {
		return !this.#producers.has(value) && !this.#initializers.has(value) && !this.isInput(value);
	}

	/**
	 * Declares a graph input. A dim may be a symbol: `graph.input('input_ids', 'int64', ['batch', 'sequence'])`.
	 * Throws 'onnx/malformed' if the name is taken.
	 */
	input(name: string, dataType: DataType, dims: Dim[]): string {
		if (!this.isFree(name)) throw malformed(`Graph input '${name}' is defined twice.`, { tensor: name });
		this.inputs.push({ name, dataType, dims });
		return name;
	}

	/** Declares a graph output. The value itself comes from a node. */
	output(name: string, dataType: DataType, dims: Dim[]): string {
		this.outputs.push({ name, dataType, dims });
		return name;
	}

	/**
	 * Adds a constant and returns its name. `data` are raw little-endian elements: a typed array, or segments that may lie
	 * in files. Throws 'onnx/malformed' if they do not fill `dims` or the name is taken.
	 */
	initializer(
		name: string,
		dataType: DataType,
		dims: readonly number[],
		data: ArrayBufferView | readonly Segment[]
	): string {
		const segments = ArrayBuffer.isView(data)
			? [new Uint8Array(data.buffer, data.byteOffset, data.byteLength)]
			: [...data];
		this.addInitializer({ name, dataType, dims: [...dims], data: segments });
		return name;
	}

	addInitializer(initializer: Initializer): void {
		const { name, dataType, dims, data } = initializer;
		const has = data.reduce((sum, segment) => sum + segment.length, 0);
		const needs = byteLength(
			dataType,
			dims.reduce((product, dim) => product * dim, 1)
		);
		if (dataType !== 'string' && has !== needs)
			throw malformed(`Tensor '${name}' (${dataType} [${dims}]) needs ${needs} bytes and has ${has}.`, {
				tensor: name
			});
		if (this.#initializers.has(name) || this.#producers.has(name))
			throw malformed(`Tensor '${name}' is defined twice.`, { tensor: name });
		this.#initializers.set(name, initializer);
	}

	/**
	 * Adds an operation: `graph.node('MatMul', ['x', 'w'], ['y'])`, `graph.node('Cast', ['a'], ['b'], { to: 10 })`,
	 * `graph.node('SimplifiedLayerNormalization', [x, w], [y], { epsilon: float(1e-6), axis: -1 })`.
	 * The name is that of the first output unless given. Throws 'onnx/malformed' if an output is already defined.
	 */
	node(
		opType: string,
		inputs: readonly string[],
		outputs: readonly string[],
		attributes: Record<string, AttributeLike> = {},
		domain = '',
		name = outputs[0] ?? opType
	): Node {
		const entries = Object.entries(attributes).map(([key, value]) => [key, toAttribute(value)] as const);
		return this.addNode({ name, opType, domain, inputs, outputs, attributes: new Map(entries) });
	}

	addNode(node: Node): Node {
		for (const output of node.outputs) {
			if (output === '') continue;
			if (this.#producers.has(output) || this.#initializers.has(output))
				throw malformed(`Value '${output}', output of ${node.opType} '${node.name}', is defined twice.`, {
					node: node.name,
					tensor: output
				});
			this.#producers.set(output, node);
		}
		this.#nodes.add(node);
		const reads = readsOf(node);
		this.#reads.set(node, reads);
		for (const value of reads) {
			const readers = this.#consumers.get(value);
			if (readers) readers.add(node);
			else this.#consumers.set(value, new Set([node]));
		}
		return node;
	}

	removeNode(node: Node): void {
		this.#nodes.delete(node);
		for (const output of node.outputs) this.#producers.delete(output);
		for (const value of this.reads(node)) this.#consumers.get(value)?.delete(node);
		this.#reads.delete(node);
	}

	removeInitializer(name: string): void {
		this.#initializers.delete(name);
	}

	/** Changes a node in place. */
	update(node: Node, change: Partial<Pick<Node, 'inputs' | 'outputs' | 'attributes'>>): void {
		this.removeNode(node);
		this.addNode(Object.assign(node, change));
	}

	/** Makes every node that reads `from` read `to` instead, subgraphs included. Graph outputs keep their names. */
	replaceUses(from: string, to: string): void {
		for (const node of [...this.consumers(from)]) {
			const attributes = new Map(node.attributes);
			for (const [key, attribute] of node.attributes)
				if (attribute.type === 'graph')
					attributes.set(key, { type: 'graph', value: attribute.value.#withFree(from, to) });
			const inputs = node.inputs.map((input) => (input === from ? to : input));
			this.update(node, { inputs, attributes });
		}
	}

	/** Gives a value that a node computes another name. */
	rename(from: string, to: string): void {
		const node = this.producer(from);
		if (!node) return;
		this.update(node, { outputs: node.outputs.map((output) => (output === from ? to : output)) });
		this.replaceUses(from, to);
		this.valueInfos.delete(from);
	}

	/** Names that this graph reads and does not define: what a subgraph takes from the graph around it. */
	freeValues(): Set<string> {
		const free = new Set<string>();
		for (const value of this.#consumers.keys())
			if (this.consumers(value).size > 0 && this.isFree(value)) free.add(value);
		for (const { name } of this.outputs) if (this.isFree(name)) free.add(name);
		return free;
	}

	/** A copy that can be changed on its own; weights are shared. */
	clone(): Graph {
		const copy = new Graph(this.name);
		copy.inputs = this.inputs.map((input) => ({ ...input }));
		copy.outputs = this.outputs.map((output) => ({ ...output }));
		for (const [name, info] of this.valueInfos) copy.valueInfos.set(name, info);
		for (const initializer of this.#initializers.values()) copy.addInitializer(initializer);
		for (const node of this.#nodes) copy.addNode({ ...node });
		copy.unknown.push(...this.unknown);
		return copy;
	}

	/** As a subgraph: a copy that takes `to` from outside where this one takes `from`. */
	#withFree(from: string, to: string): Graph {
		if (!this.isFree(from)) return this;
		const copy = this.clone();
		copy.replaceUses(from, to);
		for (const output of copy.outputs) if (output.name === from) output.name = to;
		return copy;
	}
}

const NONE: ReadonlySet<Node> = new Set();

function readsOf(node: Node): Set<string> {
	const values = new Set(node.inputs);
	for (const { value } of subgraphs(node)) for (const free of value.freeValues()) values.add(free);
	values.delete('');
	return values;
}

/** The graphs in a node's attributes (the branches of If, the body of Loop). */
export function* subgraphs(node: Node) {
	for (const attribute of node.attributes.values()) if (attribute.type === 'graph') yield attribute;
}
