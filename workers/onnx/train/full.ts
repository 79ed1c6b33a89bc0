import { modulesOf } from '../decoder.ts';
import { untrainable } from '../gradients/backward.ts';
import type { Graph, Node } from '../graph.ts';
import type { GraphWriter } from '../graph-writer.ts';
import { inferShapes } from '../infer.ts';
import type { LoweredDecoder } from '../lower/decoder.ts';
import { INPUT_IDS, MICROSOFT, ROW_SHAPES } from '../lower/inputs.ts';
import type { LoweredLinear } from '../lower/linear.ts';
import { prune } from '../prune.ts';
import { LayoutBuilder, sizeOf } from './parameters.ts';
import type { Trained } from './trained.ts';

/** A weight of the base: its tensors in the checkpoint, and the value that holds it in the lowered graph. */
interface Weight {
	/** One, or several that lie one below the other in the value. */
	tensors: { name: string; shape: number[] }[];
	shape: number[];
	value: string;
	/** Whether the value is the transpose of the tensor. */
	transposed: boolean;
	/** Makes the graph read `parameter` instead. */
	replace: (parameter: string) => void;
}

const EMBEDDING = 'model.embed_tokens.weight';
const HEAD = 'lm_head.weight';

/** Every weight of a decoder, to be trained: matrices, embedding, head, norms and biases, under their checkpoint's names. */
export class FullParameters {
	readonly layout = new LayoutBuilder();
	/** Whether the head reads the embedding's table. */
	readonly tied: boolean;
	readonly #graph: Graph;
	readonly #write: GraphWriter;
	readonly #weights: Weight[] = [];

	constructor(write: GraphWriter, lowered: LoweredDecoder) {
		this.#graph = lowered.model.graph;
		this.#write = write;
		const embedding = this.#embedding(lowered);
		this.tied = isTied(embedding.stored, lowered.head);
		this.#add(embedding.weight);
		for (const linear of lowered.linears.values()) if (linear !== lowered.head) this.#linear(linear, lowered);
		if (!this.tied) this.#head(lowered.head);
		this.#vectors(lowered);
	}

