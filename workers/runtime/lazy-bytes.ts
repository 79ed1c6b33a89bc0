import type { ByteSource } from '#workers/bytes.ts';

/**
 * Looks like a `Uint8Array` to onnxruntime, holds nothing. The runtime checks `instanceof Uint8Array` and `byteLength`
 * when external data is mounted, and later calls `subarray(from, to)` once per weight, whose result it copies straight
 * into the wasm heap or a GPU buffer. So a model's weights never exist in JS memory, one tensor at a time excepted.
 */
export class LazyBytes extends Uint8Array<ArrayBuffer> {
	readonly #source: ByteSource;

	/** Methods that build a new array (`slice`, `map`) must not try to build a LazyBytes. */
	static get [Symbol.species]() {
		return Uint8Array;
	}

	constructor(source: ByteSource) {
		super(new ArrayBuffer(0));
		this.#source = source;
	}

	override get byteLength(): number {
		return this.#source.size;
	}

	override subarray(begin = 0, end = this.#source.size): Uint8Array<ArrayBuffer> {
		return this.#source.read(begin, end - begin) as Uint8Array<ArrayBuffer>;
	}
}
