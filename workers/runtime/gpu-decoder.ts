import type { ByteSource } from '#workers/bytes.ts';
import type { Model } from '#workers/onnx/model.ts';
import type { LoraSlot } from '#workers/onnx/slots.ts';
import type { Initializer } from '#workers/onnx/types.ts';
import { writeModel } from '#workers/onnx/write.ts';
import type { CandidateRequest, Candidates } from './candidates.ts';
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
import { GpuAdapter, GpuAdapters } from './gpu-adapter.ts';
import { BufferRanges } from './gpu-buffers.ts';
import { GpuCandidates } from './gpu-candidates.ts';
import { extendsInPlace, type GpuGraphs } from './gpu-graphs.ts';
import { KvMemory, rowsOf, type GpuKvState } from './gpu-kv-state.ts';
import { GpuSession } from './gpu-session.ts';
import { GpuTensor } from './gpu-tensor.ts';
import { GpuWeights } from './gpu-weights.ts';
import { liftWeights } from './lift-weights.ts';
import type { ValueDescription } from './ort-session.ts';
import type { Ort } from './ort.ts';
import { segmentSource } from './segment-source.ts';
import { stepOf, stepTensors } from './step-inputs.ts';

/** Which of a model's graphs a run needs. */
type GraphKind = 'base' | 'adapter' | 'rows';

/** A graph whose weights have become inputs. */
interface LiftedGraph {
	model: Model;
	weights: Initializer[];
}

/** A started graph, and the tensors over the shared weights that stay bound to it. */
interface StartedGraph {
	session: GpuSession;
	weights: GpuTensor[];
}

export interface GpuDecoderOptions {
	/** False for graphs whose attention is not GroupQueryAttention: their rows cannot differ in length. */
	batches?: boolean;
}

/**
 * A decoder on WebGPU. Weights, caches, adapters and logits stay in GPU buffers; what a step moves is its tokens in, and
 * a list of candidates out. Graphs without an adapter, with one, and with one for each row run on the same weights; each
 * is started when first needed.
 */
export class GpuDecoder implements Decoder {
	readonly shape: DecoderShape;
	readonly batches: boolean;
	readonly #ort: Ort;
	readonly #device: GPUDevice;
	readonly #graphs: Record<GraphKind, LiftedGraph>;
	readonly #sources: ReadonlyMap<string, ByteSource>;
	readonly #weights: GpuWeights;
	readonly #started: Partial<Record<GraphKind, StartedGraph>> = {};
	readonly #cacheNames: [past: string, present: string][];
	readonly #memory: KvMemory;
	readonly #adapters: GpuAdapters;
	readonly #candidates: GpuCandidates;
	/** By shape; a run writes into the one it needs. */
	readonly #logits = new Map<string, GpuTensor>();

	private constructor(parts: DecoderParts, base: StartedGraph, batches: boolean) {
		const { ort, device, graphs, sources, weights, slots } = parts;
		this.#ort = ort;
		this.#device = device;
		this.#graphs = graphs;
		this.#sources = sources;
		this.#weights = weights;
		this.#started.base = base;
		const { inputs, outputs, handle } = base.session;
		const lifted = new Set(graphs.base.weights.map(({ name }) => name));
		const own = new Map([...inputs].filter(([name]) => !lifted.has(name)));
		this.shape = { ...readShape(own, outputs), adapterInputs: slots };
		this.batches = batches;
		this.#cacheNames = cacheNames(this.shape.layers);
		this.#memory = new KvMemory(ort, device, handle, this.shape, extendsInPlace(graphs.base.model));
		this.#adapters = new GpuAdapters(ort, device, handle, slots);
		this.#candidates = new GpuCandidates(device, this.shape.vocabSize);
	}

	/**
	 * Copies the weights to the device and starts the base graph.
	 * @throws OpenLedgerError `onnx/unsupported`, `engine/failed`, `device/out-of-memory` or `device/lost`
	 */
	static create(
		ort: Ort,
		{ base, adapter, rows, slots }: GpuGraphs,
		sources: ReadonlyMap<string, ByteSource>,
		{ batches = true }: GpuDecoderOptions = {}
	): Promise<GpuDecoder> {
		return ort.exclusive(async () => {
			const { device } = ort;
			if (!device) throw new TypeError('onnxruntime was started without a GPU device');
			const graphs = { base: liftWeights(base), adapter: liftWeights(adapter), rows: liftWeights(rows) };
			const all = Object.values(graphs).flatMap(({ weights }) => weights);
			const weights = await GpuWeights.upload(device, new BufferRanges(device), all, sources);
			const parts = { ort, device, graphs, sources, weights, slots: adapterInputs(slots) };
			try {
				return new GpuDecoder(parts, await start(parts, 'base'), batches);
			} catch (error) {
				weights.dispose();
				throw error;
			}
		});
	}

	/** Bytes of weights on the device: each once, whatever the number of graphs. */
	get weightBytes(): number {
		return this.#weights.byteLength;
	}

	/** Bytes read back from the device so far. */
	get bytesRead(): number {
		return this.#candidates.bytesRead;
	}

	createState(): GpuKvState {
		return this.#memory.create();
	}

