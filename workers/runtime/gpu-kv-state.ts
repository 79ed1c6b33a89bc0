import { byteLength } from '#workers/onnx/types.ts';
import type { DecoderShape, KvState } from './decoder.ts';
import { GpuTensor } from './gpu-tensor.ts';
import type { Ort } from './ort.ts';

/** Slots of a fresh cache; it doubles when they are used up. */
const FIRST_CAPACITY = 256;

/**
 * A cache in GPU buffers: tensors [rows, kvHeads, capacity, headDim], layer by layer, key before value. Where attention
 * extends it in place there are slots to spare, and forgetting the last tokens costs nothing; else every run leaves a
 * longer one, which is full.
 */
export class GpuKvState implements KvState {
	tensors: GpuTensor[];
	lengths: number[];
	capacity: number;

	constructor(tensors: GpuTensor[], lengths: number[], capacity: number) {
		this.tensors = tensors;
		this.lengths = lengths;
		this.capacity = capacity;
	}

	get byteLength(): number {
		return this.tensors.reduce((sum, tensor) => sum + tensor.byteLength, 0);
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
	readonly #inPlace: boolean;

	/** @param session any session on the device */
	constructor(ort: Ort, device: GPUDevice, session: number, shape: DecoderShape, inPlace: boolean) {
		this.#ort = ort;
		this.#device = device;
		this.#session = session;
		this.#shape = shape;
		this.#inPlace = inPlace;
	}

	/** An empty cache of one row. */
	create(): GpuKvState {
		const capacity = this.#inPlace ? FIRST_CAPACITY : 0;
		return new GpuKvState(this.#allocate(1, capacity), [0], capacity);
	}

	/** Tensors for a run to write its cache to: the cache's own, enlarged if need be, or longer ones. */
	target(state: GpuKvState, total: number): GpuTensor[] {
		if (!this.#inPlace) return this.#allocate(state.lengths.length, total);
		if (total > state.capacity) {
			let capacity = state.capacity;
			while (capacity < total) capacity *= 2;
			this.#replace(state, this.#copy(rowsOf(state), capacity));
		}
		return state.tensors;
	}

	/** The run that wrote to `target` has succeeded. */
	advance(state: GpuKvState, target: GpuTensor[], fresh: number): void {
		state.lengths = state.lengths.map((length) => length + fresh);
		if (this.#inPlace) return;
		for (const tensor of state.tensors) tensor.dispose();
		state.tensors = target;
		state.capacity = Math.max(...state.lengths);
	}

	/** The run that was to write to `target` has failed. */
	discard(target: GpuTensor[]): void {
		if (!this.#inPlace) for (const tensor of target) tensor.dispose();
	}

	/** Forgets all but the first tokens of the only row. */
	crop(state: GpuKvState, length: number): void {
		state.lengths = [length];
		if (!this.#inPlace && length < state.capacity) this.#replace(state, this.#copy(rowsOf(state), length));
	}

	/** A cache with copies of these rows. */
	gather(rows: readonly KvRow[]): GpuKvState {
		const capacity = this.#inPlace
			? Math.max(...rows.map(({ from }) => from.capacity))
			: Math.max(...rows.map(({ from, row }) => from.lengths[row] as number));
		return this.#copy(rows, capacity);
	}

	#allocate(rows: number, capacity: number): GpuTensor[] {
		const { layers, kvHeads, headDim, kvType } = this.#shape;
		const dims = [rows, kvHeads, capacity, headDim];
		return Array.from({ length: 2 * layers }, () =>
			GpuTensor.create(this.#ort, this.#device, this.#session, kvType, dims)
		);
	}

	#replace(state: GpuKvState, by: GpuKvState): void {
		for (const tensor of state.tensors) tensor.dispose();
		state.tensors = by.tensors;
		state.capacity = by.capacity;
	}

	#copy(rows: readonly KvRow[], capacity: number): GpuKvState {
		const { kvHeads, headDim, kvType } = this.#shape;
		const slot = byteLength(kvType, headDim);
		const lengths = rows.map(({ from, row }) => from.lengths[row] as number);
		const tensors = this.#allocate(rows.length, capacity);
		const encoder = this.#device.createCommandEncoder();
		rows.forEach(({ from, row }, target) => {
			const filled = (lengths[target] as number) * slot;
			if (filled === 0) return;
			from.tensors.forEach((tensor, i) => {
				for (let head = 0; head < kvHeads; head++)
					encoder.copyBufferToBuffer(
						tensor.buffer,
						(row * kvHeads + head) * from.capacity * slot,
						(tensors[i] as GpuTensor).buffer,
						(target * kvHeads + head) * capacity * slot,
						filled
					);
			});
		});
		this.#device.queue.submit([encoder.finish()]);
		return new GpuKvState(tensors, lengths, capacity);
	}
}

/** One sequence of a cache. */
export interface KvRow {
	from: GpuKvState;
	row: number;
}

export const rowsOf = (from: GpuKvState): KvRow[] => from.lengths.map((_, row) => ({ from, row }));
