import { intsAttribute } from '../attribute.ts';
import { constantFloat, constantIntegers } from '../constant.ts';
import { broadcastDims } from '../dims.ts';
import type { Graph, Node } from '../graph.ts';
import { GraphWriter, type ScalarType } from '../graph-writer.ts';
import { inferShapes, type Typed } from '../infer.ts';
import { ordered } from '../order.ts';
import { reshapeTarget } from '../reshape-target.ts';
import type { Dim } from '../types.ts';
import { untrainable, type Backward, type Contribution } from './backward.ts';
import { Recomputation } from './recompute.ts';
import { GRADIENTS } from './rules.ts';

export interface DifferentiateOptions {
	/** Values with a known gradient, and the value that holds it: where the way back starts. */
	from: ReadonlyMap<string, string>;
	/** Values whose gradient is wanted: graph inputs, or values that nodes compute from them. */
	to: readonly string[];
	/** Elements of graph inputs that hold lengths: `{ row_shape: ['batch', 'sequence', -1] }`. */
	shapes?: Readonly<Record<string, Dim[]>>;
	/**
	 * Values in forward order, each the only one through which what comes before reaches what comes after (a layer's input).
	 * Between two of them nothing is kept for the way back: it is computed again.
	 */
	checkpoints?: readonly string[];
}

/**
 * Adds to a graph the gradient of a loss with respect to some of its values, by reverse-mode differentiation
 * (Griewank & Walther, Evaluating Derivatives, 2008, ch. 3). Nodes are added only on the way from the loss to those values:
 * nothing is computed for what is frozen. Returns the value that holds each gradient, of the same shape as its value; one
 * on which the loss does not depend is missing.
 *
 * Throws 'onnx/unsupported', naming operator and node, where an operator on the way cannot be differentiated.
 */
export function differentiate(graph: Graph, options: DifferentiateOptions): Map<string, string> {
	return new Differentiation(graph, options).run();
}

/** A sum of contributions; `dims` may have axes of length 1 along which it is constant. */
interface Sum {
	value: string;
	dims: readonly Dim[];
}

class Differentiation {
	readonly #graph: Graph;
	readonly #options: DifferentiateOptions;
	readonly #types: ReadonlyMap<string, Typed>;
	readonly #write: GraphWriter;
	readonly #sums = new Map<string, Sum>();
	/** Values that depend on what is trained. */
	readonly #depends: ReadonlySet<string>;
	readonly #path: Node[];
	readonly #recomputation: Recomputation;

	constructor(graph: Graph, options: DifferentiateOptions) {
		this.#graph = graph;
		this.#options = options;
		this.#types = inferShapes(graph, {}, 21, options.shapes);
		this.#write = new GraphWriter(graph, 'backward');
		const order = ordered(graph);
		this.#depends = dependents(order, graph, options.to);
		this.#path = wayTo(order, [...options.from.keys()], this.#depends);
		this.#recomputation = new Recomputation(graph, order, options.checkpoints ?? []);
	}

