import { intAttribute } from '../attribute.ts';
import type { Graph } from '../graph.ts';
import type { GraphWriter } from '../graph-writer.ts';
import { MICROSOFT } from '../lower/inputs.ts';
import type { LoweredLinear } from '../lower/linear.ts';

/** Some rows of the output matrix, one for each token of the vocabulary. */
export interface HeadRows {
	/** [rows, hidden], or [hidden, rows] where not `byOutput`. */
	value: string;
	byOutput: boolean;
}

/** The matrix that turns hidden states to logits, read in parts from the bytes that are stored. */
export class Head {
	readonly vocab: number;
	readonly hidden: number;
	readonly #graph: Graph;
	readonly #write: GraphWriter;
	readonly #lowered: LoweredLinear;
	readonly #parameter: string | undefined;

	/** @param parameter the matrix [vocab, hidden], where it is not the one that is stored */
	constructor(graph: Graph, write: GraphWriter, lowered: LoweredLinear, parameter?: string) {
		this.#parameter = parameter;
		this.#graph = graph;
		this.#write = write;
		this.#lowered = lowered;
		this.vocab = lowered.linear.outFeatures;
		this.hidden = lowered.linear.inFeatures;
	}

	/** The bias [vocab]; '' where there is none. */
	get bias(): string {
		return this.#lowered.bias;
	}

	/** The rows of tokens [from, to). */
	rows(from: number, to: number): HeadRows {
		const write = this.#write;
		const table = this.#table();
		if (table) {
			const ids = Int32Array.from({ length: to - from }, (_, i) => from + i);
			const name = this.#graph.initializer(`head/tokens_${from}`, 'int32', [to - from], ids);
			return { value: this.#lookUp(table, name), byOutput: true };
		}
		const { value, byOutput } = this.#matrix();
		if (to - from === this.vocab) return { value, byOutput };
		const bounds = [from, to, byOutput ? 0 : 1].map((at) => write.integers(at));
		return { value: write.op('Slice', [value, ...bounds]), byOutput };
	}

	/** The rows of given tokens, int32 [n], as [n, hidden]. */
	rowsOf(ids: string): string {
		const table = this.#table();
		if (table) return this.#lookUp(table, ids);
		const { value, byOutput } = this.#matrix();
		const picked = this.#write.op('Gather', [value, ids], { axis: byOutput ? 0 : 1 });
		return byOutput ? picked : this.#write.op('Transpose', [picked], { perm: [1, 0] });
	}

	#matrix(): HeadRows {
		if (this.#parameter !== undefined) return { value: this.#parameter, byOutput: true };
		return this.#lowered.weight;
	}

	/** A quantised matrix that rows can be looked up in. Those with zero points are expanded as a whole instead. */
	#table(): Table | undefined {
		const { node } = this.#lowered.linear;
		if (node.opType !== 'MatMulNBits' || node.inputs[3] || this.#parameter !== undefined) return undefined;
		const [, codes = '', scales = ''] = node.inputs;
		const block = intAttribute(node, 'block_size', 32);
		const bits = intAttribute(node, 'bits', 4);
		return { codes, scales, block, bits, blocks: Math.ceil(this.hidden / block) };
	}

	#lookUp({ codes, scales, block, bits, blocks }: Table, ids: string): string {
		const write = this.#write;
		const name = `${scales}/by_block`;
		if (!this.#graph.producer(name))
			write.op('Reshape', [scales, write.integers(this.vocab, blocks, 1)], {}, name);
		const attributes = { gather_axis: 0, quantize_axis: 2, block_size: block, bits };
		const found = write.op('GatherBlockQuantized', [codes, ids, name], attributes, undefined, MICROSOFT);
		const rows = write.op('Reshape', [found, write.integers(-1, blocks * block)]);
		if (blocks * block === this.hidden) return rows;
		const bounds = [0, this.hidden, 1].map((at) => write.integers(at));
		return write.op('Slice', [rows, ...bounds]);
	}
}

interface Table {
	codes: string;
	scales: string;
	block: number;
	bits: number;
	blocks: number;
}
