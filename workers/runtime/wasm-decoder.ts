import { f16ToF32 } from '#workers/formats/half.ts';
import { topCandidates, type CandidateRequest, type Candidates } from './candidates.ts';
import type { ByteSource } from '#workers/bytes.ts';
import { byteLength, type Initializer } from '#workers/onnx/types.ts';
import {
	cacheNames,
	readShape,
	type AdapterArrays,
	type Decoder,
	type DecoderShape,
	type KvState,
	type Logits,
	type RunOptions
} from './decoder.ts';
import { heapOf } from './ort-module.ts';
import { OrtSession, type OrtModel } from './ort-session.ts';
import type { OrtTensor } from './ort-tensor.ts';
import type { Ort } from './ort.ts';
import { stepOf, stepTensors } from './step-inputs.ts';
import { WasmAdapters, type WasmAdapter } from './wasm-adapter.ts';
import { WasmWeights } from './wasm-weights.ts';

/** A cache in the wasm heap: tensors [rows, kvHeads, width, headDim], layer by layer, key before value. */
class WasmKvState implements KvState {
	tensors: OrtTensor[];
	lengths: number[];

	constructor(tensors: OrtTensor[], lengths: number[]) {
		this.tensors = tensors;
		this.lengths = lengths;
	}

	get byteLength(): number {
		return this.tensors.reduce((sum, tensor) => sum + tensor.byteLength, 0);
	}

	/** Slots per row, at least the longest length. */
	get width(): number {
		return this.tensors[0]?.dims[2] ?? 0;
	}

	dispose(): void {
		for (const tensor of this.tensors) tensor.dispose();
		this.tensors = [];
	}
}

/** A decoder's graph for wasm. Weights may be constants of the graph, or inputs of it. */
export interface WasmModel extends OrtModel {
	lifted?: { weights: readonly Initializer[]; sources: ReadonlyMap<string, ByteSource> };
}

export interface WasmDecoderOptions {
	/** False for graphs whose attention is not GroupQueryAttention: their rows cannot differ in length. */
	batches?: boolean;
}

/**
 * A decoder on the wasm kernels. Cache and adapters stay in the wasm heap from run to run: what a step moves between
 * JS and wasm is its tokens and mask.
 */
export class WasmDecoder implements Decoder {
	readonly shape: DecoderShape;
	readonly batches: boolean;
	readonly #ort: Ort;
	readonly #session: OrtSession;
	readonly #weights: WasmWeights | undefined;
	readonly #cacheNames: [past: string, present: string][];
	readonly #adapters: WasmAdapters;
	#logits: OrtTensor | undefined;

	private constructor(
		ort: Ort,
		session: OrtSession,
		weights: WasmWeights | undefined,
		options: WasmDecoderOptions
	) {
		this.#ort = ort;
		this.#session = session;
		this.#weights = weights;
		const inputs = new Map([...session.inputs].filter(([name]) => !weights?.tensors.has(name)));
		this.shape = readShape(inputs, session.outputs);
		this.batches = options.batches ?? true;
		this.#cacheNames = cacheNames(this.shape.layers);
		this.#adapters = new WasmAdapters(ort, this.shape.adapterInputs);
	}

	/** @throws OpenLedgerError `onnx/unsupported`, `engine/failed` or `device/out-of-memory` */
	static async create(ort: Ort, model: WasmModel, options: WasmDecoderOptions = {}): Promise<WasmDecoder> {
		const { lifted } = model;
		const weights =
			lifted && (await ort.exclusive(() => WasmWeights.pour(ort, lifted.weights, lifted.sources)));
		let session: OrtSession | undefined;
		try {
			session = await OrtSession.create(ort, model);
			return new WasmDecoder(ort, session, weights, options);
		} catch (error) {
			await session?.dispose();
			weights?.dispose();
			throw error;
		}
	}

	createState(): WasmKvState {
		const { kvHeads, headDim, kvType, layers } = this.shape;
		const tensors = Array.from({ length: 2 * layers }, () =>
			this.#ort.allocate(kvType, [1, kvHeads, 0, headDim])
		);
		return new WasmKvState(tensors, [0]);
	}

