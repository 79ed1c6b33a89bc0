import { createSession, describeSession, type OrtModel, type ValueDescription } from './ort-session.ts';
import type { GpuTensor } from './gpu-tensor.ts';
import type { OrtTensor } from './ort-tensor.ts';
import { LOG_FATAL_ONLY, type Ort } from './ort.ts';

const ALL_OPTIMISATIONS = 99;
const SEQUENTIAL = 0;

/**
 * A graph on the WebGPU kernels, all of whose inputs and outputs are bound beforehand. What stays bound from run to run
 * (weights, caches, adapters) costs nothing.
 */
export class GpuSession {
	readonly inputs: ReadonlyMap<string, ValueDescription>;
	readonly outputs: ReadonlyMap<string, ValueDescription>;
	readonly handle: number;
	readonly #ort: Ort;
	readonly #binding: number;
	readonly #runOptions: number;
	readonly #bound = new Map<string, GpuTensor | OrtTensor>();

	private constructor(ort: Ort, handle: number) {
		this.#ort = ort;
		this.handle = handle;
		this.#binding = ort.module._OrtCreateBinding(handle);
		if (this.#binding === 0) ort.check(1);
		this.#runOptions = ort.module._OrtCreateRunOptions(LOG_FATAL_ONLY, 0, false, 0);
		[this.inputs, this.outputs] = describeSession(ort, handle);
	}

	/** Inside `ort.exclusive`. Throws what onnxruntime says where the graph cannot run on the device. */
	static async create(ort: Ort, device: GPUDevice, model: OrtModel): Promise<GpuSession> {
		const { module } = ort;
		const options = module._OrtCreateSessionOptions(
			ALL_OPTIMISATIONS,
			false,
			false,
			SEQUENTIAL,
			false,
			0,
			0,
			LOG_FATAL_ONLY,
			0,
			0
		);
		try {
			const registered = module.webgpuRegisterDevice?.(device);
			if (!registered) throw new TypeError('this build of onnxruntime has no WebGPU');
			const [deviceId, webgpuInstance, webgpuDevice] = registered;
			await appendWebGpu(ort, options, { deviceId, webgpuInstance, webgpuDevice });
			return new GpuSession(ort, await createSession(ort, model, options));
		} finally {
			module._OrtReleaseSessionOptions(options);
		}
	}

	/** Binds an input. A GPU tensor stays bound; one in the wasm heap is read now or in the next run. */
	async bindInput(name: string, tensor: GpuTensor | OrtTensor): Promise<void> {
		if (this.#bound.get(name) === tensor) return;
		const ort = this.#ort;
		ort.check(await ort.module._OrtBindInput(this.#binding, ort.name(name), tensor.handle));
		this.#bound.set(name, tensor);
	}

	/** Binds an output to a tensor it is written into. */
	bindOutput(name: string, tensor: GpuTensor): void {
		const key = `output ${name}`;
		if (this.#bound.get(key) === tensor) return;
		const ort = this.#ort;
		ort.check(ort.module._OrtBindOutput(this.#binding, ort.name(name), tensor.handle, 0));
		this.#bound.set(key, tensor);
	}

	/** Runs with what is bound: every input and every output. Returns when the work is queued, not when it is done. */
	async run(): Promise<void> {
		const ort = this.#ort;
		const { module } = ort;
		const mark = module.stackSave();
		try {
			const count = this.outputs.size;
			const results = ort.pointers(Array.from({ length: count }, () => 0));
			ort.check(
				await module._OrtRunWithBinding(this.handle, this.#binding, count, results, this.#runOptions)
			);
			for (let i = 0; i < count; i++)
				module._OrtReleaseTensor(module.getValue(results + i * module.PTR_SIZE, '*'));
		} finally {
			module.stackRestore(mark);
		}
	}

	dispose(): void {
		const { module } = this.#ort;
		module._OrtClearBoundOutputs(this.#binding);
		module._OrtReleaseBinding(this.#binding);
		module._OrtReleaseRunOptions(this.#runOptions);
		module.webgpuOnReleaseSession?.(this.handle);
		module._OrtReleaseSession(this.handle);
	}
}

async function appendWebGpu(ort: Ort, options: number, entries: Record<string, number>): Promise<void> {
	const { module } = ort;
	const strings = [...Object.keys(entries), ...Object.values(entries).map(String)].map((text) =>
		ort.string(text)
	);
	const name = ort.string('WebGPU');
	const mark = module.stackSave();
	try {
		const count = strings.length / 2;
		const keys = ort.pointers(strings.slice(0, count));
		const values = ort.pointers(strings.slice(count));
		ort.check(await module._OrtAppendExecutionProvider(options, name, keys, values, count));
	} finally {
		module.stackRestore(mark);
		for (const pointer of [name, ...strings]) module._free(pointer);
	}
}
