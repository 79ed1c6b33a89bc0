import { yieldToEvents } from '#workers/generate/yield.ts';
import type { Estimate } from './api.ts';
import type { Learner } from './learner/learner.ts';
import type { Prepared } from './prepare.ts';
import { paddedTokens, type MicroBatch } from './rows/batches.ts';
import { collate, type BatchArrays } from './rows/collate.ts';
import type { Vectors } from './runs/training-state.ts';

/** Micro-batches that are timed; their median speed counts. */
const TIMED = 3;
/** Of what a device tells, the share that a page may expect to get. */
const PAGE_SHARE = 0.5;
/** What a wasm heap can address, less some room. */
const WASM_LIMIT = 3.75 * 2 ** 30;
/** Where the browser does not tell: what most phones and laptops have at least. */
const USUAL_MEMORY = 4 * 2 ** 30;

/** Bytes that a run may take on this device. */
export function memoryLimit(provider: Estimate['provider'], memoryBytes = USUAL_MEMORY): number {
	const share = PAGE_SHARE * memoryBytes;
	return provider === 'wasm' ? Math.min(WASM_LIMIT, share) : share;
}

/** How fast this device is at what a run does. */
export interface Calibration {
	/** Padded tokens trained a second. */
	tokensPerSecond: number;
	/** Padded tokens validated a second. */
	validationTokensPerSecond: number;
	/** Of one sample reply. */
	replySeconds: number;
}

/**
 * Measures a few micro-batches, the largest first, so that memory is at its highest before the run begins. The learner's
 * vectors are as before afterwards.
 */
export async function calibrate(
	learner: Learner,
	{ steps, training, settings }: Prepared,
	vectors: Vectors,
	signal?: AbortSignal
): Promise<Omit<Calibration, 'replySeconds'>> {
	const bySize = [...steps.example].sort((a, b) => paddedTokens(b) - paddedTokens(a));
	const [largest, ...others] = bySize as [MicroBatch, ...MicroBatch[]];
	const timed = [largest, ...spread(others, TIMED - 1)];
	await learner.load(vectors);
	const seconds = async (work: () => Promise<unknown>) => {
		signal?.throwIfAborted();
		const started = performance.now();
		await work();
		const taken = (performance.now() - started) / 1000;
		await yieldToEvents();
		return taken;
	};
	const accumulate = (arrays: BatchArrays) => {
		const size = arrays.rows * arrays.width * learner.hidden;
		return learner.accumulate(arrays, 0, settings.distillation > 0 ? new Float32Array(size) : undefined);
	};
	// The first run plans its memory; it does not count.
	await accumulate(collate(largest, training));
	const speeds: number[] = [];
	for (const batch of timed) {
		const arrays = collate(batch, training);
		const update = () => learner.update({ step: 1, learningRate: 0 });
		const taken = await seconds(async () => {
			await accumulate(arrays);
			await update();
		});
		speeds.push(paddedTokens(batch) / taken);
	}
	const example = collate(largest, training);
	await learner.evaluate(example);
	const validation = paddedTokens(largest) / (await seconds(() => learner.evaluate(example)));
	await learner.load(vectors);
	return { tokensPerSecond: median(speeds), validationTokensPerSecond: validation };
}

/** Some of a list, evenly from its whole length. */
function spread<T>(list: readonly T[], count: number): T[] {
	return Array.from(
		{ length: Math.min(count, list.length) },
		(_, i) => list[Math.floor(((i + 1) * list.length) / (count + 1))] as T
	);
}

function median(values: readonly number[]): number {
	const sorted = [...values].sort((a, b) => a - b);
	const middle = sorted.length >> 1;
	return sorted.length % 2 === 1
		? (sorted[middle] as number)
		: ((sorted[middle - 1] as number) + (sorted[middle] as number)) / 2;
}