	/** Makes the graph read all weights from the parameters; returns the head's matrix [vocab, hidden]. */
	take(trained: Trained): string {
		let head = '';
		this.#weights.forEach(({ tensors, shape, replace }) => {
			const [first] = tensors;
			const offset = this.layout.slices.find(({ name }) => name === first?.name)?.offset ?? 0;
			const parameter = trained.take(offset, shape);
			replace(parameter);
			if (first?.name === HEAD || (this.tied && first?.name === EMBEDDING)) head = parameter;
		});
		return head;
	}

	/** The vector of the weights as they are stored. */
	read(output: string): void {
		const write = this.#write;
		const flat = this.#weights.map(({ value, transposed }) => {
			const matrix = transposed ? write.op('Transpose', [value], { perm: [1, 0] }) : value;
			return write.op('Reshape', [matrix, write.integers(-1)]);
		});
		write.op('Concat', flat, { axis: 0 }, output);
	}

	#add(weight: Weight): void {
		for (const { name, shape } of weight.tensors) this.layout.add(name, shape);
		this.#weights.push(weight);
	}

	/** Swaps the matrix of a lowered linear's product for one stored as PyTorch has it. */
	#swap({ y, weight }: LoweredLinear): (parameter: string) => void {
		return (parameter) => {
			const product = this.#graph.producer(y);
			if (!product) return;
			const inputs = product.inputs.map((input) => (input === weight.value ? parameter : input));
			this.#graph.update(product, {
				inputs,
				attributes: new Map([['transB', { type: 'int', value: 1n }]])
			});
		};
	}

	#linear(lowered: LoweredLinear, { layers }: LoweredDecoder): void {
		const { linear, weight } = lowered;
		const modules = layers
			.flatMap(modulesOf)
			.filter(({ section }) => section.linear.node === linear.node)
			.toSorted((a, b) => a.section.offset - b.section.offset);
		const features = modules.reduce((sum, { section }) => sum + section.size, 0);
		if (features !== linear.outFeatures) throw untrainable(linear.node, 'is no linear of a known layer');
		this.#add({
			tensors: modules.map(({ path, section }) => ({
				name: `${path}.weight`,
				shape: [section.size, linear.inFeatures]
			})),
			shape: [linear.outFeatures, linear.inFeatures],
			value: weight.value,
			transposed: !weight.byOutput,
			replace: this.#swap(lowered)
		});
	}

	/** The loss reads the head's matrix by itself. */
	#head({ linear, weight }: LoweredLinear): void {
		const shape = [linear.outFeatures, linear.inFeatures];
		const { value, byOutput } = weight;
		this.#add({
			tensors: [{ name: HEAD, shape }],
			shape,
			value,
			transposed: !byOutput,
			replace: () => undefined
		});
	}

	/** The lookup of the tokens' rows, quantised or not. */
	#embedding({ model, info, head }: LoweredDecoder): { weight: Weight; stored: string } {
		const { graph } = model;
		const lookup = [...graph.consumers(INPUT_IDS)].find(({ opType }) => opType.startsWith('Gather'));
		const [stored = '', ids = ''] = lookup?.inputs ?? [];
		const shape = [info.vocabSize, head.linear.inFeatures];
		if (!lookup || ids !== INPUT_IDS)
			throw untrainable(head.linear.node, 'has no embedding that can be found');
		const types = inferShapes(graph, {}, 21, ROW_SHAPES);
		let output = lookup.outputs[0] ?? '';
		for (let [next] = graph.consumers(output); next && !isHidden(types.get(output)?.dims, shape[1]);) {
			output = next.outputs[0] ?? '';
			[next] = graph.consumers(output);
		}
		const quantised = lookup.opType !== 'Gather';
		const weight = {
			tensors: [{ name: EMBEDDING, shape }],
			shape,
			value: quantised ? this.#wholeTable(lookup, shape) : stored,
			transposed: false,
			replace: (parameter: string) => {
				const rows = this.#write.op('Gather', [parameter, INPUT_IDS]);
				graph.replaceUses(output, rows);
			}
		};
		return { weight, stored };
	}

	#wholeTable(lookup: Node, shape: number[]): string {
		const write = this.#write;
		const [rows = 0, columns = 0] = shape;
		const ids = Int32Array.from({ length: rows }, (_, i) => i);
		const all = this.#graph.initializer('embedding/tokens', 'int32', [rows], ids);
		const name = 'embedding/rows';
		this.#graph.addNode({
			...lookup,
			name,
			inputs: lookup.inputs.with(1, all),
			outputs: [name],
			domain: MICROSOFT
		});
		const flat = write.op('Reshape', [name, write.integers(rows, -1)]);
		return write.op('Slice', [flat, write.integers(0), write.integers(columns), write.integers(1)]);
	}

	/** Norms and biases: what is left of floating-point vectors once the matrices are found. */
	#vectors({ model, head }: LoweredDecoder): void {
		const { graph } = model;
		const alive = graph.clone();
		alive.outputs = [{ name: head.x, dataType: 'float32', dims: undefined }];
		prune(alive);
		for (const { name, dataType, dims } of alive.initializers.values()) {
			const value = dataType === 'float16' ? `${name}/float32` : name;
			const readers = [...alive.consumers(value)];
			const vector = dims.length === 1 && sizeOf(dims) > 1 && dataType.startsWith('float');
			const plain = readers.every(({ opType }) => ['Mul', 'Add', 'Gemm'].includes(opType));
			if (!vector || !plain || readers.length === 0) continue;
			const tensors = [{ name, shape: [...dims] }];
			const replace = (parameter: string) => graph.replaceUses(value, parameter);
			this.#add({ tensors, shape: [...dims], value, transposed: false, replace });
		}
	}
}

const isHidden = (dims: readonly unknown[] | undefined, width: number | undefined) =>
	dims?.length === 3 && dims[2] === width;

/** Whether the head's matrix is the embedding's table: the same stored tensor. */
function isTied(stored: string, { linear, weight }: LoweredLinear): boolean {
	return (
		weight.value === stored || (linear.node.opType === 'MatMulNBits' && linear.node.inputs[1] === stored)
	);
}
