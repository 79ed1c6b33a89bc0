import type { ByteSource } from '#workers/bytes.ts';
import { totalLength } from '#workers/onnx/segments.ts';
import type { Initializer } from '#workers/onnx/types.ts';
import { createStorage, type BufferRanges } from './gpu-buffers.ts';
import { segmentSource } from './segment-source.ts';
import { offsetIn, rangesOf, type Range } from './weight-ranges.ts';

const CHUNK = 4 * 2 ** 20;
/** Uploads in flight before the queue is waited for: each holds a staging copy. */
const IN_FLIGHT = 64 * 2 ** 20;

/** One buffer on the device, and the ranges it is made of. */
interface Region {
	buffer: GPUBuffer;
	ranges: readonly Range[];
}

/**
 * The weights of several graphs of one model on the GPU, each byte once: a weight that is part of a longer one (q among
 * q, k and v) is a range of its buffer. Where the device cannot bind a range there, it gets a buffer of its own.
 */
export class GpuWeights {
	readonly #device: GPUDevice;
	readonly #ranges: BufferRanges;
	readonly #regions: Region[] = [];
	readonly #standIns = new Map<string, GPUBuffer>();
	#byteLength = 0;

	private constructor(device: GPUDevice, ranges: BufferRanges) {
		this.#device = device;
		this.#ranges = ranges;
	}

	/** Copies every weight to the device, in pieces of 4 MiB. Throws a RangeError for one beyond the device's limits. */
	static async upload(
		device: GPUDevice,
		ranges: BufferRanges,
		weights: readonly Initializer[],
		sources: ReadonlyMap<string, ByteSource>
	): Promise<GpuWeights> {
		const held = new GpuWeights(device, ranges);
		const longestFirst = weights.toSorted((a, b) => totalLength(b.data) - totalLength(a.data));
		try {
			let inFlight = 0;
			for (const { data } of longestFirst) {
				if (held.#find(rangesOf(data))) continue;
				const source = segmentSource(data, sources);
				const buffer = createStorage(device, source.size);
				held.#regions.push({ buffer, ranges: rangesOf(data) });
				held.#byteLength += buffer.size;
				for (let at = 0; at < source.size; at += CHUNK) {
					const bytes = source.read(at, Math.min(CHUNK, source.size - at));
					device.queue.writeBuffer(buffer, at, padded(bytes));
					inFlight += bytes.length;
					if (inFlight < IN_FLIGHT) continue;
					await device.queue.onSubmittedWorkDone();
					inFlight = 0;
				}
			}
			return held;
		} catch (error) {
			held.dispose();
			throw error;
		}
	}

	/** Bytes on the device. */
	get byteLength(): number {
		return this.#byteLength;
	}

	/** The buffer to bind for a weight, or a stand-in for a range of one. */
	buffer(weight: Initializer): GPUBuffer {
		const ranges = rangesOf(weight.data);
		const found = this.#find(ranges);
		if (!found) throw new RangeError(`weight '${weight.name}' was not uploaded`);
		const { region, offset } = found;
		const length = totalLength(weight.data);
		if (offset === 0 && length === totalLengthOf(region)) return region.buffer;
		const key = `${this.#regions.indexOf(region)}:${offset}+${length}`;
		let standIn = this.#standIns.get(key);
		if (!standIn) {
			standIn = this.#ranges.range(region.buffer, offset, length);
			this.#standIns.set(key, standIn);
		}
		return standIn;
	}

	dispose(): void {
		for (const { buffer } of this.#regions) buffer.destroy();
		for (const buffer of this.#standIns.values()) buffer.destroy();
	}

	/** Where these bytes are on the device already, at a place that can be bound. */
	#find(wanted: readonly Range[]): { region: Region; offset: number } | undefined {
		for (const region of this.#regions) {
			const offset = offsetIn(region.ranges, wanted);
			if (offset !== undefined && (offset === 0 || this.#ranges.aligned(offset))) return { region, offset };
		}
		return undefined;
	}
}

const totalLengthOf = ({ ranges }: Region): number => ranges.reduce((sum, { length }) => sum + length, 0);

/** writeBuffer takes multiples of four bytes. */
function padded(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
	if (bytes.length % 4 === 0) return bytes as Uint8Array<ArrayBuffer>;
	const longer = new Uint8Array(Math.ceil(bytes.length / 4) * 4);
	longer.set(bytes);
	return longer;
}
