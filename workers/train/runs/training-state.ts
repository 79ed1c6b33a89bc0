import { memorySource } from '#workers/bytes.ts';
import {
	readSafetensors,
	readTensorF32,
	writeSafetensors,
	type TensorData
} from '#workers/formats/safetensors.ts';

/** What is trained, and the optimiser's memory of it: each a vector over all parameters in the graph's order. */
export interface Vectors {
	parameters: Float32Array;
	/** Adam's first and second moment of the gradient; empty for SGD. */
	mean: Float32Array;
	variance: Float32Array;
}

/** How far a run has come, beside its vectors. The order of rows and every random draw follow from `step` and the plan. */
export interface Progress {
	/** Optimiser steps done. */
	step: number;
	/** Padded tokens computed, and seconds of training. */
	tokens: number;
	seconds: number;
	/** The lowest validation loss and its step; undefined before the first validation. */
	best?: { step: number; loss: number };
	/** Of the first step, before anything was learnt: what divergence is told by. */
	startLoss?: number;
	/** Validations since the best one. */
	worse: number;
}

export interface TrainingState {
	progress: Progress;
	vectors: Vectors;
}

/** A state as a safetensors file: float32 is kept bit by bit. */
export function encodeState({ progress, vectors }: TrainingState): Uint8Array<ArrayBuffer> {
	const tensors = Object.entries(vectors as unknown as Record<string, Float32Array>).map(
		([name, data]): [string, TensorData] => [name, { dtype: 'F32', shape: [data.length], data }]
	);
	return writeSafetensors(new Map(tensors), { progress: JSON.stringify(progress) });
}

/** @throws OpenLedgerError `safetensors/malformed` */
export function decodeState(bytes: Uint8Array): TrainingState {
	const file = readSafetensors(memorySource(bytes));
	const vector = (name: keyof Vectors) => readTensorF32(file, name);
	return {
		progress: JSON.parse(file.metadata.progress ?? '{}') as Progress,
		vectors: { parameters: vector('parameters'), mean: vector('mean'), variance: vector('variance') }
	};
}

/** Weights alone. */
export function encodeParameters(parameters: Float32Array): Uint8Array<ArrayBuffer> {
	return writeSafetensors(
		new Map([['parameters', { dtype: 'F32' as const, shape: [parameters.length], data: parameters }]])
	);
}

/** @throws OpenLedgerError `safetensors/malformed` */
export function decodeParameters(bytes: Uint8Array): Float32Array {
	return readTensorF32(readSafetensors(memorySource(bytes)), 'parameters');
}
