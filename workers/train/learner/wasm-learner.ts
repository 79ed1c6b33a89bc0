import type { ReadGraph } from '#workers/engine/serve-graph.ts';
import type { ParameterLayout } from '#workers/onnx/train/parameters.ts';
import { learntTokens } from '#workers/onnx/train/learnt-tokens.ts';
import { evaluateGraph, trainGraph, type LossGraph } from '#workers/onnx/train/train-graph.ts';
import { writeModel } from '#workers/onnx/write.ts';
import { OrtSession } from '#workers/runtime/ort-session.ts';
import type { OrtTensor } from '#workers/runtime/ort-tensor.ts';
import type { Ort } from '#workers/runtime/ort.ts';
import { segmentSource } from '#workers/runtime/segment-source.ts';
import { scaleOf } from '../adapter.ts';
import type { Hyperparameters } from '../hyperparameters.ts';
import type { BatchArrays } from '../rows/collate.ts';
import type { Vectors } from '../runs/training-state.ts';
import { batchFeeds, dropoutMask, teacherFeeds } from './feeds.ts';
import { evaluateOptions, trainOptions } from './graph-options.ts';
import type { BatchLoss, Learner, Update } from './learner.ts';
import { optimise } from './optimiser.ts';

/** A learner on the wasm kernels. Weights of the base stay in the form in which they are stored. */
export class WasmLearner implements Learner {
	readonly layout: ParameterLayout;
	readonly hidden: number;
	readonly #ort: Ort;
	readonly #read: ReadGraph;
	readonly #settings: Hyperparameters;
	readonly #train: OrtSession;
	readonly #dropoutWidth: number;
	readonly #parameters: OrtTensor;
	readonly #scale: OrtTensor;
	/** Made when it is first needed. */
	#evaluate: Promise<OrtSession> | undefined;
	/** Adam's moments; the parameters themselves lie in the wasm heap. */
	#mean: Float32Array = new Float32Array();
	#variance: Float32Array = new Float32Array();
	#gradient: Float32Array | undefined;
	#tokens = 0;

	private constructor(
		ort: Ort,
		read: ReadGraph,
		settings: Hyperparameters,
		graph: Pick<LossGraph, 'layout' | 'hidden' | 'dropoutWidth'>,
		session: OrtSession
	) {
		this.#ort = ort;
		this.#read = read;
		this.#settings = settings;
		this.#train = session;
		this.layout = graph.layout;
		this.hidden = graph.hidden;
		this.#dropoutWidth = graph.dropoutWidth;
		this.#parameters = ort.allocate('float32', [graph.layout.length]);
		this.#scale = ort.tensor('float32', Float32Array.of(scaleOf(settings)), []);
	}

	/** @throws OpenLedgerError `onnx/unsupported` for a base that cannot be trained, `device/out-of-memory`, `engine/failed` */
	static async create(ort: Ort, read: ReadGraph, settings: Hyperparameters): Promise<WasmLearner> {
		const graph = trainGraph(read.model, { ...trainOptions(settings), learntOnly: true });
		return new WasmLearner(ort, read, settings, graph, await open(ort, read, graph));
	}

	async load({ parameters, mean, variance }: Vectors): Promise<void> {
		this.#parameters.floats().set(parameters);
		this.#mean = mean.slice();
		this.#variance = variance.slice();
		this.discard();
	}

	async save(): Promise<Vectors> {
		return {
			parameters: this.#parameters.floats().slice(),
			mean: this.#mean.slice(),
			variance: this.#variance.slice()
		};
	}

