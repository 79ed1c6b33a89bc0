import { type DataType, byteLength } from '#workers/onnx/types.ts';
import { elementCount } from './element-count.ts';
import { createStorage } from './gpu-buffers.ts';
import type { Ort } from './ort.ts';

const GPU_BUFFER = 4;

/** A tensor in a GPU buffer, known to onnxruntime. `session` is any session on the device. */
export class GpuTensor {
	readonly buffer: GPUBuffer;
	readonly type: DataType;
	readonly dims: readonly number[];
	readonly handle: number;
	readonly #ort: Ort;
	readonly #owned: boolean;
	#disposed = false;

	private constructor(
		ort: Ort,
		buffer: GPUBuffer,
		type: DataType,
		dims: readonly number[],
		handle: number,
		owned: boolean
	) {
		this.#ort = ort;
		this.buffer = buffer;
		this.type = type;
		this.dims = dims;
		this.handle = handle;
		this.#owned = owned;
	}

	/** Over a buffer that stays the caller's. */
	static over(
		ort: Ort,
		session: number,
		buffer: GPUBuffer,
		type: DataType,
		dims: readonly number[],
		owned = false
	): GpuTensor {
		const register = ort.module.webgpuRegisterBuffer;
		if (!register) throw new TypeError('this build of onnxruntime has no WebGPU');
		const bytes = byteLength(type, elementCount(dims));
		const handle = ort.wrap(type, register(buffer, session), bytes, dims, GPU_BUFFER);
		return new GpuTensor(ort, buffer, type, dims, handle, owned);
	}

	/** With a buffer of its own, zeros. Throws a RangeError beyond the device's limits. */
	static create(
		ort: Ort,
		device: GPUDevice,
		session: number,
		type: DataType,
		dims: readonly number[]
	): GpuTensor {
		const buffer = createStorage(device, byteLength(type, elementCount(dims)));
		return GpuTensor.over(ort, session, buffer, type, dims, true);
	}

	get byteLength(): number {
		return byteLength(this.type, elementCount(this.dims));
	}

	dispose(): void {
		if (this.#disposed) return;
		this.#disposed = true;
		if (!this.#ort.failure) {
			this.#ort.module._OrtReleaseTensor(this.handle);
			this.#ort.module.webgpuUnregisterBuffer?.(this.buffer);
		}
		if (this.#owned) this.buffer.destroy();
	}
}
