import type { EngineEnvironment } from '#workers/engine/environment.ts';
import { startDecoder } from '#workers/engine/start-decoder.ts';
import { openGpuDevice } from '#workers/runtime/gpu-device.ts';
import { heapOf } from '#workers/runtime/ort-module.ts';
import { Ort } from '#workers/runtime/ort.ts';
import type { Processor } from '#workers/runtime/processor.ts';
import { adapterOf, freshParameters, parametersOf } from './adapter.ts';
import type { TrainEvent } from './api.ts';
import { calibrate, type Calibration } from './calibrate.ts';
import { Replies } from './evaluate/replies.ts';
import type { Learner } from './learner/learner.ts';
import { GpuLearner } from './learner/gpu-learner.ts';
import { WasmLearner } from './learner/wasm-learner.ts';
import type { Prepared } from './prepare.ts';
import type { TrainingState, Vectors } from './runs/training-state.ts';

/** Vectors beside the wasm heap: the sum of gradients, two moments, and a copy of three for a checkpoint. */
const OUTSIDE_VECTORS = 6;

/** Tokens of a sample reply at most. */
const SAMPLE_TOKENS = 48;

/** The reply to a question, as likely as can be. */
type Ask = (prompt: string, options?: { maxNewTokens?: number; signal?: AbortSignal }) => Promise<string>;

/** Where a job finds its files and its processor. */
export interface TrainingEnvironment extends EngineEnvironment {
	processor: Processor;
}

/** What one run has on the device: its learner and, once asked, a decoder for sample replies. Both share one runtime. */
export class Session {
	readonly learner: Learner;
	readonly #prepared: Prepared;
	readonly #environment: TrainingEnvironment;
	readonly #ort: Ort;
	/** Bytes of the heap before the learner came. */
	readonly #heapBefore: number;
	#replies: Promise<Replies> | undefined;

	private constructor(
		prepared: Prepared,
		environment: TrainingEnvironment,
		ort: Ort,
		learner: Learner,
		heapBefore: number
	) {
		this.#heapBefore = heapBefore;
		this.#prepared = prepared;
		this.#environment = environment;
		this.#ort = ort;
		this.learner = learner;
	}

	/** @throws OpenLedgerError `onnx/unsupported` for a base that cannot be trained, `device/*`, `engine/failed` */
	static async open(
		prepared: Prepared,
		environment: TrainingEnvironment,
		onEvent: (event: TrainEvent) => void
	): Promise<Session> {
		onEvent({ type: 'phase', phase: 'graph' });
		const { choice, read, settings } = prepared;
		const { build, threads, provider } = choice;
		const device = provider === 'webgpu' ? await openGpuDevice() : undefined;
		const ort = device
			? await Ort.start({ build, threads, urls: environment.ortUrls?.[build], device })
			: await environment.processor.start(threads);
		const heap = heapOf(ort.module).byteLength;
		const learner = device
			? await GpuLearner.create(ort, device, read, settings)
			: await WasmLearner.create(ort, read, settings);
		return new Session(prepared, environment, ort, learner, heap);
	}

	/** Where a run begins: with fresh matrices, or with those of the adapter that is continued. */
	freshState(seed: number): TrainingState {
		const { layout } = this.learner;
		const { continued } = this.#prepared;
		const parameters = continued ? parametersOf(continued, layout) : freshParameters(layout, seed);
		const zeros = () => new Float32Array(layout.length);
		const vectors: Vectors = { parameters, mean: zeros(), variance: zeros() };
		return { progress: { step: 0, tokens: 0, seconds: 0, worse: 0 }, vectors };
	}

	/** Measures speed and memory, of sample replies too where there are prompts; the learner holds `vectors` afterwards. */
	async calibrate(
		vectors: Vectors,
		[prompt]: readonly string[],
		signal?: AbortSignal
	): Promise<Calibration & { memoryBytes?: number }> {
		const measured: Calibration = {
			...(await calibrate(this.learner, this.#prepared, vectors, signal)),
			replySeconds: prompt === undefined ? 0 : await this.#timeReply(prompt, vectors.parameters, signal)
		};
		// What a GPU's buffers take cannot be asked: there the arithmetic stands.
		if (this.#prepared.choice.provider === 'webgpu') return measured;
		const heap = heapOf(this.#ort.module).byteLength;
		// A heap that a larger job left behind tells nothing of this one.
		if (heap === this.#heapBefore) return measured;
		return { ...measured, memoryBytes: heap + OUTSIDE_VECTORS * 4 * this.learner.layout.length };
	}

	/** Hands over a way to ask the base with the adapter that `parameters` are. The decoder is started when it is first needed. */
	async asking<T>(parameters: Float32Array, work: (ask: Ask) => Promise<T>): Promise<T> {
		const shared = this.#prepared.choice.provider === 'wasm' ? this.#ort : undefined;
		const replies = await (this.#replies ??= startReplies(this.#prepared, this.#environment, shared));
		const { settings, open } = this.#prepared;
		const adapter = adapterOf(parameters, this.learner.layout, settings, open.item.name);
		const device = await replies.upload(adapter);
		try {
			return await work(async (prompt, { maxNewTokens = SAMPLE_TOKENS, signal } = {}) => {
				const messages = [{ role: 'user' as const, content: prompt }];
				const [text = ''] = await replies.ask(messages, [device], { maxNewTokens, signal });
				return text;
			});
		} finally {
			device.dispose();
		}
	}

	/** Seconds of a reply as long as those that are learnt. */
	#timeReply(prompt: string, parameters: Float32Array, signal?: AbortSignal): Promise<number> {
		const { learntTokens, training } = this.#prepared.dataset.report;
		const maxNewTokens = Math.min(SAMPLE_TOKENS, Math.ceil(learntTokens / training));
		return this.asking(parameters, async (ask) => {
			// The first does not count: it plans its memory.
			await ask(prompt, { maxNewTokens, signal });
			const started = performance.now();
			await ask(prompt, { maxNewTokens, signal });
			return (performance.now() - started) / 1000;
		});
	}

	async close(): Promise<void> {
		await (await this.#replies?.catch(() => undefined))?.dispose();
		await this.learner.dispose();
	}
}

/** @param ort the runtime to run on; a new one unless given */
export async function startReplies(
	{ open, choice }: Pick<Prepared, 'open' | 'choice'>,
	environment: TrainingEnvironment,
	ort?: Ort
): Promise<Replies> {
	const started = await startDecoder(open, {
		wanted: choice.provider,
		folder: await environment.folder,
		startOrt: (threads) => (ort ? Promise.resolve(ort) : environment.processor.start(threads)),
		urls: environment.ortUrls,
		onProgress: () => undefined
	});
	return new Replies(started, open);
}