	async accumulate(batch: BatchArrays, dropoutSeed: number, teacher?: Float32Array): Promise<BatchLoss> {
		const feeds = this.#feeds(batch);
		if (this.#dropoutWidth > 0)
			feeds.set(
				'dropout',
				dropoutMask(this.#ort, batch, this.#dropoutWidth, this.#settings.dropout, dropoutSeed)
			);
		if (teacher)
			for (const [name, tensor] of teacherFeeds(this.#ort, batch, teacher, this.#settings.distillation))
				feeds.set(name, tensor);
		const [loss, gradient] = await this.#run(this.#train, feeds, ['loss', 'gradient']);
		try {
			const values = gradient?.floats() ?? new Float32Array();
			const sum = (this.#gradient ??= new Float32Array(this.layout.length));
			for (let i = 0; i < sum.length; i++) sum[i] = (sum[i] as number) + (values[i] as number);
			this.#tokens += batch.learnt;
			return { sum: total(loss), tokens: batch.learnt };
		} finally {
			loss?.dispose();
			gradient?.dispose();
		}
	}

	async update(update: Update): Promise<number> {
		if (!this.#gradient) throw new RangeError('no gradient has been accumulated');
		const parameters = this.#parameters.floats();
		const vectors = { parameters, mean: this.#mean, variance: this.#variance };
		const length = optimise(vectors, this.#gradient, this.#tokens, update, this.#settings);
		this.discard();
		return length;
	}

	discard(): void {
		this.#gradient = undefined;
		this.#tokens = 0;
	}

	async evaluate(batch: BatchArrays): Promise<BatchLoss> {
		this.#evaluate ??= open(
			this.#ort,
			this.#read,
			evaluateGraph(this.#read.model, { ...evaluateOptions(this.#settings), learntOnly: true })
		);
		const [loss] = await this.#run(await this.#evaluate, this.#feeds(batch), ['loss']);
		const sum = total(loss);
		loss?.dispose();
		return { sum, tokens: batch.learnt };
	}

	async *expectations(
		batches: readonly BatchArrays[],
		parameters: Float32Array
	): AsyncGenerator<Float32Array> {
		const options = { ...evaluateOptions(this.#settings), expected: true, learntOnly: true };
		const session = await open(this.#ort, this.#read, evaluateGraph(this.#read.model, options));
		const weights = this.#ort.tensor('float32', parameters, [parameters.length]);
		try {
			for (const batch of batches) {
				const [expected] = await this.#run(session, this.#feeds(batch), ['expected'], weights);
				const rows = expected?.floats().slice() ?? new Float32Array();
				expected?.dispose();
				yield rows;
			}
		} finally {
			weights.dispose();
			await session.dispose();
		}
	}

	async dispose(): Promise<void> {
		this.#parameters.dispose();
		this.#scale.dispose();
		await this.#train.dispose();
		await (await this.#evaluate)?.dispose();
	}

	#feeds(batch: BatchArrays): Map<string, OrtTensor> {
		const { learnt, rows } = learntTokens(batch.targets);
		return batchFeeds(this.#ort, batch)
			.set('learnt', this.#ort.tensor('int32', learnt, [learnt.length]))
			.set('learnt_row', this.#ort.tensor('int32', rows, [batch.rows, batch.width]));
	}

	/** Runs a graph on inputs that are freed afterwards, the lasting ones excepted. */
	async #run(
		session: OrtSession,
		feeds: Map<string, OrtTensor>,
		fetches: string[],
		parameters = this.#parameters
	): Promise<OrtTensor[]> {
		try {
			const lasting = [
				['parameters', parameters],
				['scale', this.#scale]
			] as const;
			return await session.run(new Map([...feeds, ...lasting]), fetches);
		} finally {
			for (const tensor of feeds.values()) tensor.dispose();
		}
	}
}

function total(loss: OrtTensor | undefined): number {
	return (loss?.floats() ?? new Float32Array()).reduce((sum, value) => sum + value, 0);
}

function open(ort: Ort, { sources }: ReadGraph, { model }: Pick<LossGraph, 'model'>): Promise<OrtSession> {
	const { graph, weights, weightsPath } = writeModel(model);
	return OrtSession.create(ort, {
		graph,
		weights: { path: weightsPath, source: segmentSource(weights, sources) }
	});
}
