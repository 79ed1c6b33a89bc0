import { OpenLedgerError } from '#workers/errors.ts';
import { AdapterLibrary } from '#workers/engine/adapter-library.ts';
import type { EngineEnvironment } from '#workers/engine/environment.ts';
import { Tasks } from '#workers/engine/tasks.ts';
import { Mutex } from '#workers/generate/mutex.ts';
import { MANIFEST_FILE, WEIGHTS_FILE } from '#workers/adapters/lora-adapter.ts';
import { parseManifest } from '#workers/adapters/manifest.ts';
import { baseName } from '#workers/models/base-name.ts';
import { ModelLibrary } from '#workers/models/library.ts';
import { FileStore } from '#workers/models/store/file-store.ts';
import { trainGraph } from '#workers/onnx/train/train-graph.ts';
import type { EngineSettings } from '#workers/protocol.ts';
import { Processor } from '#workers/runtime/processor.ts';
import type { LearntRows } from '#workers/attribution/index/rows-file.ts';
import { learntRows } from './learnt.ts';
import { adapterOf } from './adapter.ts';
import type {
	Estimate,
	Evaluation,
	Repetition,
	ReplyPair,
	RunDetail,
	RunSummary,
	SaveOptions,
	TrainApi,
	TrainEvent,
	TrainingPlan,
	Weights
} from './api.ts';
import { estimateOf, fitMemory } from './estimate.ts';
import { evaluateRun } from './evaluate/evaluate.ts';
import { trainOptions } from './learner/graph-options.ts';
import { begin, goOn, survive, type Job } from './job.ts';
import { prepare, type Rooms } from './prepare.ts';
import { resultFiles, type TakenWeights } from './result.ts';
import { runBusy, RunStore } from './runs/run-store.ts';
import { decodeParameters, decodeState } from './runs/training-state.ts';
import { summaryOf } from './runs/records.ts';
import { Session, type TrainingEnvironment } from './session.ts';
import type { Control } from './work.ts';

type Listener<Event> = (event: Event) => void;

/** The training worker behind `TrainApi`. It has a runtime of its own: the chat's worker goes on beside it. */
export class TrainService implements TrainApi {
	readonly #environment: TrainingEnvironment;
	readonly #tasks = new Tasks();
	/** One thing at a time on the device. */
	readonly #device = new Mutex();
	readonly #store: Promise<FileStore>;
	readonly #models: Promise<ModelLibrary>;
	/** Runs that are working or waiting. */
	readonly #controls = new Map<string, Control>();

	constructor(environment: EngineEnvironment) {
		this.#environment = { ...environment, processor: new Processor(environment.ortUrls?.wasm, 'threads') };
		this.#store = Promise.resolve(environment.folder).then((folder) => FileStore.open(folder));
		this.#models = this.#store.then((store) => new ModelLibrary(store, environment.appUrl));
	}

	async configure({ hubUrl }: EngineSettings): Promise<void> {
		(await this.#models).useHub({ url: hubUrl });
	}

	cancel(task: string): Promise<void> {
		this.#tasks.cancel(task);
		return Promise.resolve();
	}

	async estimate(plan: TrainingPlan, task: string, onEvent: Listener<TrainEvent>): Promise<Estimate> {
		return this.#tasks.run(task, (signal) =>
			this.#inTurn(onEvent, signal, async () => {
				const prepared = await prepare(plan, await this.#rooms(), { signal, onEvent });
				try {
					const predicted = fitMemory(prepared);
					const estimate = estimateOf(prepared, predicted, plan.prompts.length);
					if (!estimate.fits) return estimate;
					const session = await Session.open(prepared, this.#environment, onEvent);
					try {
						const measured = await session.calibrate(
							session.freshState(plan.seed).vectors,
							plan.prompts,
							signal
						);
						return estimateOf(prepared, predicted, plan.prompts.length, measured);
					} finally {
						await session.close();
					}
				} finally {
					await prepared.open.close();
				}
			})
		);
	}

