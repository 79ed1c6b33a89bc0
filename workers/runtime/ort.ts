import { OpenLedgerError } from '#workers/errors.ts';
import { type DataType, byteLength, dataTypeNumber } from '#workers/onnx/types.ts';
import { elementCount } from './element-count.ts';
import { deviceError } from './device-error.ts';
import { heapOf, startModule, type OrtBuild, type OrtModule, type OrtUrls } from './ort-module.ts';
import { OrtTensor } from './ort-tensor.ts';

/** Errors come back as exceptions: they need not be printed as well. */
export const LOG_FATAL_ONLY = 4;
/** What wasm32 can address. */
const ADDRESSABLE = 2 ** 32 - 2 ** 16;
/** Location of memory in the wasm heap. */
export const CPU = 1;

export interface OrtOptions {
	build: OrtBuild;
	/** Threads of the wasm kernels, this one included. More than one needs a cross-origin isolated page, or Node. */
	threads: number;
	/** Needed in a browser: the build's files on the app's own origin. */
	urls?: OrtUrls;
	/** For the WebGPU builds: sessions run on it. */
	device?: GPUDevice;
}

/**
 * One running onnxruntime. Its sessions share a wasm heap and a GPU device and must never run at the same time, so
 * everything that may suspend goes through `exclusive`.
 */
export class Ort {
	readonly build: OrtBuild;
	readonly threads: number;
	readonly module: OrtModule;
	readonly device: GPUDevice | undefined;
	readonly #names = new Map<string, number>();
	#tail: Promise<unknown> = Promise.resolve();
	#dead: OpenLedgerError | undefined;

	private constructor(module: OrtModule, options: OrtOptions) {
		this.module = module;
		this.build = options.build;
		this.threads = options.threads;
		this.device = options.device;
	}

	/** @throws OpenLedgerError `engine/failed` where the build's files cannot be loaded or started */
	static async start(options: OrtOptions): Promise<Ort> {
		try {
			const module = await startModule(options.build, options.threads, options.urls);
			const ort = new Ort(module, options);
			ort.check(module._OrtInit(options.threads, LOG_FATAL_ONLY));
			module.asyncInit?.();
			module.webgpuInit?.(() => undefined);
			void options.device?.lost.then(({ message, reason }) =>
				ort.fail(
					new OpenLedgerError('device/lost', 'The graphics card stopped answering.', {
						remedy: 'What was written so far is kept. Continue: the model is loaded again.',
						details: { reason, message }
					})
				)
			);
			return ort;
		} catch (error) {
			throw OpenLedgerError.from(
				error,
				'engine/failed',
				'The inference engine could not be started.',
				'Reload the page. If that does not help, use an up-to-date browser.'
			);
		}
	}

	/** Set once the device is lost or the wasm module has aborted: nothing here can run again. */
	get failure(): OpenLedgerError | undefined {
		return this.#dead;
	}

	/** From now on every call fails with this error. The first failure stays. */
	fail(error: OpenLedgerError): void {
		this.#dead ??= error;
	}

	/**
	 * Runs tasks one at a time, in the order of the calls.
	 * @throws OpenLedgerError `device/lost`, `device/out-of-memory` or `engine/failed`
	 */
	exclusive<T>(task: () => T | Promise<T>): Promise<T> {
		const run = this.#tail.then(() => this.guard(task));
		this.#tail = run.catch(() => undefined);
		return run;
	}

	/** Runs a task now and turns what it throws into a typed error. */
	async guard<T>(task: () => T | Promise<T>): Promise<T> {
		if (this.#dead) throw this.#dead;
		try {
			return await task();
		} catch (thrown) {
			// A lost device first shows as a failing call; its `lost` promise settles a moment later.
			await Promise.race([this.device?.lost, new Promise((go) => setTimeout(go, this.device ? 200 : 0))]);
			const error = this.#dead ?? deviceError(thrown);
			if (thrown instanceof WebAssembly.RuntimeError) this.fail(error);
			throw error;
		}
	}

	/** A tensor in the wasm heap with a copy of `data`. */
	tensor(type: DataType, data: ArrayBufferView, dims: readonly number[]): OrtTensor {
		const tensor = this.allocate(type, dims);
		heapOf(this.module).set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), tensor.pointer);
		return tensor;
	}

	/** A tensor in the wasm heap whose elements are not set. */
	allocate(type: DataType, dims: readonly number[]): OrtTensor {
		const bytes = byteLength(type, elementCount(dims));
		const pointer = this.reserve(bytes);
		const handle = this.wrap(type, pointer, bytes, dims, CPU);
		return new OrtTensor(this, { handle, type, dims, owned: pointer });
	}

	/** Memory in the wasm heap, for `module._free`. @throws OpenLedgerError `device/out-of-memory` */
	reserve(bytes: number): number {
		const pointer = bytes > ADDRESSABLE ? 0 : this.module._malloc(Math.max(bytes, 1));
		if (pointer === 0)
			throw new OpenLedgerError('device/out-of-memory', `No memory left for ${bytes} more bytes.`, {
				remedy: 'Close other tabs, choose a smaller model or a shorter context.'
			});
		return pointer;
	}

	/** An OrtValue over memory that stays the caller's. Location: 1 wasm heap, 4 GPU buffer. */
	wrap(type: DataType, pointer: number, bytes: number, dims: readonly number[], location: number): number {
		const { module } = this;
		const mark = module.stackSave();
		try {
			const shape = this.pointers(dims);
			const handle = module._OrtCreateTensor(
				dataTypeNumber(type),
				pointer,
				bytes,
				shape,
				dims.length,
				location
			);
			if (handle === 0) this.check(1);
			return handle;
		} finally {
			module.stackRestore(mark);
		}
	}

	/** A name as a C string. Each is kept for the life of the module: there are as many as graph inputs and outputs. */
	name(text: string): number {
		let pointer = this.#names.get(text);
		if (pointer === undefined) {
			pointer = this.string(text);
			this.#names.set(text, pointer);
		}
		return pointer;
	}

	/** A C string; free it with `module._free`. */
	string(text: string): number {
		const bytes = this.module.lengthBytesUTF8(text) + 1;
		const pointer = this.module._malloc(bytes);
		this.module.stringToUTF8(text, pointer, bytes);
		return pointer;
	}

	/** An array of pointer-sized numbers on the stack; the caller restores the stack. */
	pointers(values: readonly number[]): number {
		const { module } = this;
		const size = module.PTR_SIZE;
		const start = module.stackAlloc(Math.max(values.length, 1) * size);
		const { buffer } = heapOf(module);
		// At once: `setValue` for each would be a twentieth of a small model's step.
		if (size === 4) new Uint32Array(buffer, start, values.length).set(values);
		else new BigInt64Array(buffer, start, values.length).set(values.map(BigInt));
		return start;
	}

	/** Throws what onnxruntime says went wrong, if `status` is not 0. */
	check(status: number): void {
		if (status === 0) return;
		const { module } = this;
		const mark = module.stackSave();
		const size = module.PTR_SIZE;
		const code = module.stackAlloc(2 * size);
		module._OrtGetLastError(code, code + size);
		const text = module.getValue(code + size, '*');
		const message = text ? module.UTF8ToString(text) : `error code ${status}`;
		module.stackRestore(mark);
		throw new Error(message);
	}
}
