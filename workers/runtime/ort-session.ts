import type { ByteSource } from '#workers/bytes.ts';
import { type DataType, dataTypeOf } from '#workers/onnx/types.ts';
import { LazyBytes } from './lazy-bytes.ts';
import { heapOf } from './ort-module.ts';
import { OrtTensor } from './ort-tensor.ts';
import { LOG_FATAL_ONLY, type Ort } from './ort.ts';

/** A model as the runtime takes it: the ONNX graph, and its weights in one external file that is read piecewise. */
export interface OrtModel {
	graph: Uint8Array;
	/** Path by which the graph names the external file, and where its bytes come from. */
	weights?: { path: string; source: ByteSource };
}

/** One graph input or output. A symbolic dim is its name. */
export interface ValueDescription {
	name: string;
	type: DataType | undefined;
	dims: (number | string)[];
}

const ALL_OPTIMISATIONS = 99;
/**
 * Room in the heap for constants while they are loaded and repacked, over their own bytes. Asked for at once: bit by bit
 * the heap grows by a fifth each time, and keeps it (docs/decisions/wasm-weights.md).
 */
const ROOM = 1.2;
const SEQUENTIAL = 0;

/** A graph ready to run on the wasm kernels. Inputs and outputs are tensors in the wasm heap; nothing is copied. */
export class OrtSession {
	readonly inputs: ReadonlyMap<string, ValueDescription>;
	readonly outputs: ReadonlyMap<string, ValueDescription>;
	readonly #ort: Ort;
	readonly #handle: number;
	readonly #runOptions: number;

	private constructor(ort: Ort, handle: number) {
		this.#ort = ort;
		this.#handle = handle;
		this.#runOptions = ort.module._OrtCreateRunOptions(LOG_FATAL_ONLY, 0, false, 0);
		[this.inputs, this.outputs] = describeSession(ort, handle);
	}

	/** @throws OpenLedgerError `engine/failed` (not a graph that can run here) or `device/out-of-memory` */
	static create(ort: Ort, model: OrtModel): Promise<OrtSession> {
		return ort.exclusive(async () => {
			const options = ort.module._OrtCreateSessionOptions(
				ALL_OPTIMISATIONS,
				true,
				true,
				SEQUENTIAL,
				false,
				0,
				0,
				LOG_FATAL_ONLY,
				0,
				0
			);
			ort.module._free(ort.reserve(ROOM * (model.weights?.source.size ?? 0)));
			try {
				return new OrtSession(ort, await createSession(ort, model, options));
			} finally {
				ort.module._OrtReleaseSessionOptions(options);
			}
		});
	}

	/**
	 * Runs the graph. Every output asked for belongs to the caller, who disposes of it; inputs stay the caller's too.
	 * @param feeds tensors by input name; all inputs of the graph
	 * @param fetches names of the outputs to compute
	 * @param alike how many of them, from the first, have one type and shape: asking for each takes time
	 */
	run(feeds: ReadonlyMap<string, OrtTensor>, fetches: readonly string[], alike = 0): Promise<OrtTensor[]> {
		const ort = this.#ort;
		const { module } = ort;
		return ort.exclusive(async () => {
			const names = [...feeds.keys()].map((name) => ort.name(name));
			const values = [...feeds.values()].map((tensor) => tensor.handle);
			const mark = module.stackSave();
			try {
				const results = ort.pointers(fetches.map(() => 0));
				ort.check(
					await module._OrtRun(
						this.#handle,
						ort.pointers(names),
						ort.pointers(values),
						names.length,
						ort.pointers(fetches.map((name) => ort.name(name))),
						fetches.length,
						results,
						this.#runOptions
					)
				);
				let first: OrtTensor | undefined;
				return fetches.map((_, i) => {
					const handle = module.getValue(results + i * module.PTR_SIZE, '*');
					if (first && i < alike) return OrtTensor.alike(ort, handle, first);
					const tensor = OrtTensor.fromHandle(ort, handle);
					first ??= tensor;
					return tensor;
				});
			} finally {
				module.stackRestore(mark);
			}
		});
	}

	dispose(): Promise<void> {
		return this.#ort.exclusive(() => {
			this.#ort.module._OrtReleaseRunOptions(this.#runOptions);
			this.#ort.module._OrtReleaseSession(this.#handle);
		});
	}
}

/** The session's handle. Weights are pulled through `LazyBytes` while the call runs, then forgotten. */
export async function createSession(ort: Ort, model: OrtModel, options: number): Promise<number> {
	const { module } = ort;
	const { graph, weights } = model;
	const pointer = module._malloc(graph.byteLength);
	if (pointer === 0) throw new RangeError(`no memory for a graph of ${graph.byteLength} bytes`);
	heapOf(module).set(graph, pointer);
	if (weights) module.mountExternalData(weights.path, new LazyBytes(weights.source));
	try {
		const handle = await module._OrtCreateSession(pointer, graph.byteLength, options);
		module.webgpuOnCreateSession?.(handle);
		if (handle === 0) ort.check(1);
		return handle;
	} finally {
		module._free(pointer);
		module.unmountExternalData();
	}
}

/** Inputs and outputs by name, in the graph's order. */
export function describeSession(
	ort: Ort,
	session: number
): [Map<string, ValueDescription>, Map<string, ValueDescription>] {
	const { module } = ort;
	const size = module.PTR_SIZE;
	const integer = size === 4 ? 'i32' : 'i64';
	const mark = module.stackSave();
	try {
		const out = module.stackAlloc(2 * size);
		ort.check(module._OrtGetInputOutputCount(session, out, out + size));
		const inputs = Number(module.getValue(out, integer));
		const outputs = Number(module.getValue(out + size, integer));
		const values = Array.from({ length: inputs + outputs }, (_, index) => {
			ort.check(module._OrtGetInputOutputMetadata(session, index, out, out + size));
			const name = module.getValue(out, '*');
			const metadata = module.getValue(out + size, '*');
			const described = { name: module.UTF8ToString(name), ...describeType(ort, metadata) };
			module._OrtFree(name);
			module._OrtFree(metadata);
			return [described.name, described] as const;
		});
		return [new Map(values.slice(0, inputs)), new Map(values.slice(inputs))];
	} finally {
		module.stackRestore(mark);
	}
}

/** Layout: int32 element type, int32 rank, then `rank` symbol pointers, then `rank` sizes. */
function describeType(ort: Ort, metadata: number): Omit<ValueDescription, 'name'> {
	const { module } = ort;
	const size = module.PTR_SIZE;
	const type = dataTypeOf(module.getValue(metadata, 'i32'));
	const rank = module.getValue(metadata + 4, 'i32');
	const dims = Array.from({ length: rank }, (_, i) => {
		const symbol = module.getValue(metadata + 8 + i * size, '*');
		return symbol ? module.UTF8ToString(symbol) : module.getValue(metadata + 8 + (i + rank) * size, '*');
	});
	return { type, dims };
}