	async run(
		state: KvState,
		tokens: readonly (readonly number[])[],
		{ adapters, logits = 'last' }: RunOptions = {}
	): Promise<Logits> {
		const kv = state as WasmKvState;
		const step = stepOf(kv.lengths, tokens);
		const described = stepTensors(
			this.#ort,
			this.#session.inputs,
			kv.lengths,
			tokens,
			logits === 'all' ? 0 : 1
		);
		const feeds = new Map([...described, ...(this.#weights?.tensors ?? [])]);
		this.#cacheNames.forEach(([past], i) => feeds.set(past, kv.tensors[i] as OrtTensor));
		for (const [name, tensor] of this.#adapters.forRows(step.rows, adapters).tensors) feeds.set(name, tensor);

		try {
			const fetches = this.#cacheNames.map(([, present]) => present);
			const wanted = logits === 'none' ? fetches : [...fetches, 'logits'];
			// Keys and values of all layers.
			const outputs = await this.#session.run(feeds, wanted, fetches.length);
			this.#logits?.dispose();
			this.#logits = logits === 'none' ? undefined : outputs.pop();
			for (const tensor of kv.tensors) tensor.dispose();
			kv.tensors = outputs;
			kv.lengths = kv.lengths.map((length) => length + step.fresh);
			return new WasmLogits(this.#logits, this.shape.vocabSize);
		} finally {
			for (const tensor of described.values()) tensor.dispose();
		}
	}

	crop(state: KvState, length: number): void {
		const kv = state as WasmKvState;
		if (kv.lengths.length !== 1 || length > (kv.lengths[0] as number))
			throw new RangeError(`cannot keep ${length} tokens of [${kv.lengths}]`);
		if (length === kv.width) return;
		const cropped = this.#copyRows([kv], length);
		kv.dispose();
		kv.tensors = cropped;
		kv.lengths = [length];
	}

	join(states: readonly KvState[]): WasmKvState {
		const sources = states as readonly WasmKvState[];
		const width = Math.max(...sources.flatMap(({ lengths }) => lengths));
		return new WasmKvState(
			this.#copyRows(sources, width),
			sources.flatMap(({ lengths }) => lengths)
		);
	}

	split(state: KvState, row: number): WasmKvState {
		const kv = state as WasmKvState;
		const length = kv.lengths[row] as number;
		return new WasmKvState(this.#copyRows([kv], length, row), [length]);
	}

	upload(adapter: AdapterArrays): WasmAdapter {
		return this.#adapters.upload(adapter);
	}

	async dispose(): Promise<void> {
		this.#logits?.dispose();
		this.#adapters.dispose();
		await this.#session.dispose();
		this.#weights?.dispose();
	}

	/** Cache tensors with the given rows' first `width` slots, or the single row `only`. */
	#copyRows(sources: readonly WasmKvState[], width: number, only?: number): OrtTensor[] {
		const { kvHeads, headDim, kvType } = this.shape;
		const slot = byteLength(kvType, headDim);
		const rowsOf = (kv: WasmKvState) => (only === undefined ? kv.lengths.length : 1);
		const rows = sources.reduce((sum, kv) => sum + rowsOf(kv), 0);
		return this.#cacheNames.map((_, index) => {
			const target = this.#ort.allocate(kvType, [rows, kvHeads, width, headDim]);
			let to = target.pointer;
			for (const kv of sources) {
				const from = (kv.tensors[index] as OrtTensor).pointer;
				const heap = heapOf(this.#ort.module);
				const copied = Math.min(width, kv.width) * slot;
				for (let head = 0; head < rowsOf(kv) * kvHeads; head++) {
					const start = from + ((only ?? 0) * kvHeads + head) * kv.width * slot;
					heap.copyWithin(to, start, start + copied);
					heap.fill(0, to + copied, to + width * slot);
					to += width * slot;
				}
			}
			return target;
		});
	}
}

class WasmLogits implements Logits {
	readonly #tensor: OrtTensor | undefined;
	readonly #vocabSize: number;

	constructor(tensor: OrtTensor | undefined, vocabSize: number) {
		this.#tensor = tensor;
		this.#vocabSize = vocabSize;
	}

	candidates(requests: readonly CandidateRequest[]): Promise<Candidates[]> {
		const last = (this.#tensor?.dims[1] ?? 0) - 1;
		return Promise.resolve(requests.map((request, row) => topCandidates(this.#read(row, last, 1), request)));
	}

	last(row: number): Promise<Float32Array> {
		const positions = this.#tensor?.dims[1] ?? 0;
		return Promise.resolve(this.#read(row, positions - 1, 1));
	}

	all(row: number): Promise<Float32Array> {
		return Promise.resolve(this.#read(row, 0, this.#tensor?.dims[1] ?? 0));
	}

	#read(row: number, position: number, count: number): Float32Array {
		const tensor = this.#tensor;
		if (!tensor) throw new RangeError('this run computed no logits');
		const positions = tensor.dims[1] as number;
		const from = (row * positions + position) * this.#vocabSize;
		const to = from + count * this.#vocabSize;
		if (tensor.type === 'float32') return tensor.floats().subarray(from, to);
		const bytes = tensor.bytes();
		return f16ToF32(new Uint16Array(bytes.buffer, bytes.byteOffset, bytes.length / 2).subarray(from, to));
	}
}
