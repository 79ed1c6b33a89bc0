import { OpenLedgerError } from '#workers/errors.ts';
import { yieldToEvents } from '#workers/generate/yield.ts';
import type { StepPoint, ValidationPoint } from './api.ts';
import type { Hyperparameters } from './hyperparameters.ts';
import type { BatchLoss, Learner } from './learner/learner.ts';
import { paddedTokens } from './rows/batches.ts';
import { collate, type BatchArrays } from './rows/collate.ts';
import type { Sample } from './rows/encode.ts';
import { draw } from './rows/random.ts';
import type { StepPlan } from './rows/step-plan.ts';
import type { Progress, TrainingState, Vectors } from './runs/training-state.ts';
import { learningRate } from './schedule.ts';
import { Teacher } from './teacher.ts';
import { meanLoss, validationBatches } from './validation.ts';

/** What a trainer tells, and hands over to be kept. All are awaited: training goes on when they are done. */
export interface TrainerSink {
	step(point: StepPoint, progress: Progress): Promise<void>;
	/** `parameters` where it is the best so far. */
	validation(point: ValidationPoint, progress: Progress, parameters?: Float32Array): Promise<void>;
	/** A state to go on from. Not called for steps whose loss was not finite. */
	checkpoint(state: TrainingState): Promise<void>;
	/** Before the first step and after every validation: time for sample replies. */
	rest(progress: Progress): Promise<void>;
}

export interface TrainerOptions {
	learner: Learner;
	settings: Hyperparameters;
	seed: number;
	plan: StepPlan;
	training: readonly Sample[];
	validation: readonly Sample[];
	/** Where it begins: with step 0 and fresh vectors, or what a checkpoint held. */
	state: TrainingState;
	sink: TrainerSink;
	/** Aborted: the step under way is dropped, everything before it is kept and `train` resolves with `paused`. */
	signal: AbortSignal;
	/** Seconds between checkpoints, those at validations aside. */
	checkpointSeconds?: number;
	/** Milliseconds. */
	now?: () => number;
}

/** `early`: the validation loss has not fallen for `patience` validations. */
export type TrainerEnd = 'finished' | 'early' | 'paused';

/** Losses above that of the first step by this much, in nats, are divergence. */
const DIVERGED = 2;
/** Share of the epochs in which a question is asked in its own words. */
const OWN_WORDS = 0.2;
/** Steps whose mean loss is held against it. */
const WINDOW = 8;

/** Takes a learner through the steps of a plan. What it computes depends on plan, settings, seed and state alone. */
export class Trainer {
	readonly #options: TrainerOptions;
	readonly #progress: Progress;
	readonly #validation: BatchArrays[];
	readonly #now: () => number;
	#lastCheckpoint: number;
	#losses: number[] = [];
	#teacher: Teacher | undefined;

	constructor(options: TrainerOptions) {
		this.#options = options;
		this.#progress = structuredClone(options.state.progress);
		this.#validation = validationBatches(options.validation, options.settings, options.seed);
		this.#now = options.now ?? (() => performance.now());
		this.#lastCheckpoint = this.#now();
	}

