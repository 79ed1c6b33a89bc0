import type { AdapterManifest } from '#workers/adapters/manifest.ts';
import type { LearntRows } from '#workers/attribution/index/rows-file.ts';
import type { Content, ContributionInput } from '#workers/datanets/contribution.ts';
import type { EngineSettings, LoadProgress, Provider } from '#workers/protocol.ts';
import type { Hyperparameters, Preset } from './hyperparameters.ts';

/**
 * What the Factory page and the training worker say to each other. Plain data only: everything here is
 * structured-cloneable. The page holds a `TrainApi` through Comlink (workers/comlink.ts); failures arrive as
 * `OpenLedgerError`.
 */

/** One contribution to learn from. */
export interface TrainingRow {
	/** Id of the contribution; any stable name for rows that belong to no Datanet. */
	id: string;
	content: Content;
	/** What else its id is made of; absent for rows that belong to no Datanet. Who is credited follows from it. */
	header?: Omit<ContributionInput, 'content'>;
}

/** Rows with where they come from. */
export interface TrainingSource {
	name: string;
	/** Id of the Datanet; absent for rows pasted or uploaded on the spot. */
	datanet?: string;
	/** Merkle root (0x…) of the Datanet's version whose rows these are. */
	root?: string;
	licence?: string;
	rows: TrainingRow[];
}

/** Everything a run depends on: the same plan on the same base gives the same adapter, on wasm bit for bit. */
export interface TrainingPlan {
	/** Chosen by the caller (`crypto.randomUUID()`): lower-case letters, digits and hyphens, at most 64. */
	id: string;
	name: string;
	/** Id of the base model, as `ModelEntry.id`. It must be stored. */
	base: string;
	/** Id of an adapter to go on from: rank, alpha and modules are then its own. */
	continueFrom?: string;
	sources: TrainingSource[];
	preset: Preset;
	/** What differs from the preset. */
	hyperparameters?: Partial<Hyperparameters>;
	/** Asked again and again while training goes on; may be empty. */
	prompts: string[];
	/** 0 to 2³² − 1: decides the split, the order of rows and the first weights. */
	seed: number;
	provider: Provider | 'auto';
	/** Of the adapter that is made again, to see whether the same comes out (repeat.ts). */
	repeats?: AdapterManifest;
}

/** Rows as the trainer sees them. */
export interface RowReport {
	/** Contributions used for training, and held back for validation. */
	training: number;
	validation: number;
	/** Tokens of one epoch, and how many of them are learnt (the others are prompts). */
	tokens: number;
	learntTokens: number;
	longest: number;
	/** Contributions of equal content, counted beyond the first. */
	repeated: number;
	/** Contributions that were shortened to fit, and those left out, with the reason as a sentence for a person. */
	shortened: number;
	left: { id: string; reason: string }[];
	/** Sentences for a person: few rows, all alike, … */
	cautions: string[];
}

export interface Estimate {
	hyperparameters: Hyperparameters;
	rows: RowReport;
	provider: Provider;
	/** Optimiser steps, and the seconds they take, samples and validation included. Measured on this device just now. */
	steps: number;
	seconds: number;
	/** Padded tokens trained a second. */
	tokensPerSecond: number;
	/** Peak, in bytes, with the base's weights. `memoryLimit`: what this device is believed to have room for. */
	memoryBytes: number;
	memoryLimit: number;
	/** False when the start would be refused; `reason` says why. */
	fits: boolean;
	reason?: string;
	/** Numbers that are trained. */
	parameters: number;
	adapterBytes: number;
}

export type RunPhase =
	'queued' | 'model' | 'rows' | 'graph' | 'calibrate' | 'train' | 'validate' | 'sample' | 'save';

export interface StepPoint {
	/** Optimiser steps done, from 1. */
	step: number;
	/** Passes over the rows so far. */
	epoch: number;
	/** Mean negative log-likelihood of a learnt token in this step, in nats. */
	loss: number;
	learningRate: number;
	/** Of the whole gradient before clipping. */
	gradientNorm: number;
}

export interface ValidationPoint {
	/** 0: before the first step, which is the base (or the adapter that is continued). */
	step: number;
	/** Mean negative log-likelihood of a held-back reply token, in nats. */
	loss: number;
	/** True where it is the lowest so far. */
	best: boolean;
}

export interface SampleReply {
	step: number;
	prompt: string;
	text: string;
}

export type TrainEvent =
	| { type: 'phase'; phase: RunPhase; load?: LoadProgress }
	| { type: 'ready'; estimate: Estimate }
	| ({ type: 'step'; steps: number; tokensPerSecond: number; secondsLeft: number } & StepPoint)
	| ({ type: 'validation' } & ValidationPoint)
	| ({ type: 'sample' } & SampleReply)
	| { type: 'checkpoint'; step: number }
	/** Something a person should know, while the run goes on. */
	| { type: 'caution'; text: string };

/**
 * `interrupted`: it was running when its tab was closed or crashed, and goes on where it was by `resume`.
 * `finished`: all steps done, or stopped early because the validation loss rose. `stopped`: by the person.
 */
export type RunState = 'running' | 'paused' | 'interrupted' | 'finished' | 'stopped' | 'failed';

