import type { Hyperparameters } from '../hyperparameters.ts';
import { epochBatches, type MicroBatch } from './batches.ts';

type Settings = Pick<Hyperparameters, 'batchTokens' | 'packing' | 'accumulation' | 'epochs' | 'steps'>;

/** What one optimiser step learns from. */
export interface PlannedStep {
	/** Number of the pass over the rows, from 0. */
	epoch: number;
	/** True for the last step of its epoch. */
	endsEpoch: boolean;
	batches: MicroBatch[];
}

/**
 * Which rows every step of a run learns from. It follows from lengths, settings and seed alone, so a run that is taken up
 * at some step goes on as it would have without the break.
 */
export class StepPlan {
	/** Steps of the whole run. */
	readonly steps: number;
	readonly #lengths: readonly number[];
	readonly #settings: Settings;
	readonly #seed: number;
	/** First step of every epoch, and the end of the last. */
	readonly #starts: number[] = [0];
	#cached: { epoch: number; batches: MicroBatch[] } | undefined;

	/** @param lengths tokens of each sample, at least one */
	constructor(lengths: readonly number[], settings: Settings, seed: number) {
		if (lengths.length === 0) throw new RangeError('nothing to learn from');
		this.#lengths = lengths;
		this.#settings = settings;
		this.#seed = seed;
		const isEnough = () =>
			settings.steps > 0 ? this.#end >= settings.steps : this.#starts.length > settings.epochs;
		while (!isEnough()) {
			const { length } = this.#epoch(this.#starts.length - 1);
			this.#starts.push(this.#end + Math.ceil(length / settings.accumulation));
		}
		this.steps = settings.steps > 0 ? settings.steps : this.#end;
	}

	/** Micro-batches of the first epoch, to measure with. */
	get example(): readonly MicroBatch[] {
		return this.#epoch(0);
	}

	/** @param step from 0, below `steps` */
	at(step: number): PlannedStep {
		if (!(step >= 0 && step < this.steps)) throw new RangeError(`step ${step} of ${this.steps}`);
		const epoch = this.#starts.findLastIndex((start) => start <= step);
		const { accumulation } = this.#settings;
		const first = (step - (this.#starts[epoch] as number)) * accumulation;
		const batches = this.#epoch(epoch);
		return {
			epoch,
			endsEpoch: first + accumulation >= batches.length || step === this.steps - 1,
			batches: batches.slice(first, first + accumulation)
		};
	}

	get #end(): number {
		return this.#starts.at(-1) as number;
	}

	#epoch(epoch: number): MicroBatch[] {
		if (this.#cached?.epoch !== epoch)
			this.#cached = { epoch, batches: epochBatches(this.#lengths, this.#settings, this.#seed, epoch) };
		return this.#cached.batches;
	}
}
