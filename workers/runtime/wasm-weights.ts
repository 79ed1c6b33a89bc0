import { readInto, type ByteSource } from '#workers/bytes.ts';
import { totalLength } from '#workers/onnx/segments.ts';
import type { Initializer } from '#workers/onnx/types.ts';
import { heapOf } from './ort-module.ts';
import { OrtTensor } from './ort-tensor.ts';
import { CPU, type Ort } from './ort.ts';
import { segmentSource } from './segment-source.ts';
import { offsetIn, rangesOf, type Range } from './weight-ranges.ts';

/** Bytes that are in JS memory at a time. */
const PIECE = 2 ** 20;
/** A cache line: enough for every SIMD load. */
const ALIGNMENT = 64;

/** A weight with bytes of its own in the block. */
interface Region {
	weight: Initializer;
	ranges: readonly Range[];
	/** From the start of the block. */
	offset: number;
}

/**
 * Weights that a graph takes as inputs, in the wasm heap: read piece by piece from their files into one block of exactly
 * their size. A weight that is part of another (the output head's parts, of the token table) is a view of it.
 */
export class WasmWeights {
	/** By input name. */
	readonly tensors: ReadonlyMap<string, OrtTensor>;
	readonly byteLength: number;
	readonly #ort: Ort;
	readonly #block: number;

	private constructor(ort: Ort, block: number, byteLength: number, tensors: Map<string, OrtTensor>) {
		this.#ort = ort;
		this.#block = block;
		this.byteLength = byteLength;
		this.tensors = tensors;
	}

	/** Inside `ort.exclusive`. @throws OpenLedgerError `device/out-of-memory`; RangeError for a file that is too short */
	static pour(
		ort: Ort,
		weights: readonly Initializer[],
		sources: ReadonlyMap<string, ByteSource>
	): WasmWeights {
		const { regions, places, bytes } = layOut(weights);
		const block = ort.reserve(bytes + ALIGNMENT);
		const start = Math.ceil(block / ALIGNMENT) * ALIGNMENT;
		const tensors = new Map<string, OrtTensor>();
		try {
			const piece = new Uint8Array(PIECE);
			for (const { weight, offset } of regions) {
				const source = segmentSource(weight.data, sources);
				for (let at = 0; at < source.size; at += PIECE) {
					const part = piece.subarray(0, Math.min(PIECE, source.size - at));
					readInto(source, at, part);
					heapOf(ort.module).set(part, start + offset + at);
				}
			}
			for (const { name, dataType, dims, data } of weights) {
				const pointer = start + (places.get(name) as number);
				const handle = ort.wrap(dataType, pointer, totalLength(data), dims, CPU);
				tensors.set(name, new OrtTensor(ort, { handle, type: dataType, dims }));
			}
			return new WasmWeights(ort, block, bytes, tensors);
		} catch (error) {
			for (const tensor of tensors.values()) tensor.dispose();
			ort.module._free(block);
			throw error;
		}
	}

	dispose(): void {
		for (const tensor of this.tensors.values()) tensor.dispose();
		if (!this.#ort.failure) this.#ort.module._free(this.#block);
	}
}

/** Where each weight goes: longest first, those that are part of a longer one in its place. */
function layOut(weights: readonly Initializer[]): {
	regions: Region[];
	places: Map<string, number>;
	bytes: number;
} {
	const regions: Region[] = [];
	const places = new Map<string, number>();
	let bytes = 0;
	for (const weight of weights.toSorted((a, b) => totalLength(b.data) - totalLength(a.data))) {
		const ranges = rangesOf(weight.data);
		let place: number | undefined;
		for (const region of regions) {
			const within = offsetIn(region.ranges, ranges);
			if (within === undefined) continue;
			place = region.offset + within;
			break;
		}
		if (place === undefined) {
			place = Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;
			regions.push({ weight, ranges, offset: place });
			bytes = place + totalLength(weight.data);
		}
		places.set(weight.name, place);
	}
	return { regions, places, bytes };
}
