import type { DecoderConfig } from '#workers/models/builder/config.ts';
import { expectedTensors } from '#workers/models/builder/weights.ts';
import type { Graph } from '#workers/onnx/graph.ts';
import { joinSegments } from '#workers/onnx/segments.ts';
import type { ByteSource } from '#workers/bytes.ts';
import { f16ToF32 } from '#workers/formats/half.ts';
import type { Tensors } from './reference-decoder.ts';

/**
 * The weights that a built graph computes with, by their Hugging Face names, in float32: quantised ones are expanded as
 * MatMulNBits defines it, (code − zero point) · scale in blocks of 32 along each row, matrices turned back to [out, in].
 * For graphs of workers/models/builder/decoder.ts. `sources` are the files that hold weights, where there are any.
 */
export function graphTensors(
	graph: Graph,
	config: DecoderConfig,
	sources: ReadonlyMap<string, ByteSource> = new Map()
): Tensors {
	const shapes = new Map(expectedTensors(config));
	const bytesOf = (name: string) => {
		const initializer = graph.initializers.get(name);
		return (
			initializer && {
				dims: initializer.dims,
				type: initializer.dataType,
				bytes: joinSegments(initializer.data, sources)
			}
		);
	};
	const floats = (name: string) => {
		const found = bytesOf(name);
		if (!found) return undefined;
		const { buffer } = found.bytes;
		const values = found.type === 'float16' ? f16ToF32(new Uint16Array(buffer)) : new Float32Array(buffer);
		return { dims: found.dims, values };
	};
	const expand = (name: string, bits: number) => {
		const codes = bytesOf(`${name}_Q${bits}`);
		const scales = floats(`${name}_scales`)?.values;
		if (!codes || !scales) return undefined;
		const zeros = bytesOf(`${name}_zero_points`);
		const [rows = 0, blocks = 0] = codes.dims;
		const columns = shapes.get(name)?.[1] ?? blocks * 32;
		const code = (bytes: Uint8Array, index: number) => {
			const byte = bytes[Math.floor((index * bits) / 8)] ?? 0;
			return bits === 8 ? byte : index % 2 ? byte >> 4 : byte & 15;
		};
		const zeroStride = ((zeros?.dims[1] ?? 0) * 8) / bits;
		const values = new Float32Array(rows * columns);
		for (let row = 0; row < rows; row++)
			for (let column = 0; column < columns; column++) {
				const block = Math.floor(column / 32);
				const zero = zeros ? code(zeros.bytes, row * zeroStride + block) : 2 ** (bits - 1);
				values[row * columns + column] =
					(code(codes.bytes, row * blocks * 32 + column) - zero) * (scales[row * blocks + block] ?? 0);
			}
		return values;
	};
	const read = (name: string) => {
		const plain = floats(name);
		if (!plain) return expand(name, 4) ?? expand(name, 8);
		const [inner = 0, out] = plain.dims;
		if (out === undefined || name.includes('embed_tokens')) return plain.values;
		return Float32Array.from(
			plain.values,
			(_, i) => plain.values[(i % inner) * out + Math.floor(i / inner)] ?? 0
		);
	};
	const known = new Map<string, Float32Array | undefined>();
	return (name) => {
		if (!known.has(name)) known.set(name, read(name));
		return known.get(name);
	};
}
