import type { Model } from '#workers/onnx/model.ts';
import { totalLength } from '#workers/onnx/segments.ts';
import type { Initializer } from '#workers/onnx/types.ts';

/** Smaller constants stay in the graph: they cost nothing to hold twice, and some kernels want them constant. */
const LARGE = 4096;

/** Types of weights that a GPU buffer can be given to onnxruntime as. */
const TYPES = new Set(['float32', 'float16', 'uint8']);

/** Operators, and the positions of those of their inputs that are weights. */
type Readers = Readonly<Record<string, readonly number[]>>;

/** What the WebGPU kernels read as it is, whether or not it is constant. */
const READERS: Readers = {
	MatMul: [1],
	Gemm: [1, 2],
	MatMulNBits: [1, 2, 3, 5],
	Gather: [0],
	GatherBlockQuantized: [0, 2, 3],
	GroupQueryAttention: [7, 8],
	RotaryEmbedding: [2, 3]
};

/** The same for wasm: its float32 products are faster by a third where their weights are constants, which it repacks. */
export const QUANTISED_READERS: Readers = {
	MatMulNBits: [1, 2, 3],
	GatherBlockQuantized: [0, 2, 3]
};

/**
 * A copy of a model whose large weights are graph inputs, so that several graphs can run on one copy of them. They are
 * named and typed as before. Weights that go through anything but the product they are for stay constant: onnxruntime
 * folds what it can of them.
 */
export function liftWeights(
	model: Model,
	readers: Readers = READERS
): { model: Model; weights: Initializer[] } {
	const graph = model.graph.clone();
	const weights: Initializer[] = [];
	for (const initializer of [...graph.initializers.values()]) {
		const { name, dataType, dims, data } = initializer;
		const users = [...graph.consumers(name)];
		const readAsIs = users.every((node) =>
			node.inputs.every((input, i) => input !== name || readers[node.opType]?.includes(i))
		);
		if (totalLength(data) < LARGE || !readAsIs || !TYPES.has(dataType) || graph.isOutput(name)) continue;
		graph.removeInitializer(name);
		graph.input(name, dataType, dims);
		weights.push(initializer);
	}
	return { model: { ...model, graph }, weights };
}