	/**
	 * Trains to the end of the plan.
	 * @throws OpenLedgerError `train/diverged` when a loss or gradient is not finite, or far above the start's; `device/*`
	 */
	async train(): Promise<TrainerEnd> {
		const { learner, plan, state, signal, settings, training, seed } = this.#options;
		const progress = this.#progress;
		await learner.load(state.vectors);
		if (settings.distillation > 0) {
			const started = this.#now();
			this.#teacher = await Teacher.of(learner, training, settings, seed);
			progress.seconds += (this.#now() - started) / 1000;
		}
		if (progress.step === 0 && progress.best === undefined) {
			await this.#options.sink.checkpoint({ progress: structuredClone(progress), vectors: state.vectors });
			await this.#validate();
		}
		while (progress.step < plan.steps) {
			if (signal.aborted || !(await this.#step())) {
				await this.#checkpoint();
				return 'paused';
			}
			const { patience } = this.#options.settings;
			if (patience > 0 && progress.worse >= patience) {
				await this.#checkpoint();
				return 'early';
			}
		}
		await this.#checkpoint();
		return 'finished';
	}

	/** One optimiser step. False where it was dropped because the run is to pause. */
	async #step(): Promise<boolean> {
		const { learner, settings, seed, plan, training, signal, sink } = this.#options;
		const progress = this.#progress;
		const started = this.#now();
		const { epoch, endsEpoch, batches } = plan.at(progress.step);
		const loss: BatchLoss = { sum: 0, tokens: 0 };
		let tokens = 0;
		// A question as it was asked one time in five, in other words the rest.
		const wording = (sample: number, variants: number) => {
			const chance = draw(seed, 'wording', epoch, sample);
			return chance < OWN_WORDS ? 0 : 1 + Math.floor(((chance - OWN_WORDS) / (1 - OWN_WORDS)) * variants);
		};
		for (const [i, batch] of batches.entries()) {
			const dropoutSeed = Math.floor(draw(seed, 'dropout', progress.step, i) * 2 ** 32);
			const arrays = collate(batch, training, wording);
			const part = await learner.accumulate(arrays, dropoutSeed, this.#teacher?.for(batch, arrays));
			loss.sum += part.sum;
			loss.tokens += part.tokens;
			tokens += paddedTokens(batch);
			await yieldToEvents();
			if (signal.aborted) {
				learner.discard();
				return false;
			}
		}
		const rate = learningRate(settings, progress.step, plan.steps);
		const gradientNorm = await learner.update({ step: progress.step + 1, learningRate: rate });
		const mean = loss.sum / loss.tokens;
		this.#requireSound(mean, gradientNorm, rate);
		progress.step++;
		progress.tokens += tokens;
		progress.seconds += (this.#now() - started) / 1000;
		await sink.step({ step: progress.step, epoch, loss: mean, learningRate: rate, gradientNorm }, progress);

		const { validateEvery } = settings;
		const due = validateEvery > 0 ? progress.step % validateEvery === 0 : endsEpoch;
		if (due || progress.step === plan.steps) await this.#validate();
		const interval = 1000 * (this.#options.checkpointSeconds ?? 20);
		if (this.#now() - this.#lastCheckpoint >= interval) await this.#checkpoint();
		return true;
	}

	/** Validates, notes whether it is the best, and rests. */
	async #validate(): Promise<void> {
		const { learner, sink } = this.#options;
		const progress = this.#progress;
		const started = this.#now();
		if (this.#validation.length > 0) {
			const mean = await meanLoss(learner, this.#validation);
			if (!Number.isFinite(mean))
				throw diverged(progress.step, 'The loss on the rows held back is not a number');
			const best = progress.best === undefined || mean < progress.best.loss;
			if (best) progress.best = { step: progress.step, loss: mean };
			progress.worse = best ? 0 : progress.worse + 1;
			const parameters = best ? (await learner.save()).parameters : undefined;
			await sink.validation({ step: progress.step, loss: mean, best }, progress, parameters);
		}
		progress.seconds += (this.#now() - started) / 1000;
		await sink.rest(progress);
	}

	async #checkpoint(): Promise<void> {
		const vectors: Vectors = await this.#options.learner.save();
		await this.#options.sink.checkpoint({ progress: structuredClone(this.#progress), vectors });
		this.#lastCheckpoint = this.#now();
	}

	#requireSound(loss: number, gradientNorm: number, rate: number): void {
		const { step } = this.#progress;
		if (!Number.isFinite(loss) || !Number.isFinite(gradientNorm))
			throw diverged(step, 'The loss is no longer a number', rate);
		this.#progress.startLoss ??= loss;
		this.#losses.push(loss);
		if (this.#losses.length < WINDOW) return;
		const mean = this.#losses.reduce((sum, value) => sum + value, 0) / this.#losses.length;
		this.#losses.shift();
		if (mean > (this.#progress.startLoss ?? mean) + DIVERGED)
			throw diverged(step, 'The loss rises instead of falling', rate);
	}
}

function diverged(step: number, what: string, rate?: number): OpenLedgerError {
	return new OpenLedgerError('train/diverged', `${what}, so training was stopped at step ${step + 1}.`, {
		remedy:
			'What it had learnt before is kept. Start again with a lower learning rate; a third of it is a good next try.',
		details: { step: step + 1, ...(rate !== undefined && { learningRate: rate }) }
	});
}
