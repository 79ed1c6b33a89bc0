import { intAttribute, intsAttribute } from '../attribute.ts';
import { constantType } from '../constant.ts';
import { unsupported } from '../failure.ts';
import type { Graph, Node } from '../graph.ts';
import type { GraphWriter } from '../graph-writer.ts';
import type { Linear } from '../linear.ts';
import { dataTypeNumber, type DataType, type Initializer } from '../types.ts';

/** A matrix as a product reads it. */
export interface Matrix {
	/** The value: an initialiser, or what expands stored codes to float32. */
	value: string;
	/** Rows are output features, [out, in], as PyTorch has it; else [in, out]. */
	byOutput: boolean;
}

/** The weight of a linear in float32, from the bytes that are stored. */
export function weightOf(graph: Graph, write: GraphWriter, { node }: Linear): Matrix {
	if (node.opType === 'MatMulNBits') return { value: expandBlocks(graph, write, node), byOutput: true };
	if (node.opType === 'Mul') return { value: expandDynamic(graph, write, node), byOutput: false };
	let byOutput = node.opType === 'Gemm' && intAttribute(node, 'transB', 0) !== 0;
	let [, value = ''] = node.inputs;
	for (let made = graph.producer(value); made?.opType === 'Transpose'; made = graph.producer(value)) {
		const order = intsAttribute(made, 'perm');
		if (!order || order[0] === 1) byOutput = !byOutput;
		value = made.inputs[0] ?? '';
	}
	return { value, byOutput };
}

/** The matrix [out, in] behind MatMulNBits: (code − zero point) · scale in blocks along each row. */
function expandBlocks(graph: Graph, write: GraphWriter, node: Node): string {
	const [, codes = '', scales = '', zeroPoints = '', order = ''] = node.inputs;
	const [columns, rows] = [intAttribute(node, 'K', 0), intAttribute(node, 'N', 0)];
	const [bits, block] = [intAttribute(node, 'bits', 4), intAttribute(node, 'block_size', 32)];
	const stored = graph.initializers.get(codes);
	const refuse = (why: string) =>
		unsupported(`This model cannot be trained: MatMulNBits '${node.name}' ${why}.`, {
			node: node.name,
			operator: node.opType
		});
	if (!stored) throw refuse('has weights that are computed');
	if (order !== '') throw refuse('permutes its inputs');
	if (bits !== 4 && bits !== 8) throw refuse(`stores ${bits} bits a weight`);
	const name = `${codes}/expanded`;
	if (graph.producer(name)) return name;
	const blocks = Math.ceil(columns / block);
	const padded = blocks * block;
	const type: DataType = bits === 4 ? 'uint4' : 'uint8';
	const matrix = viewed(graph, stored, type, [rows, padded]);
	const perRow = shaped(graph, write, scales, [rows, blocks]);
	const zeros = graph.initializers.get(zeroPoints);
	if (zeroPoints !== '' && zeros?.dataType !== 'uint8') throw refuse('has zero points that are no integers');
	// Each row of 4-bit zero points begins at a byte of its own, so that an odd number of them is no matrix.
	const uneven = zeros && type === 'uint4' && blocks % 2 !== 0 ? zeros : undefined;
	const zero =
		zeros && !uneven ? viewed(graph, zeros, type, [rows, blocks]) : middle(graph, type, rows, blocks);
	// Read by its products directly: onnxruntime then expands it for each anew and keeps no float32 copy from the way there
	// to the way back. An Identity between would make it keep one.
	const plain = !uneven && padded === columns;
	const attributes = { axis: 1, block_size: block };
	let value = write.op('DequantizeLinear', [matrix, perRow, zero], attributes, plain ? name : undefined);
	if (plain) return name;
	if (uneven) {
		const shift = write.op('Mul', [zeroShift(write, uneven, blocks), perRow]);
		const byBlock = write.op('Reshape', [value, write.integers(rows, blocks, block)]);
		const shifted = write.op('Add', [byBlock, write.op('Unsqueeze', [shift, write.integers(2)])]);
		value = write.op('Reshape', [shifted, write.integers(rows, padded)]);
	}
	if (padded === columns) return write.op('Identity', [value], {}, name);
	return write.op('Slice', [value, write.integers(0), write.integers(columns), write.integers(1)], {}, name);
}

/** 8 − zero point for each block, from two zero points a byte, low half first: float32 [rows, blocks]. */
function zeroShift(write: GraphWriter, zeros: Initializer, blocks: number): string {
	const number = (value: number) => write.scalar('float32', value);
	const bytes = write.op('Cast', [zeros.name], { to: dataTypeNumber('float32') });
	const high = write.op('Floor', [write.op('Div', [bytes, number(16)])]);
	const low = write.op('Sub', [bytes, write.op('Mul', [high, number(16)])]);
	const pairs = [low, high].map((half) => write.op('Unsqueeze', [half, write.integers(2)]));
	const all = write.op('Reshape', [write.op('Concat', pairs, { axis: 2 }), write.integers(0, -1)]);
	const own = write.op('Slice', [all, write.integers(0), write.integers(blocks), write.integers(1)]);
	return write.op('Sub', [number(8), own]);
}

/** Zero points [rows, blocks] in the middle of the range, which is what none means. */
function middle(graph: Graph, type: DataType, rows: number, blocks: number): string {
	const name = `zero_points/${type}/${rows}_${blocks}`;
	if (graph.initializers.has(name)) return name;
	const [count, value] = type === 'uint4' ? [Math.ceil((rows * blocks) / 2), 0x88] : [rows * blocks, 0x80];
	return graph.initializer(name, type, [rows, blocks], new Uint8Array(count).fill(value));
}

/** A stored tensor's bytes under another type and shape. */
function viewed(graph: Graph, stored: Initializer, dataType: DataType, dims: number[]): string {
	if (stored.dataType === dataType && String(stored.dims) === String(dims)) return stored.name;
	const name = `${stored.name}/${dataType}_${dims.join('_')}`;
	if (!graph.initializers.has(name)) graph.addInitializer({ ...stored, name, dataType, dims });
	return name;
}

/** A constant in another shape: the stored bytes where it is stored, else a Reshape. */
function shaped(graph: Graph, write: GraphWriter, value: string, dims: number[]): string {
	const stored = graph.initializers.get(value);
	if (stored) return viewed(graph, stored, stored.dataType, dims);
	return write.op('Reshape', [value, write.integers(...dims)]);
}

/** The int8 weight behind MatMulInteger, whose product `node` scales back to floating point. */
function expandDynamic(graph: Graph, write: GraphWriter, node: Node): string {
	const inputs = node.inputs.map((input) => graph.producer(input));
	const product = inputs.find((made) => made?.opType === 'Cast')?.inputs[0];
	const scales = inputs.find((made) => made?.opType === 'Mul');
	const integer = graph.producer(product ?? '');
	const scale = scales?.inputs.find((input) => constantType(graph, input));
	const [, codes = '', , zero = ''] = integer?.inputs ?? [];
	if (integer?.opType !== 'MatMulInteger' || scale === undefined)
		throw unsupported(
			`This model cannot be trained: the quantised product '${node.name}' is of an unknown form.`,
			{ node: node.name, operator: 'MatMulInteger' }
		);
	const perColumn = (constantType(graph, scale)?.dims.length ?? 0) > 0;
	const inputsOf = zero === '' ? [codes, scale] : [codes, scale, zero];
	return write.op('DequantizeLinear', inputsOf, perColumn ? { axis: 1 } : {});
}