	run(
		state: KvState,
		tokens: readonly (readonly number[])[],
		{ adapters, logits = 'last' }: RunOptions = {}
	): Promise<Logits> {
		const kv = state as GpuKvState;
		const { rows, fresh, total } = stepOf(kv.lengths, tokens);
		return this.#ort.exclusive(async () => {
			const adapter = this.#adapters.forRows(rows, adapters);
			const session = await this.#session(!adapter ? 'base' : rows === 1 ? 'adapter' : 'rows');
			const keep = logits === 'all' ? 0 : 1;
			const described = stepTensors(this.#ort, session.inputs, kv.lengths, tokens, keep);
			const target = this.#memory.target(kv, total);
			try {
				for (const [name, tensor] of described) await session.bindInput(name, tensor);
				for (const [name, tensor] of adapter?.tensors ?? []) await session.bindInput(name, tensor);
				for (const [i, [past, present]] of this.#cacheNames.entries()) {
					await session.bindInput(past, kv.tensors[i] as GpuTensor);
					session.bindOutput(present, target[i] as GpuTensor);
				}
				const positions = described.has('num_logits_to_keep') && keep > 0 ? keep : fresh;
				const out = this.#logitsOf(session, rows, positions);
				session.bindOutput('logits', out);
				await session.run();
				this.#memory.advance(kv, target, fresh);
				return new GpuLogits(this.#ort, this.#candidates, out);
			} catch (error) {
				this.#memory.discard(target);
				throw error;
			} finally {
				for (const tensor of described.values()) tensor.dispose();
			}
		});
	}

	crop(state: KvState, length: number): void {
		const kv = state as GpuKvState;
		if (kv.lengths.length !== 1 || length > (kv.lengths[0] as number))
			throw new RangeError(`cannot keep ${length} tokens of [${kv.lengths}]`);
		this.#memory.crop(kv, length);
	}

	join(states: readonly KvState[]): GpuKvState {
		return this.#memory.gather((states as readonly GpuKvState[]).flatMap(rowsOf));
	}

	split(state: KvState, row: number): GpuKvState {
		return this.#memory.gather([{ from: state as GpuKvState, row }]);
	}

	upload(adapter: AdapterArrays): GpuAdapter {
		return this.#adapters.upload(adapter);
	}

	dispose(): Promise<void> {
		return this.#ort.exclusive(() => {
			for (const { session, weights } of Object.values(this.#started)) {
				for (const tensor of weights) tensor.dispose();
				session.dispose();
			}
			for (const tensor of this.#logits.values()) tensor.dispose();
			this.#adapters.dispose();
			this.#candidates.dispose();
			this.#weights.dispose();
		});
	}

	async #session(kind: GraphKind): Promise<GpuSession> {
		const started = (this.#started[kind] ??= await start(
			{
				ort: this.#ort,
				device: this.#device,
				graphs: this.#graphs,
				sources: this.#sources,
				weights: this.#weights
			},
			kind
		));
		return started.session;
	}

	#logitsOf(session: GpuSession, rows: number, positions: number): GpuTensor {
		const type = session.outputs.get('logits')?.type ?? 'float32';
		const key = `${rows}x${positions}`;
		let tensor = this.#logits.get(key);
		if (!tensor) {
			const dims = [rows, positions, this.shape.vocabSize];
			tensor = GpuTensor.create(this.#ort, this.#device, session.handle, type, dims);
			this.#logits.set(key, tensor);
		}
		return tensor;
	}
}

interface StartParts {
	ort: Ort;
	device: GPUDevice;
	graphs: Record<GraphKind, LiftedGraph>;
	sources: ReadonlyMap<string, ByteSource>;
	weights: GpuWeights;
}

interface DecoderParts extends StartParts {
	slots: ValueDescription[];
}

/** Starts one of the graphs and binds the weights to it for good. */
async function start(
	{ ort, device, graphs, sources, weights }: StartParts,
	kind: GraphKind
): Promise<StartedGraph> {
	const graph = graphs[kind];
	const { graph: bytes, weightsPath, weights: rest } = writeModel(graph.model);
	const session = await GpuSession.create(ort, device, {
		graph: bytes,
		weights: { path: weightsPath, source: segmentSource(rest, sources) }
	});
	const tensors: GpuTensor[] = [];
	for (const weight of graph.weights) {
		const { name, dataType, dims } = weight;
		const tensor = GpuTensor.over(ort, session.handle, weights.buffer(weight), dataType, dims);
		await session.bindInput(name, tensor);
		tensors.push(tensor);
	}
	return { session, weights: tensors };
}

/** The inputs that an adapter fills, as the graphs declare them. */
function adapterInputs(slots: readonly LoraSlot[]): ValueDescription[] {
	return slots.flatMap(({ name, a, b, inFeatures, outFeatures, dataType: type }) => {
		const rank = `${name}.rank`;
		return [
			{ name: a, type, dims: ['adapter_batch', inFeatures, rank] },
			{ name: b, type, dims: ['adapter_batch', rank, outFeatures] }
		];
	});
}

class GpuLogits implements Logits {
	readonly #ort: Ort;
	readonly #candidates: GpuCandidates;
	readonly #tensor: GpuTensor;

	constructor(ort: Ort, candidates: GpuCandidates, tensor: GpuTensor) {
		this.#ort = ort;
		this.#candidates = candidates;
		this.#tensor = tensor;
	}

	candidates(requests: readonly CandidateRequest[]): Promise<Candidates[]> {
		return this.#ort.guard(() => this.#candidates.find(this.#tensor, requests));
	}

	last(row: number): Promise<Float32Array> {
		const positions = this.#tensor.dims[1] as number;
		return this.#ort.guard(() => this.#candidates.read(this.#tensor, row, positions - 1, positions));
	}

	all(row: number): Promise<Float32Array> {
		return this.#ort.guard(() => this.#candidates.read(this.#tensor, row, 0, this.#tensor.dims[1] as number));
	}
}
