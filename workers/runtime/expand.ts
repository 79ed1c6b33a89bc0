import type { ByteSource } from '#workers/bytes.ts';
import { f16ToF32 } from '#workers/formats/half.ts';
import { intAttribute } from '#workers/onnx/attribute.ts';
import type { Node } from '#workers/onnx/graph.ts';
import type { Model } from '#workers/onnx/model.ts';
import { joinSegments } from '#workers/onnx/segments.ts';
import type { Initializer, Tensor } from '#workers/onnx/types.ts';

type Sources = ReadonlyMap<string, ByteSource>;

/** Bytes that the model's block-quantised linears take as float32. */
export function expandedBytes(model: Model): number {
	let bytes = 0;
	for (const node of model.graph.nodes) if (isQuantised(node)) bytes += 4 * sizeOf(node);
	return bytes;
}

/**
 * A copy of a model in which every MatMulNBits is a plain MatMul over the same weights as float32.
 *
 * The wasm kernels have no 4-bit product: they turn the whole matrix into float32 on every run, which takes six times as
 * long as the product itself (docs/decisions/wasm-weights.md). Done once at loading it costs memory instead. The weights
 * are computed when onnxruntime reads them, one matrix at a time: they lie in files that only `sources` knows.
 */
export function expandQuantised(model: Model, sources: Sources): { model: Model; sources: Sources } {
	const graph = model.graph.clone();
	const all = new Map(sources);
	for (const node of [...graph.nodes]) {
		if (!isQuantised(node)) continue;
		const [x = '', codes = '', scales = '', zeroPoints = '', order = '', bias = ''] = node.inputs;
		const stored = { codes: graph.initializers.get(codes), scales: graph.initializers.get(scales) };
		const zeros = graph.initializers.get(zeroPoints);
		const [y = ''] = node.outputs;
		// A permutation of the inputs, zero points in floating point, or float16 activations: left as they are.
		const plain = order === '' && (zeroPoints === '' || zeros?.dataType === 'uint8');
		if (!plain || !stored.codes || stored.scales?.dataType !== 'float32') continue;
		const [inner, outer] = [intAttribute(node, 'K', 0), intAttribute(node, 'N', 0)];
		const name = `${codes}/float32`;
		if (!graph.initializers.has(name)) {
			const length = 4 * inner * outer;
			const write = (weights: Float32Array) =>
				dequantise(node, stored.codes, stored.scales, zeros, sources, weights);
			all.set(name, computedSource(length, write));
			graph.initializer(name, 'float32', [inner, outer], [{ location: name, offset: 0, length }]);
		}
		graph.removeNode(node);
		const product = bias ? `${y}/product` : y;
		graph.node('MatMul', [x, name], [product]);
		if (bias) graph.node('Add', [product, bias], [y]);
	}
	for (const name of [...graph.initializers.keys()])
		if (graph.consumers(name).size === 0 && !graph.isOutput(name)) graph.removeInitializer(name);
	return { model: { ...model, graph }, sources: all };
}

function isQuantised(node: Node): boolean {
	const bits = intAttribute(node, 'bits', 4);
	return node.opType === 'MatMulNBits' && node.domain === 'com.microsoft' && (bits === 4 || bits === 8);
}

const sizeOf = (node: Node): number => intAttribute(node, 'K', 0) * intAttribute(node, 'N', 0);

/** Columns of W that are made together: a cache line of one row. */
const LINE = 16;

/** W [K, N] from codes [N, blocks, bytes], scales [N · blocks] and zero points: w = (code − zero) · scale. */
function dequantise(
	node: Node,
	codesTensor: Initializer | undefined,
	scalesTensor: Initializer | undefined,
	zerosTensor: Initializer | undefined,
	sources: Sources,
	weights: Float32Array
): void {
	const [inner, outer] = [intAttribute(node, 'K', 0), intAttribute(node, 'N', 0)];
	const [bits, block] = [intAttribute(node, 'bits', 4), intAttribute(node, 'block_size', 32)];
	const codes = bytesOf(codesTensor, sources);
	const scales = floatsOf(scalesTensor, sources);
	const zeros = zerosTensor && bytesOf(zerosTensor, sources);
	const perByte = 8 / bits;
	const mask = (1 << bits) - 1;
	const blocks = Math.ceil(inner / block);
	const rowBytes = (blocks * block) / perByte;
	const zeroRowBytes = Math.ceil(blocks / perByte);
	const zeroOf = (n: number, b: number) =>
		zeros
			? ((zeros[n * zeroRowBytes + Math.floor(b / perByte)] as number) >> ((b % perByte) * bits)) & mask
			: 1 << (bits - 1);
	const scale = new Float64Array(LINE);
	const zero = new Int32Array(LINE);
	// Row by row of codes would write one float of each line and come back for the next.
	for (let n0 = 0; n0 < outer; n0 += LINE) {
		const width = Math.min(LINE, outer - n0);
		for (let b = 0; b < blocks; b++) {
			for (let i = 0; i < width; i++) {
				scale[i] = scales[(n0 + i) * blocks + b] as number;
				zero[i] = zeroOf(n0 + i, b);
			}
			const end = Math.min((b + 1) * block, inner);
			for (let k = b * block; k < end; k++) {
				const shift = (k % perByte) * bits;
				const line = k * outer + n0;
				let at = n0 * rowBytes + Math.floor(k / perByte);
				for (let i = 0; i < width; i++, at += rowBytes)
					weights[line + i] =
						((((codes[at] as number) >> shift) & mask) - (zero[i] as number)) * (scale[i] as number);
			}
		}
	}
}

function bytesOf(tensor: Tensor | undefined, sources: Sources): Uint8Array<ArrayBuffer> {
	return joinSegments(tensor?.data ?? [], sources);
}

function floatsOf(tensor: Tensor | undefined, sources: Sources): Float32Array {
	const { buffer } = bytesOf(tensor, sources);
	return tensor?.dataType === 'float16' ? f16ToF32(new Uint16Array(buffer)) : new Float32Array(buffer);
}

/** A file of float32 values that is computed when it is read, which onnxruntime does once and as a whole. */
function computedSource(size: number, write: (values: Float32Array) => void): ByteSource {
	return {
		size,
		read(offset, length) {
			const bytes = new Uint8Array(size);
			this.readInto?.(0, bytes);
			return bytes.subarray(offset, offset + length);
		},
		readInto(offset, target) {
			if (offset === 0 && target.length === size && target.byteOffset % 4 === 0)
				write(new Float32Array(target.buffer, target.byteOffset, size / 4));
			else target.set(this.read(offset, target.length));
		}
	};
}
