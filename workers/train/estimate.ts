import { trainGraph } from '#workers/onnx/train/train-graph.ts';
import { OpenLedgerError } from '#workers/errors.ts';
import type { Estimate } from './api.ts';
import { memoryLimit, type Calibration } from './calibrate.ts';
import { trainOptions } from './learner/graph-options.ts';
import { peakBytes } from './memory.ts';
import type { Prepared } from './prepare.ts';
import { paddedTokens } from './rows/batches.ts';
import { Teacher } from './teacher.ts';

/** Compiled code, empty heap, the worker itself. */
const RUNTIME_BYTES = 64e6;
/** Vectors of parameters that exist at once: weights, gradient, its sum, two moments, and a copy of three for a checkpoint. */
const VECTORS = 8;
/** onnxruntime's arena grows in steps and keeps what it had: its heap over what is alive (measured, memory.test.ts). */
const ARENA = 1.1;

/**
 * What a run needs, by arithmetic alone: nothing has been started yet. A run that would not fit is made to compute its layers
 * twice.
 */
export function fitMemory(prepared: Prepared): ReturnType<typeof predictMemory> {
	const predicted = predictMemory(prepared);
	const { settings, choice, memoryBytes } = prepared;
	if (predicted.bytes <= memoryLimit(choice.provider, memoryBytes) || settings.recompute) return predicted;
	settings.recompute = true;
	return predictMemory(prepared);
}

/** The same for the settings as they are. */
export function predictMemory({
	read,
	open,
	settings,
	steps,
	choice
}: Pick<Prepared, 'read' | 'open' | 'settings' | 'steps' | 'choice'>): {
	bytes: number;
	parameters: number;
	hidden: number;
} {
	const { model, layout, hidden } = trainGraph(read.model, trainOptions(settings));
	const { width, sequences } = [...steps.example].sort((a, b) => paddedTokens(b) - paddedTokens(a))[0] ?? {
		width: settings.maxLength,
		sequences: [[]]
	};
	const files = [...open.files.values()].reduce((sum, { size }) => sum + size, 0);
	// Training and validation graph each hold the weights as they are stored.
	const bytes =
		RUNTIME_BYTES +
		2 * files +
		(choice.provider === 'wasm' ? ARENA : 1) * peakBytes(model, sequences.length, width) +
		VECTORS * 4 * layout.length;
	return { bytes, parameters: layout.length, hidden };
}

/** An estimate from arithmetic (`measured` absent: its times are 0) or from a measurement on the device. */
export function estimateOf(
	prepared: Prepared,
	predicted: ReturnType<typeof predictMemory>,
	prompts: number,
	measured?: Calibration & { memoryBytes?: number }
): Estimate {
	const { settings, dataset, choice, steps, validation, memoryBytes: device } = prepared;
	const limit = memoryLimit(choice.provider, device);
	const { report } = dataset;
	const isTaught = settings.distillation > 0;
	const memoryBytes =
		(measured?.memoryBytes ? RUNTIME_BYTES + measured.memoryBytes : predicted.bytes) +
		(isTaught ? Teacher.bytes(report.learntTokens, predicted.hidden) : 0);
	const fits = memoryBytes <= limit;
	return {
		hyperparameters: settings,
		rows: report,
		provider: choice.provider,
		steps: steps.steps,
		seconds: measured ? secondsOf(prepared, prompts, measured) : 0,
		tokensPerSecond: measured?.tokensPerSecond ?? 0,
		memoryBytes,
		memoryLimit: limit,
		fits,
		...(!fits && { reason: tooLarge(memoryBytes, limit).message }),
		parameters: predicted.parameters,
		adapterBytes: 4 * predicted.parameters
	};

	function secondsOf({ steps: plan }: Prepared, asked: number, speed: Calibration): number {
		let tokens = 0;
		let validations = 1;
		for (let step = 0; step < plan.steps; step++) {
			const { batches, endsEpoch } = plan.at(step);
			tokens += batches.reduce((sum, batch) => sum + paddedTokens(batch), 0);
			const due = settings.validateEvery > 0 ? (step + 1) % settings.validateEvery === 0 : endsEpoch;
			if (due) validations++;
		}
		const held = validation.reduce((sum, { ids }) => sum + ids.length, 0);
		return (
			tokens / speed.tokensPerSecond +
			(validations * held + (isTaught ? report.tokens : 0)) / speed.validationTokensPerSecond +
			validations * asked * speed.replySeconds
		);
	}
}

/** @throws OpenLedgerError `train/too-large` */
export function requireFit({ fits, memoryBytes, memoryLimit: limit }: Estimate): void {
	if (!fits) throw tooLarge(memoryBytes, limit);
}

function tooLarge(bytes: number, limit: number): OpenLedgerError {
	const megabytes = (value: number) => `${Math.round(value / 1e6).toLocaleString('en')} MB`;
	return new OpenLedgerError(
		'train/too-large',
		`Training would need about ${megabytes(bytes)} of memory; this device has room for about ${megabytes(limit)}.`,
		{
			remedy: 'Choose a smaller base model, or fewer tokens in a batch.',
			details: { bytes: Math.round(bytes), limit: Math.round(limit) }
		}
	);
}
