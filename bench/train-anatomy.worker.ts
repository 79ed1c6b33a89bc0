/// <reference types="vite/client" />
import wasmMjs from 'onnxruntime-web/ort-wasm-simd-threaded.mjs?url';
import wasmWasm from 'onnxruntime-web/ort-wasm-simd-threaded.wasm?url';
import { MemoryFolder } from '#workers/models/store/memory-folder.ts';
import type { Estimate, TrainingRow } from '#workers/train/api.ts';
import { TrainService } from '#workers/train/service.ts';

export interface AnatomyInput {
	rows: TrainingRow[];
	/** Asked of the last weights. */
	questions: string[];
	seed: number;
}

export interface AnatomyResult {
	estimate: Pick<Estimate, 'seconds' | 'memoryBytes' | 'tokensPerSecond' | 'steps'>;
	/** Seconds of everything: model, calibration, training, validation, checkpoints. */
	seconds: number;
	/** Seconds of the steps and validations alone. */
	trainingSeconds: number;
	baseLoss: number;
	/** Of the weights best at the held-back rows, and of the last. */
	bestLoss: number;
	lastLoss: number;
	replies: string[];
	validationShare: number;
}

/** One quick preset, as the Factory page would run it, in the training worker's service. */
addEventListener('message', ({ data }: MessageEvent<AnatomyInput>) => {
	void train(data).then(postMessage, (error: unknown) => {
		throw error;
	});
});

async function train({ rows, questions, seed }: AnatomyInput): Promise<AnatomyResult> {
	const urls = { mjs: wasmMjs, wasm: wasmWasm };
	const service = new TrainService({
		folder: new MemoryFolder(),
		appUrl: new URL('/static/', location.origin).href,
		ortUrls: { wasm: urls, jspi: urls, asyncify: urls }
	});
	let estimate: Estimate | undefined;
	const started = performance.now();
	const run = await service.start(
		{
			id: 'anatomy',
			name: 'Anatomy',
			base: 'bundled:nano',
			sources: [{ name: 'Anatomy', rows }],
			preset: 'quick',
			prompts: [],
			seed,
			provider: 'wasm'
		},
		(event) => {
			if (event.type === 'ready') estimate = event.estimate;
		}
	);
	const seconds = (performance.now() - started) / 1000;
	const replies: string[] = [];
	await service.evaluate(
		'anatomy',
		{ rows: 0, prompts: questions, weights: 'last' },
		'ask',
		({ adapter }) => void replies.push(adapter)
	);
	const { validation } = await service.run('anatomy');
	if (!estimate) throw new Error('the run told no estimate');
	const { seconds: expected, memoryBytes, tokensPerSecond, steps } = estimate;
	return {
		estimate: { seconds: expected, memoryBytes, tokensPerSecond, steps },
		seconds,
		trainingSeconds: run.seconds,
		baseLoss: run.baseLoss ?? NaN,
		bestLoss: run.bestLoss ?? NaN,
		lastLoss: validation.at(-1)?.loss ?? NaN,
		replies,
		validationShare: run.hyperparameters.validationShare
	};
}
