import { intAttribute } from './attribute.ts';
import { unsupported } from './failure.ts';
import type { Graph, Node } from './graph.ts';
import type { Linear } from './linear.ts';
import { ordered } from './order.ts';
import { sectionsOf, type Section } from './sections.ts';

/** The linears of one layer, told apart by what they feed. Either half may be missing: then it cannot be adapted. */
export interface LayerStructure {
	layer: number;
	attention: AttentionStructure | undefined;
	mlp: { gate: Section | undefined; up: Section; down: Linear } | undefined;
}

export interface AttentionStructure {
	q: Section;
	k: Section;
	v: Section;
	o: Linear;
	/** The fused attention operator, where there is one. */
	operator: Node | undefined;
}

/** Steps over the graph that one model may cost; a real one takes some ten thousand. */
const MAX_STEPS = 20_000_000;

const FUSED_ATTENTION = new Set(['GroupQueryAttention', 'MultiHeadAttention', 'Attention']);
const ACTIVATIONS = new Set([
	...['Sigmoid', 'Tanh', 'Erf', 'Relu', 'Gelu', 'FastGelu', 'QuickGelu', 'BiasGelu', 'Swish', 'Silu'],
	...['LeakyRelu', 'Elu', 'Softplus', 'HardSwish', 'HardSigmoid', 'Mish']
]);

/**
 * Tells the linears of a decoder apart by the flow of data, not by name: k is what the cached keys were computed from,
 * o is computed from q, k and v alone, gate and up come right behind o, down is computed from gate and up alone.
 */
export class LayerFinder {
	readonly #graph: Graph;
	readonly #linears: readonly Linear[];
	readonly #index = new Map<Linear, number>();
	/** Sections by the value that holds them. */
	readonly #sections = new Map<string, Section>();
	/** For each value, the index of the last linear on any way to it. */
	readonly #latest = new Map<string, number>();
	readonly #sources = new Map<Linear, ReadonlySet<Section> | undefined>();
	#steps = 0;

	/** `linears` in the order of computation. */
	constructor(graph: Graph, linears: readonly Linear[]) {
		this.#graph = graph;
		this.#linears = linears;
		linears.forEach((linear, i) => {
			this.#index.set(linear, i);
			for (const section of sectionsOf(graph, linear)) this.#sections.set(section.value, section);
		});
		const products = new Map(linears.map((linear, i) => [linear.node, i]));
		for (const node of ordered(graph)) {
			let latest = products.get(node) ?? -1;
			if (latest < 0)
				for (const read of this.#values(node)) latest = Math.max(latest, this.#latest.get(read) ?? -1);
			for (const output of node.outputs) this.#latest.set(output, latest);
		}
	}

	/** The linears of the layer whose keys and values are these outputs; `width` is the size of one token's keys. */
	layer(cache: { layer: number; presentKey: string; presentValue: string }, width: number): LayerStructure {
		const attention = this.#attention(cache.presentKey, cache.presentValue, width);
		return { layer: cache.layer, attention, mlp: attention && this.#mlp(attention) };
	}

	/** The only linear that a value was computed from with none between. */
	before(value: string): Linear | undefined {
		const sources = this.#nearest(value, 1);
		const [section] = sources ?? [];
		return section?.linear;
	}

	#attention(presentKey: string, presentValue: string, width: number): AttentionStructure | undefined {
		const producer = this.#graph.producer(presentKey);
		const operator = producer && FUSED_ATTENTION.has(producer.opType) ? producer : undefined;
		const [query = '', keys = '', values = ''] = operator?.inputs ?? [];
		const [k] = this.#nearest(operator ? keys || query : presentKey, 1) ?? [];
		const [v] = this.#nearest(operator ? values || query : presentValue, 1) ?? [];
		if (!k || !v) return undefined;
		const o = this.#linears.find((linear) => {
			const sources = this.#sourcesOf(linear);
			return sources?.has(k) && sources.has(v);
		});
		if (!o) return undefined;
		const others = [...(this.#sourcesOf(o) ?? [])].filter((source) => source !== k && source !== v);
		const [q] = others;
		if (k !== v && q && others.length === 1 && k.size === width && v.size === width)
			return { q, k, v, o, operator };
		if (k !== v || q || operator?.opType !== 'GroupQueryAttention') return undefined;
		const queries =
			intAttribute(operator, 'num_heads', 0) * (width / intAttribute(operator, 'kv_num_heads', 1));
		if (queries + 2 * width !== k.size) return undefined;
		const part = (offset: number, size: number): Section => ({ ...k, offset: k.offset + offset, size });
		return { q: part(0, queries), k: part(queries, width), v: part(queries + width, width), o, operator };
	}

	#mlp({ o }: AttentionStructure): LayerStructure['mlp'] {
		const behind = this.#linears.filter(({ input }) => this.#latest.get(input) === this.#index.get(o));
		const [first] = behind;
		if (!first || behind.length > 2 || behind.some(({ input }) => input !== first.input)) return undefined;
		const parts = [...this.#sections.values()].filter(({ linear }) => behind.includes(linear));
		const down = this.#linears.find((linear) => {
			const sources = this.#sourcesOf(linear);
			return sources?.size === parts.length && parts.every((part) => sources.has(part));
		});
		const [a, b] = parts;
		if (!down || !a || parts.some(({ size }) => size !== down.inFeatures)) return undefined;
		if (!b) return { gate: undefined, up: a, down };
		if (parts.length !== 2) return undefined;
		const [afterA, afterB] = [this.#after(a.value, down.node), this.#after(b.value, down.node)];
		const activates = (nodes: Set<Node>, others: Set<Node>) =>
			[...nodes].some((node) => ACTIVATIONS.has(node.opType) && !others.has(node));
		const [gateA, gateB] = [activates(afterA, afterB), activates(afterB, afterA)];
		if (gateA === gateB) return undefined;
		return gateA ? { gate: a, up: b, down } : { gate: b, up: a, down };
	}

	/** The sections a linear's input was computed from; undefined where there are more than three. */
	#sourcesOf(linear: Linear): ReadonlySet<Section> | undefined {
		this.#step();
		if (!this.#sources.has(linear)) this.#sources.set(linear, this.#nearest(linear.input, 3));
		return this.#sources.get(linear);
	}

	/** The sections a value was computed from with no linear between; undefined where there are more than `most`. */
	#nearest(value: string, most: number): Set<Section> | undefined {
		const found = new Set<Section>();
		const seen = new Set([value]);
		for (const name of seen) {
			this.#step();
			const section = this.#sections.get(name);
			if (section) {
				found.add(section);
				if (found.size > most) return undefined;
				continue;
			}
			const node = this.#graph.producer(name);
			if (node) for (const read of this.#values(node)) seen.add(read);
		}
		return found;
	}

	/** The nodes that a value flows through up to `end`. */
	#after(value: string, end: Node): Set<Node> {
		const nodes = new Set<Node>();
		const values = new Set([value]);
		for (const name of values)
			for (const node of this.#graph.consumers(name)) {
				this.#step();
				if (node === end) continue;
				nodes.add(node);
				for (const output of node.outputs) values.add(output);
			}
		return nodes;
	}

	/** What a node's result depends on: nothing, where it only asks for a shape. */
	#values(node: Node): Iterable<string> {
		return node.opType === 'Shape' ? [] : this.#graph.reads(node);
	}

	#step(): void {
		if (++this.#steps > MAX_STEPS) throw unsupported('The graph is too entangled to be analysed.');
	}
}