export interface RunSummary {
	id: string;
	name: string;
	base: string;
	preset: Preset;
	hyperparameters: Hyperparameters;
	provider: Provider;
	seed: number;
	sources: { name: string; datanet?: string; root?: string; rows: number }[];
	prompts: string[];
	state: RunState;
	step: number;
	steps: number;
	/** Milliseconds since the epoch. */
	started: number;
	/** Step of its last checkpoint, from which it goes on; told of one that was interrupted. */
	checkpoint?: number;
	/** Seconds spent training so far. */
	seconds: number;
	/** Validation loss before training, and the lowest since; undefined without validation rows. */
	baseLoss?: number;
	bestLoss?: number;
	/** Step of the weights with the lowest validation loss, else of the last. */
	bestStep: number;
	/** Name of the adapter that it makes again. */
	repeats?: string;
	/** Set once an adapter is saved, the last of several: its id in `EngineApi.adapters()`. */
	adapter?: string;
	/** Why it failed or ended early, as a sentence for a person. */
	reason?: string;
}

/** A run with what its charts show. */
export interface RunDetail extends RunSummary {
	rows: RowReport;
	curve: StepPoint[];
	validation: ValidationPoint[];
	/** What was saved of it, and the step of the weights; logs of old do not tell the step. */
	kept: { adapter: string; at?: number }[];
	samples: SampleReply[];
}

/** A held-back row, asked of both. */
export interface ReplyPair {
	prompt: string;
	/** What the contribution says; absent for a person's own prompts. */
	expected?: string;
	base: string;
	adapter: string;
	/** ROUGE-L F1 (Lin 2004) of each reply against the expected one, 0 to 1, and whether it is equal to it. */
	scores?: { base: number; adapter: number; baseExact: boolean; adapterExact: boolean };
}

export interface Evaluation {
	/** Held-back contributions and their learnt tokens. */
	rows: number;
	tokens: number;
	/** exp of the mean negative log-likelihood of a held-back reply token; NaN where none is held back. */
	basePerplexity: number;
	adapterPerplexity: number;
	replies: ReplyPair[];
	/** Means over the replies that have an expected one. */
	rougeL: { base: number; adapter: number };
	exact: { base: number; adapter: number };
}

/**
 * Which of a run's weights: `best` at rows it has never seen (the default), or the `last`, which know the rows they were
 * taught best. They are the same where no row is held back.
 */
export type Weights = 'best' | 'last';

/** A run beside the adapter that it makes again. */
export interface Repetition {
	/** Whether the weights are the same bit for bit: PEFT's file has the same SHA-256. */
	same: boolean;
	/** SHA-256 (hex) of the weights' file of this run, and of the adapter's as its manifest states it. */
	sha256: string;
	expected: string;
	/** Held-out losses, in nats, where both were measured. */
	loss?: number;
	expectedLoss?: number;
}

export interface SaveOptions {
	weights?: Weights;
	name: string;
	description?: string;
	author?: string;
	licence?: string;
}

type Listener<Event> = (event: Event) => void;

/**
 * Training. One run at a time works; others wait their turn (`phase: 'queued'`). Long calls take a `task` that `cancel`
 * accepts; a cancelled call rejects with code `aborted`.
 */
export interface TrainApi {
	configure(settings: EngineSettings): Promise<void>;
	cancel(task: string): Promise<void>;
	/**
	 * What a run would take: reads the rows, starts the base and measures a step or two. Nothing is stored.
	 * @throws OpenLedgerError `train/no-rows`, `train/bad-settings`, `train/unsupported`, …
	 */
	estimate(plan: TrainingPlan, task: string, onEvent: Listener<TrainEvent>): Promise<Estimate>;
	/**
	 * Starts a run; resolves when it has ended, been paused or stopped. A run that fails rejects; what it had learnt by its
	 * last good checkpoint is kept and can be saved.
	 * @throws OpenLedgerError as `estimate`, `train/too-large` before the start, `train/diverged`, `device/*`
	 */
	start(plan: TrainingPlan, onEvent: Listener<TrainEvent>): Promise<RunSummary>;
	/** Goes on with a paused, stopped or interrupted run. */
	resume(run: string, onEvent: Listener<TrainEvent>): Promise<RunSummary>;
	/** Ends the current step, keeps everything, gives the device back. */
	pause(run: string): Promise<void>;
	/** Ends the run for good and keeps the best so far. */
	stop(run: string): Promise<void>;
	runs(): Promise<RunSummary[]>;
	run(id: string): Promise<RunDetail>;
	/** Forgets a run that is not running. An adapter saved from it stays. */
	remove(run: string): Promise<void>;
	/** Puts the run's weights among the adapters. Returns the adapter's id. */
	save(run: string, options: SaveOptions): Promise<string>;
	/** The run's weights as PEFT files with their manifest. */
	export(run: string, options: SaveOptions): Promise<File[]>;
	/**
	 * How what came out of a run compares with the adapter that its plan repeats.
	 * @throws OpenLedgerError `train/unsupported` for a run that repeats none
	 */
	compare(run: string): Promise<Repetition>;
	/** The rows that a run learnt (those held back left out), with whom each is credited to: what an attribution index is made of. */
	learnt(run: string): Promise<LearntRows>;
	/** Base and adapter side by side, on at most `rows` held-back rows and on prompts of one's own. */
	evaluate(
		run: string,
		options: { rows: number; prompts: string[]; weights?: Weights },
		task: string,
		onReply: Listener<ReplyPair>
	): Promise<Evaluation>;
}
