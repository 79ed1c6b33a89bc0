import { readInto, type ByteSource } from '#workers/bytes.ts';

/**
 * Looks like a `Uint8Array` to onnxruntime, holds nothing. The runtime checks `instanceof Uint8Array` and `byteLength`
 * when external data is mounted, and later calls `subarray(from, to)` once per weight, whose result it copies straight
 * into the wasm heap or a GPU buffer. So a model's weights never exist in JS memory, one tensor at a time excepted: every
 * result lies in the same memory, and is valid until the next one is asked for.
 */
export class LazyBytes extends Uint8Array<ArrayBuffer> {
	readonly #source: ByteSource;
	readonly #onRead: () => void;
	#scratch = new Uint8Array(0);

	/** Methods that build a new array (`slice`, `map`) must not try to build a LazyBytes. */
	static get [Symbol.species]() {
		return Uint8Array;
	}

	/** @param onRead called when a weight has been read, before it is copied */
	constructor(source: ByteSource, onRead: () => void = () => undefined) {
		super(new ArrayBuffer(0));
		this.#source = source;
		this.#onRead = onRead;
	}

	override get byteLength(): number {
		return this.#source.size;
	}

	override subarray(begin = 0, end = this.#source.size): Uint8Array<ArrayBuffer> {
		const length = end - begin;
		if (this.#scratch.length < length) this.#scratch = new Uint8Array(length);
		const bytes = this.#scratch.subarray(0, length);
		readInto(this.#source, begin, bytes);
		this.#onRead();
		return bytes;
	}
}
