import type { ParameterLayout } from '#workers/onnx/train/parameters.ts';
import type { BatchArrays } from '../rows/collate.ts';
import type { Vectors } from '../runs/training-state.ts';

export interface BatchLoss {
	/** Σ −ln p over the learnt tokens, in nats. */
	sum: number;
	/** How many there are. */
	tokens: number;
}

export interface Update {
	/** Optimiser steps done with this one, from 1. */
	step: number;
	learningRate: number;
}

/**
 * What learns, on one device: a LoRA adapter over a frozen base, its gradient and its optimiser. Everything stays on the
 * device between calls; one call at a time.
 */
export interface Learner {
	readonly layout: ParameterLayout;
	/** Width of the base's hidden states. */
	readonly hidden: number;
	/** Sets everything that is learnt; any gradient so far is dropped. */
	load(vectors: Vectors): Promise<void>;
	/** A copy of it. */
	save(): Promise<Vectors>;
	/**
	 * Adds a micro-batch's gradient to that of the step under way.
	 * @param dropoutSeed decides what dropout leaves out
	 * @param teacher its expectations, [rows, width, hidden], where settings ask for distillation
	 */
	accumulate(batch: BatchArrays, dropoutSeed: number, teacher?: Float32Array): Promise<BatchLoss>;
	/** One optimiser step on the mean gradient of the tokens accumulated. Returns the gradient's length before clipping. */
	update(update: Update): Promise<number>;
	/** Forgets what was accumulated. */
	discard(): void;
	/** The loss under the present weights, without dropout. */
	evaluate(batch: BatchArrays): Promise<BatchLoss>;
	/** What the model expects at each token under other weights: mean of the head's rows, [rows, width, hidden] of each batch. */
	expectations(batches: readonly BatchArrays[], parameters: Float32Array): AsyncIterable<Float32Array>;
	dispose(): Promise<void>;
}
