/**
 * onnxruntime-web's compiled module, driven without the `ort.InferenceSession` wrapper: that wrapper copies every
 * input into and every output out of the wasm heap on each run (KV cache and adapters included), and cannot be loaded
 * twice. The functions below are the ones the wrapper itself calls (onnxruntime 1.30, js/web/lib/wasm); the version is
 * pinned, and docs/decisions/ort-module.md says what to check when it moves.
 */
export interface OrtModule {
	/** Bytes of a pointer and of size_t. */
	PTR_SIZE: 4 | 8;
	/** Goes stale when memory grows outside a JS call: read it through `heapOf`. */
	HEAPU8: Uint8Array<ArrayBuffer>;
	_malloc(bytes: number): number;
	_free(pointer: number): void;
	stackSave(): number;
	stackRestore(mark: number): void;
	stackAlloc(bytes: number): number;
	getValue(pointer: number, type: string): number;
	setValue(pointer: number, value: number, type: string): void;
	UTF8ToString(pointer: number): string;
	stringToUTF8(text: string, pointer: number, bytes: number): void;
	lengthBytesUTF8(text: string): number;

	_OrtInit(threads: number, logLevel: number): number;
	_OrtGetLastError(code: number, message: number): number;
	_OrtFree(pointer: number): number;
	_OrtCreateSessionOptions(
		optimizationLevel: number,
		cpuMemoryArena: boolean,
		memoryPattern: boolean,
		executionMode: number,
		profiling: boolean,
		profilePrefix: number,
		logId: number,
		logSeverity: number,
		logVerbosity: number,
		optimizedModelPath: number
	): number;
	_OrtAddSessionConfigEntry(options: number, key: number, value: number): number;
	_OrtAppendExecutionProvider(
		options: number,
		name: number,
		keys: number,
		values: number,
		count: number
	): number | Promise<number>;
	_OrtReleaseSessionOptions(options: number): number;
	_OrtCreateSession(model: number, bytes: number, options: number): number | Promise<number>;
	_OrtReleaseSession(session: number): number;
	_OrtGetInputOutputCount(session: number, inputs: number, outputs: number): number;
	_OrtGetInputOutputMetadata(session: number, index: number, name: number, metadata: number): number;
	_OrtCreateTensor(
		type: number,
		data: number,
		bytes: number,
		dims: number,
		rank: number,
		location: number
	): number;
	_OrtGetTensorData(tensor: number, type: number, data: number, dims: number, rank: number): number;
	_OrtReleaseTensor(tensor: number): number;
	_OrtCreateRunOptions(logSeverity: number, logVerbosity: number, terminate: boolean, tag: number): number;
	_OrtReleaseRunOptions(options: number): number;
	_OrtRun(
		session: number,
		inputNames: number,
		inputs: number,
		inputCount: number,
		outputNames: number,
		outputCount: number,
		outputs: number,
		options: number
	): number | Promise<number>;
	_OrtCreateBinding(session: number): number;
	_OrtReleaseBinding(binding: number): number;
	_OrtBindInput(binding: number, name: number, tensor: number): number | Promise<number>;
	_OrtBindOutput(binding: number, name: number, tensor: number, location: number): number;
	_OrtClearBoundOutputs(binding: number): number;
	_OrtRunWithBinding(
		session: number,
		binding: number,
		outputCount: number,
		outputs: number,
		options: number
	): number | Promise<number>;

	mountExternalData(path: string, data: Uint8Array): void;
	unmountExternalData(): void;

	/** Present in the asyncify build only: wraps the functions that may suspend. */
	asyncInit?(): void;
	/** The WebGPU builds only. The callback gets the default device once a session has made one. */
	webgpuInit?(onDevice: (device: GPUDevice) => void): void;
	/** Id, instance and device handles for the provider's options; undefined stands for the default device. */
	webgpuRegisterDevice?(device?: GPUDevice): [number, number, number] | undefined;
	webgpuOnCreateSession?(session: number): void;
	webgpuOnReleaseSession?(session: number): void;
	webgpuRegisterBuffer?(buffer: GPUBuffer, session: number): number;
	webgpuUnregisterBuffer?(buffer: GPUBuffer): void;
	webgpuGetBuffer?(pointer: number): GPUBuffer;
}

/**
 * Which build: `wasm` (3.7 MB gzip) has the CPU kernels only; the other two add WebGPU. `jspi` (4.1 MB gzip) needs
 * JavaScript promise integration (Chrome 137, Firefox 153, Safari 27); `asyncify` (6.7 MB gzip) runs everywhere else.
 */
export type OrtBuild = 'wasm' | 'jspi' | 'asyncify';

/** Where a build's two files are served: on the app's own origin. Node finds them in node_modules by itself. */
export interface OrtUrls {
	mjs: string;
	wasm: string;
}

const FILES: Record<OrtBuild, string> = {
	wasm: 'onnxruntime-web/ort-wasm-simd-threaded.mjs',
	jspi: 'onnxruntime-web/ort-wasm-simd-threaded.jspi.mjs',
	asyncify: 'onnxruntime-web/ort-wasm-simd-threaded.asyncify.mjs'
};

type Factory = (config: { numThreads: number; locateFile?: (name: string) => string }) => Promise<OrtModule>;

/** Compiles and starts one build. Threads beyond the first need a cross-origin isolated page (or Node). */
export async function startModule(build: OrtBuild, threads: number, urls?: OrtUrls): Promise<OrtModule> {
	const specifier = urls?.mjs ?? FILES[build];
	const { default: factory } = (await import(/* @vite-ignore */ specifier)) as { default: Factory };
	return factory({ numThreads: threads, ...(urls && { locateFile: () => urls.wasm }) });
}

/** The wasm heap as it is now: reading a value first makes emscripten notice growth. */
export function heapOf(module: OrtModule): Uint8Array<ArrayBuffer> {
	module.getValue(0, 'i8');
	return module.HEAPU8;
}
