import { f16ToF32 } from '#workers/formats/half.ts';
import { topCandidates, type CandidateRequest, type Candidates } from './candidates.ts';
import { bytesPerElement } from './data-type.ts';
import {
	cacheNames,
	readShape,
	type AdapterArrays,
	type Decoder,
	type DecoderShape,
	type DeviceAdapter,
	type KvState,
	type Logits,
	type RunOptions
} from './decoder.ts';
import { heapOf } from './ort-module.ts';
import { OrtSession, type OrtModel } from './ort-session.ts';
import type { OrtTensor } from './ort-tensor.ts';
import type { Ort } from './ort.ts';
import { stepInputs } from './step-inputs.ts';

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

/** Feeds of the LoRA inputs for one row, or for the rows of a batch. */
class WasmAdapter implements DeviceAdapter {
	readonly tensors: ReadonlyMap<string, OrtTensor>;
	readonly rank: number;

	constructor(tensors: ReadonlyMap<string, OrtTensor>, rank: number) {
		this.tensors = tensors;
		this.rank = rank;
	}

	get byteLength(): number {
		return [...this.tensors.values()].reduce((sum, tensor) => sum + tensor.byteLength, 0);
	}

	dispose(): void {
		for (const tensor of this.tensors.values()) tensor.dispose();
	}
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
	readonly #cacheNames: [past: string, present: string][];
	/** Rank 0: the base model. Costs nothing on the wasm kernels. */
	readonly #base: WasmAdapter;
	/** Batched adapters by the rows they were joined from; only the last one is kept. */
	#joined: { key: readonly (DeviceAdapter | undefined)[]; adapter: WasmAdapter } | undefined;
	#logits: OrtTensor | undefined;

	private constructor(ort: Ort, session: OrtSession, options: WasmDecoderOptions) {
		this.#ort = ort;
		this.#session = session;
		this.shape = readShape(session.inputs, session.outputs);
		this.batches = options.batches ?? true;
		this.#cacheNames = cacheNames(this.shape.layers);
		this.#base = this.#zeros(0);
	}

