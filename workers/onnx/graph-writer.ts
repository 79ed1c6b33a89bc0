import { f32ToF16 } from '#workers/formats/half.ts';
import type { AttributeLike } from './attribute.ts';
import type { Graph } from './graph.ts';

const ARRAYS = {
	int32: (value: number) => Int32Array.of(value),
	float32: (value: number) => Float32Array.of(value),
	float64: (value: number) => Float64Array.of(value),
	float16: (value: number) => f32ToF16(Float32Array.of(value))
};

/** Types that {@link GraphWriter.scalar} can make. */
export type ScalarType = keyof typeof ARRAYS;

/** Adds nodes whose outputs are named after a prefix and a count, for rewrites that emit many. */
export class GraphWriter {
	readonly #graph: Graph;
	readonly #prefix: string;
	#count = 0;

	constructor(graph: Graph, prefix: string) {
		this.#graph = graph;
		this.#prefix = prefix;
	}

	/** Adds a node with one output and returns its name. */
	op(
		opType: string,
		inputs: readonly string[],
		attributes: Record<string, AttributeLike> = {},
		output?: string,
		domain = ''
	): string {
		const name = output ?? `${this.#prefix}/${opType}_${this.#count++}`;
		this.#graph.node(opType, inputs, [name], attributes, domain);
		return name;
	}

	/** Another writer to the same graph. */
	under(prefix: string): GraphWriter {
		return new GraphWriter(this.#graph, prefix);
	}

	/** Adds a Split, of the last axis unless told, and returns its outputs. */
	split(value: string, sizes: readonly number[], axis = -1): string[] {
		const name = `${this.#prefix}/Split_${this.#count++}`;
		const outputs = sizes.map((_, i) => `${name}/${i}`);
		this.#graph.node('Split', [value, integers(this.#graph, sizes)], outputs, { axis }, '', name);
		return outputs;
	}

	/** An int64 vector, made once for each content. */
	integers(...values: number[]): string {
		return integers(this.#graph, values);
	}

	/** A scalar constant. */
	scalar(dataType: ScalarType, value: number): string {
		const name = `scalar/${dataType}/${value}`;
		if (this.#graph.initializers.has(name)) return name;
		return this.#graph.initializer(name, dataType, [], ARRAYS[dataType](value));
	}
}

/** An int64 vector constant, made once for each content. */
export function integers(graph: Graph, values: readonly number[]): string {
	const name = `integers/${values.join('_')}`;
	if (graph.initializers.has(name)) return name;
	return graph.initializer(name, 'int64', [values.length], BigInt64Array.from(values.map(BigInt)));
}