	run(): Map<string, string> {
		for (const node of this.#path) if (!ruleOf(node)) throw untrainable(node, 'has no gradient rule');
		for (const [value, gradient] of this.#options.from)
			this.#sums.set(value, { value: gradient, dims: this.#dims(value) });
		const part = (node: Node) => this.#recomputation.partOf(node);
		// A part is finished before the one below it begins; within a part the order is that of computation, reversed.
		const backwards = this.#path.toReversed().sort((a, b) => part(b) - part(a));
		let current = this.#recomputation.last;
		for (const node of backwards) {
			if (part(node) < current) {
				current = part(node);
				this.#enter(current);
			}
			this.#turn(node);
		}
		const gradients = this.#options.to.flatMap((value) => {
			const sum = this.#sums.get(value);
			return sum ? [[value, this.#whole(value, sum)] as const] : [];
		});
		return new Map(gradients);
	}

	/** Makes the part below wait for all gradients of the part above, so that its values are not computed, or kept, early. */
	#enter(part: number): void {
		const boundary = this.#recomputation.end(part);
		const sum = boundary === undefined ? undefined : this.#sums.get(boundary);
		if (boundary === undefined || !sum) return;
		const leaves = this.#options.to.flatMap((value) => this.#sums.get(value)?.value ?? []);
		const gradient = this.#whole(boundary, sum);
		const held = this.#recomputation.enter(this.#write, part, gradient, leaves);
		this.#sums.set(boundary, { value: held, dims: this.#dims(boundary) });
	}

	#turn(node: Node): void {
		if (!node.outputs.some((output) => this.#sums.has(output))) return;
		ruleOf(node)?.(this.#view(node));
	}

	#view(node: Node): Backward {
		const write = this.#write;
		const part = this.#recomputation.partOf(node);
		const name = (index: number) => node.inputs[index] ?? '';
		const outputName = (index: number) => node.outputs[index] ?? '';
		const saved = (value: string) => this.#recomputation.saved(value, part);
		const dims = (value: string) => this.#dims(value, node);
		const type = this.#types.get(outputName(0))?.dataType;
		const dataType: ScalarType = type === 'float64' ? 'float64' : 'float32';
		return {
			node,
			write,
			dataType,
			input: (index) => saved(name(index)),
			output: (index = 0) => saved(outputName(index)),
			dims: (index) => dims(name(index)),
			outputDims: (index = 0) => dims(outputName(index)),
			integers: (index) => constantIntegers(this.#graph, name(index)),
			constant: (index) => constantFloat(this.#graph, name(index)),
			transposed: (index) => {
				const rank = dims(name(index)).length;
				const made = this.#graph.producer(name(index));
				const order = made?.opType === 'Transpose' ? intsAttribute(made, 'perm') : undefined;
				const perm = exchange(rank);
				if (String(order) === String(perm)) return saved(made?.inputs[0] ?? '');
				return write.op('Transpose', [saved(name(index))], { perm });
			},
			gradient: (index) => {
				const sum = this.#sums.get(outputName(index));
				return sum && this.#whole(outputName(index), sum);
			},
			narrowGradient: (index) => this.#sums.get(outputName(index))?.value,
			wants: (index) => this.#depends.has(name(index)),
			give: (index, gradient, given = dims(outputName(0))) => {
				this.#give(name(index), { value: gradient, dims: given }, node);
			},
			accumulate: (index, contribution) => this.#accumulate(name(index), contribution, node),
			reshape: (value, from, to) => this.#reshape(value, from, to, node),
			scalar: (value) => write.scalar(dataType, value),
			refuse: (why) => untrainable(node, why)
		};
	}

	/** Adds a contribution, summed over the axes along which the value was broadcast. */
	#give(value: string, { value: gradient, dims }: Sum, node: Node): void {
		const wanted = this.#dims(value, node);
		const lead = dims.length - wanted.length;
		const stretched = wanted.flatMap((dim, i) => (dim === 1 && dims[lead + i] !== 1 ? [lead + i] : []));
		const extra = Array.from({ length: Math.max(lead, 0) }, (_, i) => i);
		let reduced = gradient;
		if (stretched.length) {
			const axes = this.#write.integers(...stretched);
			reduced = this.#write.op('ReduceSum', [reduced, axes], { keepdims: 1 });
		}
		if (extra.length)
			reduced = this.#write.op('ReduceSum', [reduced, this.#write.integers(...extra)], { keepdims: 0 });
		const left = dims.slice(extra.length).map((dim, i) => (wanted[i] === 1 ? 1 : dim));
		const before = this.#sums.get(value);
		const sum = before ? this.#write.op('Add', [before.value, reduced]) : reduced;
		this.#sums.set(value, { value: sum, dims: before ? broadcastDims(before.dims, left) : left });
	}

	#accumulate(value: string, contribution: Contribution, node: Node): void {
		const before = this.#sums.get(value);
		const sum = before && this.#whole(value, before);
		this.#sums.set(value, { value: contribution(sum), dims: this.#dims(value, node) });
	}

	/** A gradient in the full shape of its value. */
	#whole(value: string, { value: gradient, dims }: Sum): string {
		const wanted = this.#dims(value);
		const narrow = wanted.some((dim, i) => dims[i] === 1 && dim !== 1);
		if (!narrow) return gradient;
		const part = this.#recomputation.partOf(this.#graph.producer(value));
		const type = this.#types.get(value)?.dataType === 'float64' ? 'float64' : 'float32';
		// Spread by adding zeros of the shape: no provider has to know it for that.
		const source = this.#recomputation.saved(value, part);
		const zeros = this.#write.op('Mul', [source, this.#write.scalar(type, 0)]);
		const spread = this.#write.op('Add', [gradient, zeros]);
		this.#sums.set(value, { value: spread, dims: wanted });
		return spread;
	}

	#reshape(value: string, from: readonly Dim[], to: readonly Dim[], node: Node): string {
		if (String(from) === String(to) && !from.includes(undefined)) return value;
		const target = reshapeTarget(from, to);
		if (target) return this.#write.op('Reshape', [value, this.#write.integers(...target)]);
		const [shape] =
			Object.entries(this.#options.shapes ?? {}).find(
				([, lengths]) =>
					lengths.length === to.length && lengths.every((length, i) => length === -1 || length === to[i])
			) ?? [];
		if (shape === undefined)
			throw untrainable(node, 'changes a shape in a way that cannot be told backwards');
		return this.#write.op('Reshape', [value, shape]);
	}

	#dims(value: string, node = this.#graph.producer(value)): readonly Dim[] {
		const dims = this.#types.get(value)?.dims;
		if (dims) return dims;
		throw untrainable(
			node ?? { name: value, opType: 'input', domain: '' },
			`has '${value}' of unknown shape`
		);
	}
}

const ruleOf = ({ domain, opType }: Node) => GRADIENTS[domain === '' ? opType : `${domain}.${opType}`];

const exchange = (rank: number) =>
	Array.from({ length: rank }, (_, i) => (i < rank - 2 ? i : 2 * rank - 3 - i));

/** Everything that is computed from these values, themselves included. */
function dependents(order: readonly Node[], graph: Graph, values: readonly string[]): Set<string> {
	const found = new Set(values);
	for (const node of order)
		if (node.opType !== 'Shape' && [...graph.reads(node)].some((read) => found.has(read)))
			for (const output of node.outputs) if (output !== '') found.add(output);
	return found;
}

/** The nodes, in order, through which `depends` reaches these values. */
function wayTo(order: readonly Node[], values: readonly string[], depends: ReadonlySet<string>): Node[] {
	const needed = new Set(values);
	return order
		.toReversed()
		.filter((node) => {
			const on =
				node.outputs.some((output) => needed.has(output)) &&
				node.inputs.some((input) => depends.has(input)) &&
				node.outputs.some((output) => depends.has(output));
			if (on) for (const input of node.inputs) if (depends.has(input)) needed.add(input);
			return on;
		})
		.reverse();
}