	async start(plan: TrainingPlan, onEvent: Listener<TrainEvent>): Promise<RunSummary> {
		return this.#controlled(plan.id, (control) =>
			this.#inTurn(onEvent, control.signal, () =>
				this.#job(plan.id, control, onEvent).then((job) => survive(job, () => begin(plan, job)))
			)
		);
	}

	async resume(id: string, onEvent: Listener<TrainEvent>): Promise<RunSummary> {
		return this.#controlled(id, async (control) => {
			try {
				return await this.#inTurn(onEvent, control.signal, () =>
					this.#job(id, control, onEvent).then((job) => survive(job, () => goOn(job)))
				);
			} catch (error) {
				if (!control.signal.aborted || control.wanted !== 'stopped') throw error;
				// Stopped before it began to work: nobody has written that down.
				const runs = await this.#runs();
				const { state, seconds } = await runs.detail(id);
				if (state !== 'finished') await runs.append(id, [{ state: 'stopped', seconds }]);
				return summaryOf(await runs.detail(id));
			}
		});
	}

	pause(run: string): Promise<void> {
		this.#controls.get(run)?.end('paused');
		return Promise.resolve();
	}

	async stop(run: string): Promise<void> {
		const control = this.#controls.get(run);
		if (control) return control.end('stopped');
		const runs = await this.#runs();
		const { state, seconds } = await runs.detail(run);
		if (state === 'paused' || state === 'interrupted')
			await runs.append(run, [{ state: 'stopped', seconds }]);
	}

	async runs(): Promise<RunSummary[]> {
		return (await (await this.#runs()).list()).map(summaryOf);
	}

	async run(id: string): Promise<RunDetail> {
		return (await this.#runs()).detail(id);
	}

	async remove(run: string): Promise<void> {
		await (await this.#runs()).remove(run);
	}

	async save(run: string, options: SaveOptions): Promise<string> {
		const { files, step } = await this.#result(run, options);
		const id = await new AdapterLibrary(await this.#store).import(files, { name: options.name });
		await (await this.#runs()).append(run, [{ adapter: id, at: step }]);
		return id;
	}

	async learnt(run: string): Promise<LearntRows> {
		const { plan, hyperparameters: settings } = await (await this.#runs()).file(run);
		const decided = { settings, provider: 'auto' as const };
		const prepared = await prepare(plan, await this.#rooms(), { onEvent: () => undefined, decided });
		try {
			return learntRows(plan, prepared.dataset);
		} finally {
			await prepared.open.close();
		}
	}

	async export(run: string, options: SaveOptions): Promise<File[]> {
		const { files } = await this.#result(run, options);
		return [...files].map(([name, bytes]) => new File([bytes], name));
	}

	async compare(run: string): Promise<Repetition> {
		const runs = await this.#runs();
		const { repeats } = (await runs.file(run)).plan;
		const { name, bestStep } = await runs.detail(run);
		if (!repeats)
			throw new OpenLedgerError('train/unsupported', 'This run repeats no other.', {
				remedy: 'Start a run from the openledger.json of an adapter.',
				details: { run }
			});
		const weights = repeats.training?.bestStep === bestStep ? 'best' : 'last';
		const { files } = await this.#result(run, { name, weights });
		const { files: hashes, evaluation } = parseManifest(files.get(MANIFEST_FILE) ?? '');
		const [sha256, expected] = [hashes[WEIGHTS_FILE], repeats.files[WEIGHTS_FILE]];
		return {
			same: sha256 === expected,
			sha256,
			expected,
			loss: evaluation?.lossAfter,
			expectedLoss: repeats.evaluation?.lossAfter
		};
	}

	async evaluate(
		run: string,
		options: { rows: number; prompts: string[]; weights?: Weights },
		task: string,
		onReply: Listener<ReplyPair>
	): Promise<Evaluation> {
		return this.#tasks.run(task, (signal) =>
			this.#device.run(async () => {
				const { prepared, detail, taken } = await this.#taught(run, options.weights);
				try {
					return await evaluateRun({ prepared, detail, taken, ...options }, this.#environment, {
						signal,
						onReply
					});
				} finally {
					await prepared.open.close();
				}
			}, signal)
		);
	}

	/** The files of a run's weights, and their step. */
	async #result(run: string, options: SaveOptions) {
		const { plan, prepared, detail, taken } = await this.#taught(run, options.weights);
		try {
			const { settings, open, read, dataset } = prepared;
			const { layout } = trainGraph(read.model, trainOptions(settings));
			const base = { id: baseName(open.item), hashes: open.hashes };
			const adapter = adapterOf(taken.parameters, layout, settings, base.id);
			const continued = plan.continueFrom === undefined ? undefined : await this.#parent(plan.continueFrom);
			const made = { adapter, run: detail, taken, plan, dataset, base, continued };
			return { files: await resultFiles(made, options), step: taken.step };
		} finally {
			await prepared.open.close();
		}
	}

	async #parent(id: string) {
		const item = await (await this.#store).item(`adapter:${id}`);
		const has = item?.files.some(({ path }) => path === MANIFEST_FILE) ?? false;
		const manifest = has ? await (await this.#store).readFile(`adapter:${id}`, MANIFEST_FILE) : undefined;
		const weights = item?.files.find(({ path }) => path === WEIGHTS_FILE)?.sha256;
		return { sha256: id, weights, name: item?.name ?? id.slice(0, 8), manifest };
	}

	/** A run with what it has learnt. The caller closes `prepared.open`. */
	async #taught(run: string, weights: Weights = 'best') {
		const runs = await this.#runs();
		const { plan, hyperparameters: settings } = await runs.file(run);
		const detail = await runs.detail(run);
		const taken = await takeWeights(runs, detail, weights);
		// What was learnt on a graphics card can be saved and asked without it.
		const decided = { settings, provider: 'auto' as const };
		const prepared = await prepare(plan, await this.#rooms(), { onEvent: () => undefined, decided });
		return { plan, prepared, detail, taken };
	}

	/** Runs of one id exclude each other, here and in other tabs. */
	async #controlled<T>(id: string, task: (control: Control) => Promise<T>): Promise<T> {
		const release = this.#controls.has(id) ? undefined : await (await this.#runs()).lock(id);
		if (!release || this.#controls.has(id)) {
			await release?.();
			throw runBusy(id);
		}
		const controller = new AbortController();
		const control: Control = {
			signal: controller.signal,
			wanted: 'paused',
			end(wanted) {
				control.wanted = wanted;
				controller.abort(
					new OpenLedgerError('aborted', 'Stopped.', { remedy: 'Start it again when you like.' })
				);
			}
		};
		this.#controls.set(id, control);
		try {
			return await task(control);
		} finally {
			this.#controls.delete(id);
			await release();
		}
	}

	/** What is stopped while it waits does not wait any longer. */
	#inTurn<T>(onEvent: Listener<TrainEvent>, signal: AbortSignal, task: () => Promise<T>): Promise<T> {
		onEvent({ type: 'phase', phase: 'queued' });
		return this.#device.run(task, signal);
	}

	async #job(id: string, control: Control, onEvent: Listener<TrainEvent>): Promise<Job> {
		const [rooms, runs] = [await this.#rooms(), await this.#runs()];
		return { id, rooms, runs, environment: this.#environment, control, onEvent };
	}

	async #rooms(): Promise<Rooms> {
		return { models: await this.#models, adapters: new AdapterLibrary(await this.#store) };
	}

	async #runs(): Promise<RunStore> {
		return new RunStore((await this.#store).folder);
	}
}

async function takeWeights(
	runs: RunStore,
	{ id, bestLoss, bestStep, validation }: RunDetail,
	weights: Weights
): Promise<TakenWeights> {
	const wanted = weights === 'best' && bestLoss !== undefined;
	const best = wanted ? await runs.readCheckpoint(id, 'best', bestStep) : undefined;
	if (best) return { parameters: decodeParameters(best.bytes), step: bestStep, loss: bestLoss };
	const state = await runs.readCheckpoint(id, 'state');
	if (state) {
		const { parameters } = decodeState(state.bytes).vectors;
		const loss = validation.findLast(({ step }) => step === state.step)?.loss;
		return { parameters, step: state.step, loss };
	}
	throw new OpenLedgerError('storage/damaged', 'What this run had learnt is no longer stored.', {
		remedy: 'Start it again.',
		details: { run: id }
	});
}
