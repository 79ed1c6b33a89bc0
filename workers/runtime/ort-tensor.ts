import { type DataType, byteLength, dataTypeOf } from '#workers/onnx/types.ts';
import { elementCount } from './element-count.ts';
import type { Ort } from './ort.ts';
import { heapOf } from './ort-module.ts';

interface TensorParts {
	/** OrtValue. */
	handle: number;
	type: DataType;
	dims: readonly number[];
	/** Heap memory that is ours to free; 0 where onnxruntime owns it. */
	owned?: number;
}

/** A tensor in the wasm heap. It stays there from run to run, and is freed by `dispose` only. */
export class OrtTensor {
	readonly handle: number;
	readonly type: DataType;
	readonly dims: readonly number[];
	readonly #ort: Ort;
	readonly #owned: number;
	#pointer: number | undefined;
	#disposed = false;

	constructor(ort: Ort, { handle, type, dims, owned = 0 }: TensorParts) {
		this.#ort = ort;
		this.handle = handle;
		this.type = type;
		this.dims = dims;
		this.#owned = owned;
		this.#pointer = owned || undefined;
	}

	/** What a run returned: type, shape and place are asked of the OrtValue. */
	static fromHandle(ort: Ort, handle: number): OrtTensor {
		const { type, dims, pointer } = describe(ort, handle);
		const tensor = new OrtTensor(ort, { handle, type, dims });
		tensor.#pointer = pointer;
		return tensor;
	}

	/** What a run returned, known to have the type and shape of another. */
	static alike(ort: Ort, handle: number, { type, dims }: OrtTensor): OrtTensor {
		return new OrtTensor(ort, { handle, type, dims });
	}

	get byteLength(): number {
		return byteLength(this.type, elementCount(this.dims));
	}

	/** Where its elements start in the wasm heap. */
	get pointer(): number {
		this.#pointer ??= describe(this.#ort, this.handle).pointer;
		return this.#pointer;
	}

	/** Its bytes in the wasm heap: a view that the next run or allocation may make stale. */
	bytes(): Uint8Array<ArrayBuffer> {
		return heapOf(this.#ort.module).subarray(this.pointer, this.pointer + this.byteLength);
	}

	/** Float32 elements, as a view like `bytes`. */
	floats(): Float32Array<ArrayBuffer> {
		if (this.type !== 'float32') throw new TypeError(`a ${this.type} tensor has no float32 elements`);
		return new Float32Array(heapOf(this.#ort.module).buffer, this.pointer, elementCount(this.dims));
	}

	dispose(): void {
		if (this.#disposed) return;
		this.#disposed = true;
		// After an abort the module must not be entered again; its memory goes with it.
		if (this.#ort.failure) return;
		this.#ort.module._OrtReleaseTensor(this.handle);
		if (this.#owned) this.#ort.module._free(this.#owned);
	}
}

function describe(ort: Ort, handle: number): { type: DataType; dims: number[]; pointer: number } {
	const { module } = ort;
	const size = module.PTR_SIZE;
	const integer = size === 4 ? 'i32' : 'i64';
	const mark = module.stackSave();
	try {
		const out = module.stackAlloc(4 * size);
		ort.check(module._OrtGetTensorData(handle, out, out + size, out + 2 * size, out + 3 * size));
		const type = dataTypeOf(Number(module.getValue(out, integer)));
		const shape = module.getValue(out + 2 * size, '*');
		const rank = Number(module.getValue(out + 3 * size, integer));
		const dims = Array.from({ length: rank }, (_, i) => Number(module.getValue(shape + i * size, integer)));
		module._OrtFree(shape);
		if (!type) throw new Error('a tensor of an element type that is not supported');
		return { type, dims, pointer: module.getValue(out + size, '*') };
	} finally {
		module.stackRestore(mark);
	}
}
