import { byteLength } from '#workers/onnx/types.ts';
import type { DecoderShape, KvState } from './decoder.ts';
import { GpuTensor } from './gpu-tensor.ts';
import type { Ort } from './ort.ts';

/** Slots of a fresh cache; it doubles when they are used up. */
const FIRST_CAPACITY = 256;

/**
 * A cache in GPU buffers that each run extends in place: tensors [rows, kvHeads, capacity, headDim], layer by layer, key
 * before value. Slots beyond a row's length hold nothing that is read, so forgetting the last tokens costs nothing.
 */
export class GpuKvState implements KvState {
	tensors: GpuTensor[];
	lengths: number[];
	capacity: number;
	readonly #memory: KvMemory;

	constructor(memory: KvMemory, rows: number, capacity = FIRST_CAPACITY) {
		this.#memory = memory;
		this.capacity = capacity;
		this.lengths = new Array<number>(rows).fill(0);
		this.tensors = memory.allocate(rows, capacity);
	}

	get byteLength(): number {
		return this.tensors.reduce((sum, tensor) => sum + tensor.byteLength, 0);
	}

	/** Makes room for `total` tokens in every row. */
	reserve(total: number): void {
		if (total <= this.capacity) return;
		let capacity = this.capacity;
		while (capacity < total) capacity *= 2;
		const larger = new GpuKvState(this.#memory, this.lengths.length, capacity);
		this.#memory.copyRows(
			this.lengths.map((_, row) => ({ from: this, row })),
			larger
		);
		for (const tensor of this.tensors) tensor.dispose();
		this.tensors = larger.tensors;
		this.capacity = capacity;
	}

	dispose(): void {
		for (const tensor of this.tensors) tensor.dispose();
		this.tensors = [];
	}
}

/** Makes and fills caches of one model. */
export class KvMemory {
	readonly #ort: Ort;
	readonly #device: GPUDevice;
	readonly #session: number;
	readonly #shape: DecoderShape;

	/** @param session any session on the device */
	constructor(ort: Ort, device: GPUDevice, session: number, shape: DecoderShape) {
		this.#ort = ort;
		this.#device = device;
		this.#session = session;
		this.#shape = shape;
	}

	allocate(rows: number, capacity: number): GpuTensor[] {
		const { layers, kvHeads, headDim, kvType } = this.#shape;
		const dims = [rows, kvHeads, capacity, headDim];
		return Array.from({ length: 2 * layers }, () =>
			GpuTensor.create(this.#ort, this.#device, this.#session, kvType, dims)
		);
	}

	/** Copies rows of caches to rows 0, 1, … of another, as far as they are filled. */
	copyRows(rows: readonly { from: GpuKvState; row: number }[], to: GpuKvState): void {
		const { kvHeads, headDim, kvType } = this.#shape;
		const slot = byteLength(kvType, headDim);
		const encoder = this.#device.createCommandEncoder();
		rows.forEach(({ from, row }, target) => {
			to.lengths[target] = from.lengths[row] as number;
			// Copies must start and end at multiples of four bytes: a whole slot does for every even head size.
			const filled = Math.ceil(((from.lengths[row] as number) * slot) / 4) * 4;
			if (filled === 0) return;
			from.tensors.forEach((tensor, i) => {
				for (let head = 0; head < kvHeads; head++)
					encoder.copyBufferToBuffer(
						tensor.buffer,
						(row * kvHeads + head) * from.capacity * slot,
						(to.tensors[i] as GpuTensor).buffer,
						(target * kvHeads + head) * to.capacity * slot,
						filled
					);
			});
		});
		this.#device.queue.submit([encoder.finish()]);
	}
}
