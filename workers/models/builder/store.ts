import { f32ToF16 } from '#workers/formats/half.ts';
import type { Segment } from '#workers/onnx/types.ts';

/** Takes a weight's bytes as soon as they are made and says where they lie now: in memory or in a file. */
export type StoreWeight = (bytes: Uint8Array) => Segment;

/** Weights stay in memory, for a small model. */
export const inMemory: StoreWeight = (bytes) => bytes;

/** Below this many bytes a tensor may be needed inside the graph's own file. */
const SMALL = 4096;

/**
 * Weights go to a file, so that only a few are in memory at a time. `append` writes at the end of that file; `location` is
 * the name by which the model's segments point to it.
 */
export function inFile(location: string, append: (bytes: Uint8Array) => void): StoreWeight {
	let offset = 0;
	return (bytes) => {
		if (bytes.byteLength <= SMALL) return bytes;
		append(bytes);
		const range = { location, offset, length: bytes.byteLength };
		offset += bytes.byteLength;
		return range;
	};
}

/** Raw little-endian elements in the model's floating-point type. */
export function floatBytes(values: Float32Array, half: boolean): Uint8Array {
	const data = half ? f32ToF16(values) : values;
	return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}