	/** @throws OpenLedgerError `onnx/unsupported`, `engine/failed` or `device/out-of-memory` */
	static async create(ort: Ort, model: OrtModel, options: WasmDecoderOptions = {}): Promise<WasmDecoder> {
		const session = await OrtSession.create(ort, model);
		try {
			return new WasmDecoder(ort, session, options);
		} catch (error) {
			await session.dispose();
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
		const step = stepInputs(kv.lengths, tokens);
		const temporary: OrtTensor[] = [];
		const keep = (tensor: OrtTensor) => {
			temporary.push(tensor);
			return tensor;
		};
		const feeds = new Map<string, OrtTensor>([
			['input_ids', keep(this.#ort.tensor('int64', step.inputIds, [step.rows, step.fresh]))],
			['attention_mask', keep(this.#ort.tensor('int64', step.attentionMask, [step.rows, step.total]))]
		]);
		if (this.shape.hasPositionIds)
			feeds.set('position_ids', keep(this.#ort.tensor('int64', step.positionIds, [step.rows, step.fresh])));
		if (this.shape.hasLogitsToKeep) feeds.set('num_logits_to_keep', keep(this.#logitsToKeep(logits)));
		this.#cacheNames.forEach(([past], i) => feeds.set(past, kv.tensors[i] as OrtTensor));
		for (const [name, tensor] of this.#adapterFeeds(step.rows, adapters)) feeds.set(name, tensor);

		try {
			const fetches = this.#cacheNames.map(([, present]) => present);
			const outputs = await this.#session.run(feeds, logits === 'none' ? fetches : [...fetches, 'logits']);
			this.#logits?.dispose();
			this.#logits = logits === 'none' ? undefined : outputs.pop();
			for (const tensor of kv.tensors) tensor.dispose();
			kv.tensors = outputs;
			kv.lengths = kv.lengths.map((length) => length + step.fresh);
			return new WasmLogits(this.#logits, this.shape.vocabSize);
		} finally {
			for (const tensor of temporary) tensor.dispose();
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
		const tensors = new Map<string, OrtTensor>();
		let rank = 0;
		for (const { name } of this.shape.adapterInputs) {
			const array = adapter.get(name);
			if (!array) throw new RangeError(`the adapter has no weights for input '${name}'`);
			tensors.set(name, this.#ort.tensor(array.dataType, array.data, array.dims));
			rank = Math.max(rank, Math.min(...array.dims.slice(1)));
		}
		return new WasmAdapter(tensors, rank);
	}

	async dispose(): Promise<void> {
		this.#logits?.dispose();
		this.#joined?.adapter.dispose();
		this.#base.dispose();
		await this.#session.dispose();
	}

	#logitsToKeep(logits: 'last' | 'all' | 'none'): OrtTensor {
		// 0 means all positions.
		return this.#ort.tensor('int64', BigInt64Array.of(logits === 'all' ? 0n : 1n), []);
	}

	/** Cache tensors with the given rows' first `width` slots, or the single row `only`. */
	#copyRows(sources: readonly WasmKvState[], width: number, only?: number): OrtTensor[] {
		const { kvHeads, headDim, kvType } = this.shape;
		const slot = headDim * bytesPerElement(kvType);
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

	#adapterFeeds(
		rows: number,
		adapters: readonly (DeviceAdapter | undefined)[] | undefined
	): ReadonlyMap<string, OrtTensor> {
		if (!adapters || adapters.every((adapter) => adapter === undefined)) return this.#base.tensors;
		const [first] = adapters as readonly (WasmAdapter | undefined)[];
		// One adapter for every row broadcasts over the batch.
		if (first && adapters.every((adapter) => adapter === first)) return first.tensors;
		if (adapters.length !== rows) throw new RangeError(`${rows} rows and ${adapters.length} adapters`);
		const same = this.#joined?.key.length === rows && this.#joined.key.every((a, i) => a === adapters[i]);
		if (!same || !this.#joined) {
			this.#joined?.adapter.dispose();
			this.#joined = { key: [...adapters], adapter: this.#joinAdapters(adapters) };
		}
		return this.#joined.adapter.tensors;
	}

	/** Rows side by side, smaller ranks filled up with zeros. */
	#joinAdapters(adapters: readonly (DeviceAdapter | undefined)[]): WasmAdapter {
		const rows = adapters as readonly (WasmAdapter | undefined)[];
		const tensors = new Map<string, OrtTensor>();
		for (const { name } of this.shape.adapterInputs) {
			const sources = rows.map((adapter) => adapter?.tensors.get(name));
			const height = Math.max(...sources.map((tensor) => tensor?.dims[1] ?? 0));
			const width = Math.max(...sources.map((tensor) => tensor?.dims[2] ?? 0));
			const target = this.#ort.allocate('float32', [rows.length, height, width]);
			const floats = target.floats().fill(0);
			sources.forEach((tensor, row) => {
				if (!tensor) return;
				const [, h = 0, w = 0] = tensor.dims;
				const source = tensor.floats();
				for (let y = 0; y < h; y++)
					floats.set(source.subarray(y * w, (y + 1) * w), (row * height + y) * width);
			});
			tensors.set(name, target);
		}
		return new WasmAdapter(tensors, Math.max(...rows.map((adapter) => adapter?.rank ?? 0)));
	}

	/** Every LoRA input with this rank and no weights in it. */
	#zeros(rank: number): WasmAdapter {
		const tensors = this.shape.adapterInputs.map(({ name, dims }) => {
			const shape = dims.map((dim, axis) => (typeof dim === 'number' ? dim : axis === 0 ? 1 : rank));
			return [name, this.#ort.allocate('float32', shape)] as const;
		});
		return new WasmAdapter(new Map(tensors), rank);
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
