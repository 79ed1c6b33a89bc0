import type { Graph, Node } from '../graph.ts';
import type { GraphWriter } from '../graph-writer.ts';

/** Above every finite gradient but the largest: a comparison with it is false, and no optimiser can know. */
export const NEVER = 3.4e38;

/**
 * Which forward values the way back may use as they are, and which it computes again (Chen et al. 2016, Training Deep Nets
 * with Sublinear Memory Cost). The graph is cut at its checkpoints into parts; of all but the last part only the checkpoint
 * is kept.
 *
 * A plain copy of a part does not hold in onnxruntime: equal nodes are merged, and copies that depend on nothing late are
 * run early. So each copy begins at its checkpoint passed through a Where whose condition is a comparison, never true, of
 * all gradients of the part above: that can be neither merged nor folded, and it runs when those gradients are done
 * (docs/decisions/training-graph.md).
 */
export class Recomputation {
	readonly #graph: Graph;
	readonly #checkpoints: readonly string[];
	readonly #parts = new Map<string, number>();
	/** Copies by part and name. */
	readonly #copies = new Map<string, string>();
	#seen = new Set<string>();

	constructor(graph: Graph, order: readonly Node[], checkpoints: readonly string[]) {
		this.#graph = graph;
		this.#checkpoints = checkpoints;
		checkpoints.forEach((value, i) => this.#parts.set(value, i));
		for (const node of order) {
			const part = Math.max(-1, ...node.inputs.map((input) => this.#parts.get(input) ?? -1));
			for (const output of node.outputs) if (!this.#parts.has(output)) this.#parts.set(output, part);
		}
	}

	/** The last part: what it computed is used as it is, since the way back begins there. */
	get last(): number {
		return this.#checkpoints.length - 1;
	}

	/** The part that computes a node: −1 for what depends on no checkpoint. */
	partOf(node: Node | undefined): number {
		if (!node) return -1;
		return Math.max(-1, ...node.inputs.map((input) => this.#parts.get(input) ?? -1));
	}

	/** The checkpoint that ends a part. */
	end(part: number): string | undefined {
		return this.#checkpoints[part + 1];
	}

	/**
	 * Begins the way back through a part, whose end has the gradient `gradient`; returns that gradient, held back until all
	 * of `leaves` are done.
	 */
	enter(write: GraphWriter, part: number, gradient: string, leaves: readonly string[]): string {
		const checkpoint = this.#checkpoints[part];
		const fresh = leaves.filter((leaf) => !this.#seen.has(leaf));
		this.#seen = new Set(leaves);
		if (checkpoint === undefined) return gradient;
		const flat = fresh.map((leaf) => write.op('Reshape', [leaf, write.integers(-1)]));
		const all = flat.length > 1 ? write.op('Concat', flat, { axis: 0 }) : (flat[0] ?? gradient);
		const axes = flat.length ? [write.integers(0)] : [];
		const largest = write.op('ReduceMax', [all, ...axes], { keepdims: flat.length ? 1 : 0 });
		const never = write.op('Greater', [largest, write.scalar('float32', NEVER)]);
		this.#copies.set(key(part, checkpoint), write.op('Where', [never, gradient, checkpoint]));
		return write.op('Where', [never, checkpoint, gradient]);
	}

	/** A forward value as the way back through `part` reads it. */
	saved(value: string, part: number): string {
		const checkpoint = this.#checkpoints[part];
		if (value === '' || part < 0 || part >= this.last || checkpoint === undefined) return value;
		const copied = this.#copies.get(key(part, value));
		if (copied !== undefined) return copied;
		const producer = this.#graph.producer(value);
		const kept = !producer || this.#checkpoints.includes(value) || this.partOf(producer) !== part;
		if (kept) return value;
		const copy = (name: string) => (name === '' ? '' : `again/${name}`);
		const inputs = producer.inputs.map((input) => this.saved(input, part));
		for (const output of producer.outputs) this.#copies.set(key(part, output), copy(output));
		this.#graph.addNode({
			...producer,
			name: `again/${producer.name}`,
			inputs,
			outputs: producer.outputs.map(copy)
		});
		return copy(value);
	}
}

const key = (part: number, value: string) => `${part} ${value}`;
