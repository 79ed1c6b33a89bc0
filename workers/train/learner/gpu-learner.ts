import type { ReadGraph } from '#workers/engine/serve-graph.ts';
import type { Model } from '#workers/onnx/model.ts';
import { accumulatorGraph, optimiserGraph } from '#workers/onnx/train/optimiser.ts';
import type { ParameterLayout } from '#workers/onnx/train/parameters.ts';
import { evaluateGraph, trainGraph, type LossGraph } from '#workers/onnx/train/train-graph.ts';
import { writeModel } from '#workers/onnx/write.ts';
import { elementCount } from '#workers/runtime/element-count.ts';
import { GpuSession } from '#workers/runtime/gpu-session.ts';
import { GpuTensor } from '#workers/runtime/gpu-tensor.ts';
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

const MAP_READ_AND_COPY_DST = 0x0001 | 0x0008;
const MAP_MODE_READ = 1;
/** Adam's (Kingma and Ba 2015). */
const [BETA1, BETA2] = [0.9, 0.999];

/** A vector that an operator reads from one buffer and writes to the other. */
interface Pair {
	now: GpuTensor;
	next: GpuTensor;
}

interface Sessions {
	train: GpuSession;
	optimiser: GpuSession;
	accumulator: GpuSession;
}

/**
 * A learner on the GPU. Weights, moments and gradients stay there from step to step; what comes back is each batch's loss
 * and each step's gradient norm. Not bit-exact from one device to another.
 */
export class GpuLearner implements Learner {
	readonly layout: ParameterLayout;
	readonly hidden: number;
	readonly #ort: Ort;
	readonly #device: GPUDevice;
	readonly #read: ReadGraph;
	readonly #settings: Hyperparameters;
	readonly #dropoutWidth: number;
	readonly #sessions: Sessions;
	readonly #scale: OrtTensor;
	readonly #parameters: Pair;
	readonly #mean: Pair;
	readonly #variance: Pair;
	/** Sum of the gradients of the step under way. */
	readonly #sum: Pair;
	readonly #gradient: GpuTensor;
	#evaluate: GpuSession | undefined;
	#tokens = 0;
	#batches = 0;

