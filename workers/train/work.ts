import { OpenLedgerError } from '#workers/errors.ts';
import type { RunDetail, RunState, TrainEvent, TrainingPlan } from './api.ts';
import type { Prepared } from './prepare.ts';
import { encodeParameters, encodeState, type Progress, type TrainingState } from './runs/training-state.ts';
import type { RunRecord } from './runs/records.ts';
import type { RunStore } from './runs/run-store.ts';
import type { Session } from './session.ts';
import { Trainer, type TrainerEnd, type TrainerSink } from './trainer.ts';
import { meanLoss, validationBatches } from './validation.ts';

/** How a run that is working is told to end. */
export interface Control {
	signal: AbortSignal;
	/** What it is after it ended so. */
	wanted: 'paused' | 'stopped';
	end(wanted: Control['wanted']): void;
}

export interface Work {
	plan: TrainingPlan;
	prepared: Prepared;
	session: Session;
	state: TrainingState;
	runs: RunStore;
	control: Control;
	onEvent: (event: TrainEvent) => void;
}

/** Milliseconds for which records of steps are gathered before they are written. */
const LOG_EVERY = 1000;

/** Takes a run from its state to its end, and writes down what happens. What it throws has been written down too. */
export async function work({
	plan,
	prepared,
	session,
	state,
	runs,
	control,
	onEvent
}: Work): Promise<RunDetail> {
	const { id } = plan;
	const { settings, training, validation, steps } = prepared;
	let waiting: RunRecord[] = [];
	let written = performance.now();
	let seconds = state.progress.seconds;
	const flush = async () => {
		const records = waiting;
		waiting = [];
		written = performance.now();
		if (records.length > 0) await runs.append(id, records);
	};
	const end = async (ended: RunState, reason?: string) => {
		await flush();
		await runs.append(id, [{ state: ended, seconds, reason }]);
	};

	const sink: TrainerSink = {
		async step(point, progress) {
			seconds = progress.seconds;
			waiting.push({ step: point });
			if (performance.now() - written > LOG_EVERY) await flush();
			onEvent({ type: 'step', ...point, steps: steps.steps, ...speed(progress) });
		},
		async validation(point, progress, parameters) {
			seconds = progress.seconds;
			if (parameters) await runs.writeCheckpoint(id, 'best', point.step, encodeParameters(parameters));
			waiting.push({ validation: point });
			await flush();
			onEvent({ type: 'validation', ...point });
		},
		async checkpoint(reached) {
			await flush();
			await runs.writeCheckpoint(id, 'state', reached.progress.step, encodeState(reached));
			onEvent({ type: 'checkpoint', step: reached.progress.step });
		},
		async rest({ step }) {
			if (plan.prompts.length === 0 || control.signal.aborted) return;
			onEvent({ type: 'phase', phase: 'sample' });
			const { parameters } = await session.learner.save();
			await session.asking(parameters, async (ask) => {
				for (const prompt of plan.prompts) {
					if (control.signal.aborted) break;
					const sample = { step, prompt, text: await ask(prompt) };
					waiting.push({ sample });
					onEvent({ type: 'sample', ...sample });
				}
			});
			onEvent({ type: 'phase', phase: 'train' });
		}
	};
	const speed = ({ step, tokens, seconds: spent }: Progress) => ({
		tokensPerSecond: tokens / spent,
		secondsLeft: (spent / step) * (steps.steps - step)
	});

	const { step, best } = state.progress;
	const isAnew = step === 0 && best === undefined;
	await runs.append(id, [{ from: isAnew ? -1 : step }, { state: 'running', seconds }]);
	onEvent({ type: 'phase', phase: 'train' });
	let ended: TrainerEnd;
	try {
		if (prepared.continued && state.progress.step === 0 && validation.length > 0)
			await runs.append(id, [{ base: await baseLoss(session, prepared, plan.seed) }]);
		ended = await new Trainer({
			learner: session.learner,
			settings,
			seed: plan.seed,
			plan: steps,
			training,
			validation,
			state,
			sink,
			signal: control.signal
		}).train();
	} catch (error) {
		// Only divergence is the run's own fault; anything else (device, disk) is no reason not to go on later.
		const diverged = error instanceof OpenLedgerError && error.code === 'train/diverged';
		const reason = error instanceof Error ? error.message : String(error);
		await end(diverged ? 'failed' : 'paused', reason).catch(() => undefined);
		throw error;
	}
	const reason =
		ended === 'early' ? 'It ended early: the loss on the rows held back no longer fell.' : undefined;
	await end(ended === 'paused' ? control.wanted : 'finished', reason);
	return runs.detail(id);
}

/** Validation loss of the base alone: an adapter of zeros changes nothing. */
async function baseLoss(
	{ learner }: Session,
	{ validation, settings }: Prepared,
	seed: number
): Promise<number> {
	const zeros = new Float32Array(learner.layout.length);
	await learner.load({ parameters: zeros, mean: zeros, variance: zeros });
	return meanLoss(learner, validationBatches(validation, settings, seed));
}