	private constructor(
		ort: Ort,
		device: GPUDevice,
		read: ReadGraph,
		settings: Hyperparameters,
		graph: Pick<LossGraph, 'layout' | 'hidden' | 'dropoutWidth'>,
		sessions: Sessions
	) {
		this.#ort = ort;
		this.#device = device;
		this.#read = read;
		this.#settings = settings;
		this.#sessions = sessions;
		this.layout = graph.layout;
		this.hidden = graph.hidden;
		this.#dropoutWidth = graph.dropoutWidth;
		this.#scale = ort.tensor('float32', Float32Array.of(scaleOf(settings)), []);
		const vector = () => this.#tensor([graph.layout.length]);
		const pair = (): Pair => ({ now: vector(), next: vector() });
		[this.#parameters, this.#mean, this.#variance, this.#sum] = [pair(), pair(), pair(), pair()];
		this.#gradient = vector();
	}

	/**
	 * @param ort of a build with WebGPU, on `device`
	 * @throws OpenLedgerError `onnx/unsupported` for a base that cannot be trained, `device/*`, `engine/failed`
	 */
	static async create(
		ort: Ort,
		device: GPUDevice,
		read: ReadGraph,
		settings: Hyperparameters
	): Promise<GpuLearner> {
		const graph = trainGraph(read.model, trainOptions(settings));
		const kind = settings.optimiser;
		return ort.exclusive(async () => {
			const sessions: Sessions = {
				train: await open(ort, device, graph.model, read),
				optimiser: await open(ort, device, optimiserGraph({ kind, clip: settings.clip > 0 })),
				accumulator: await open(ort, device, accumulatorGraph())
			};
			return new GpuLearner(ort, device, read, settings, graph, sessions);
		});
	}

	async load({ parameters, mean, variance }: Vectors): Promise<void> {
		await this.#ort.exclusive(() => {
			const write = ({ now }: Pair, data: Float32Array) =>
				this.#device.queue.writeBuffer(now.buffer, 0, new Float32Array(data));
			write(this.#parameters, parameters);
			write(this.#mean, mean);
			write(this.#variance, variance);
		});
		this.discard();
	}

	async save(): Promise<Vectors> {
		return this.#ort.exclusive(async () => ({
			parameters: await this.#readBack(this.#parameters.now),
			mean: await this.#readBack(this.#mean.now),
			variance: await this.#readBack(this.#variance.now)
		}));
	}

	accumulate(batch: BatchArrays, dropoutSeed: number, teacher?: Float32Array): Promise<BatchLoss> {
		return this.#ort.exclusive(async () => {
			const feeds = batchFeeds(this.#ort, batch);
			if (this.#dropoutWidth > 0)
				feeds.set(
					'dropout',
					dropoutMask(this.#ort, batch, this.#dropoutWidth, this.#settings.dropout, dropoutSeed)
				);
			if (teacher)
				for (const [name, tensor] of teacherFeeds(this.#ort, batch, teacher, this.#settings.distillation))
					feeds.set(name, tensor);
			const sum = await this.#losses(this.#sessions.train, feeds, batch, { gradient: this.#gradient });
			await this.#add();
			this.#tokens += batch.learnt;
			this.#batches++;
			return { sum, tokens: batch.learnt };
		});
	}

	update({ step, learningRate }: Update): Promise<number> {
		return this.#ort.exclusive(async () => {
			const { optimiser, weightDecay, clip } = this.#settings;
			const session = this.#sessions.optimiser;
			const adam = optimiser === 'adamw';
			const scalars: Record<string, number> = {
				gradient_scale: 1 / this.#tokens,
				learning_rate: learningRate,
				weight_decay: weightDecay,
				...(clip > 0 && { max_norm: clip }),
				...(adam && { correction1: 1 / (1 - BETA1 ** step), correction2: 1 / (1 - BETA2 ** step) })
			};
			const pairs: [string, Pair][] = [
				['parameters', this.#parameters],
				['moment1', this.#mean],
				...(adam ? [['moment2', this.#variance] as [string, Pair]] : [])
			];
			const fed = Object.entries(scalars).map(
				([name, value]) => [name, this.#ort.tensor('float32', Float32Array.of(value), [])] as const
			);
			const norm = this.#tensor([]);
			try {
				for (const [name, tensor] of fed) await session.bindInput(name, tensor);
				await session.bindInput('gradient', this.#sum.now);
				for (const [name, pair] of pairs) {
					await session.bindInput(name, pair.now);
					session.bindOutput(`${name}_next`, pair.next);
				}
				session.bindOutput('norm', norm);
				await session.run();
				const [length = NaN] = await this.#readBack(norm);
				for (const [, pair] of pairs) swap(pair);
				this.discard();
				return length;
			} finally {
				for (const [, tensor] of fed) tensor.dispose();
				norm.dispose();
			}
		});
	}

	discard(): void {
		this.#tokens = 0;
		this.#batches = 0;
	}

	evaluate(batch: BatchArrays): Promise<BatchLoss> {
		return this.#ort.exclusive(async () => {
			this.#evaluate ??= await open(
				this.#ort,
				this.#device,
				evaluateGraph(this.#read.model, evaluateOptions(this.#settings)).model,
				this.#read
			);
			const nll = this.#tensor([batch.rows, batch.width]);
			try {
				const sum = await this.#losses(this.#evaluate, batchFeeds(this.#ort, batch), batch, { nll });
				return { sum, tokens: batch.learnt };
			} finally {
				nll.dispose();
			}
		});
	}

	async *expectations(
		batches: readonly BatchArrays[],
		parameters: Float32Array
	): AsyncGenerator<Float32Array> {
		const graph = evaluateGraph(this.#read.model, { ...evaluateOptions(this.#settings), expected: true });
		const weights = this.#tensor([parameters.length]);
		const session = await this.#ort.exclusive(async () => {
			this.#device.queue.writeBuffer(weights.buffer, 0, new Float32Array(parameters));
			return open(this.#ort, this.#device, graph.model, this.#read);
		});
		try {
			for (const batch of batches)
				yield await this.#ort.exclusive(async () => {
					const nll = this.#tensor([batch.rows, batch.width]);
					const expected = this.#tensor([batch.rows, batch.width, this.hidden]);
					try {
						const feeds = batchFeeds(this.#ort, batch);
						await this.#losses(session, feeds, batch, { nll, expected }, weights);
						return await this.#readBack(expected);
					} finally {
						nll.dispose();
						expected.dispose();
					}
				});
		} finally {
			await this.#ort.exclusive(() => {
				weights.dispose();
				session.dispose();
			});
		}
	}

	async dispose(): Promise<void> {
		await this.#ort.exclusive(() => {
			const pairs = [this.#parameters, this.#mean, this.#variance, this.#sum];
			for (const tensor of [this.#gradient, ...pairs.flatMap(({ now, next }) => [now, next])])
				tensor.dispose();
			this.#scale.dispose();
			this.#evaluate?.dispose();
			for (const session of Object.values(this.#sessions) as GpuSession[]) session.dispose();
		});
	}

	/** Runs a loss graph; `outputs` are what it has beside loss and weight. Frees the feeds. */
	async #losses(
		session: GpuSession,
		feeds: Map<string, OrtTensor>,
		{ rows }: BatchArrays,
		outputs: Record<string, GpuTensor>,
		parameters = this.#parameters.now
	): Promise<number> {
		const [loss, weight] = [this.#tensor([rows]), this.#tensor([rows])];
		try {
			for (const [name, tensor] of feeds) await session.bindInput(name, tensor);
			await session.bindInput('parameters', parameters);
			await session.bindInput('scale', this.#scale);
			for (const [name, tensor] of Object.entries({ loss, weight, ...outputs }))
				session.bindOutput(name, tensor);
			await session.run();
			return (await this.#readBack(loss)).reduce((sum, value) => sum + value, 0);
		} finally {
			for (const tensor of [loss, weight, ...feeds.values()]) tensor.dispose();
		}
	}

	/** Adds the batch's gradient to the step's. */
	async #add(): Promise<void> {
		if (this.#batches === 0) {
			const encoder = this.#device.createCommandEncoder();
			encoder.copyBufferToBuffer(
				this.#gradient.buffer,
				0,
				this.#sum.now.buffer,
				0,
				this.#gradient.byteLength
			);
			this.#device.queue.submit([encoder.finish()]);
			return;
		}
		const session = this.#sessions.accumulator;
		await session.bindInput('sum', this.#sum.now);
		await session.bindInput('gradient', this.#gradient);
		session.bindOutput('sum_next', this.#sum.next);
		await session.run();
		swap(this.#sum);
	}

	#tensor(dims: readonly number[]): GpuTensor {
		return GpuTensor.create(this.#ort, this.#device, this.#sessions.train.handle, 'float32', dims);
	}

	async #readBack({ buffer, dims }: GpuTensor): Promise<Float32Array> {
		const size = 4 * elementCount(dims);
		const staging = this.#device.createBuffer({ size, usage: MAP_READ_AND_COPY_DST });
		try {
			const encoder = this.#device.createCommandEncoder();
			encoder.copyBufferToBuffer(buffer, 0, staging, 0, size);
			this.#device.queue.submit([encoder.finish()]);
			await staging.mapAsync(MAP_MODE_READ);
			return new Float32Array(staging.getMappedRange().slice(0));
		} finally {
			staging.destroy();
		}
	}
}

function swap(pair: Pair): void {
	[pair.now, pair.next] = [pair.next, pair.now];
}

function open(
	ort: Ort,
	device: GPUDevice,
	model: Model,
	{ sources }: Pick<ReadGraph, 'sources'> = { sources: new Map() }
): Promise<GpuSession> {
	const { graph, weights, weightsPath } = writeModel(model);
	const source = segmentSource(weights, sources);
	return GpuSession.create(ort, device, {
		graph,
		...(source.size > 0 && { weights: { path: weightsPath, source } })
	});
}
