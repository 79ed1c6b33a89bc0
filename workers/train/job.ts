import { OpenLedgerError } from '#workers/errors.ts';
import type { RunSummary, TrainEvent, TrainingPlan } from './api.ts';
import { estimateOf, fitMemory, requireFit } from './estimate.ts';
import { prepare, type Prepared, type PrepareOptions, type Rooms } from './prepare.ts';
import { summaryOf } from './runs/records.ts';
import type { RunStore } from './runs/run-store.ts';
import { decodeState } from './runs/training-state.ts';
import { Session, type TrainingEnvironment } from './session.ts';
import { work, type Control } from './work.ts';

/** A run and all that it needs. */
export interface Job {
	/** Of the run. */
	id: string;
	rooms: Rooms;
	runs: RunStore;
	environment: TrainingEnvironment;
	control: Control;
	onEvent: (event: TrainEvent) => void;
}

/** Losses of the device between one checkpoint and the next that a run survives. */
const LOSSES = 2;
/** Milliseconds: a driver that starts anew is not there at once. */
const DRIVER_PAUSE = 1000;
const WENT_ON = 'The device stopped in the middle of its work. The run went on from its last checkpoint.';

/** A run from its first step on. @throws as `TrainApi.start` */
export function begin(plan: TrainingPlan, job: Job): Promise<RunSummary> {
	const { runs, control, onEvent } = job;
	return withSession(plan, job, undefined, async (prepared, open) => {
		const predicted = fitMemory(prepared);
		requireFit(estimateOf(prepared, predicted, plan.prompts.length));
		const session = await open();
		const state = session.freshState(plan.seed);
		const measured = await session.calibrate(state.vectors, plan.prompts, control.signal);
		const estimate = estimateOf(prepared, predicted, plan.prompts.length, measured);
		requireFit(estimate);
		onEvent({ type: 'ready', estimate });
		await runs.create({
			format: 'openledger-run/1',
			plan,
			hyperparameters: prepared.settings,
			provider: prepared.choice.provider,
			steps: prepared.steps.steps,
			rows: prepared.dataset.report,
			base: { name: prepared.open.item.name, sha256: prepared.open.sha256 },
			started: Date.now()
		});
		return summaryOf(await work({ plan, prepared, session, state, runs, control, onEvent }));
	});
}

/** A run from its last checkpoint on. @throws as `TrainApi.resume` */
export async function goOn(job: Job): Promise<RunSummary> {
	const { id, runs, control, onEvent } = job;
	const { plan, hyperparameters: settings, provider, base } = await runs.file(id);
	const checkpoint = await runs.readCheckpoint(id, 'state');
	return withSession(plan, job, { settings, provider }, async (prepared, open) => {
		if (base.sha256 !== prepared.open.sha256) throw otherBase(id);
		const session = await open();
		const state = checkpoint ? decodeState(checkpoint.bytes) : session.freshState(plan.seed);
		return summaryOf(await work({ plan, prepared, session, state, runs, control, onEvent }));
	});
}

/** A run whose device is lost goes on from its last checkpoint by itself, as long as it gets from one to the next. */
export async function survive(job: Job, task: () => Promise<RunSummary>): Promise<RunSummary> {
	const { id, runs, control, onEvent } = job;
	let [reached, losses] = [-1, 0];
	for (let attempt = task; ; attempt = () => goOn(job)) {
		try {
			return await attempt();
		} catch (error) {
			if (!(error instanceof OpenLedgerError) || error.code !== 'device/lost') throw error;
			const isStored = (await runs.detail(id).catch(() => undefined)) !== undefined;
			if (!isStored || control.signal.aborted) throw error;
			const step = (await runs.readCheckpoint(id, 'state'))?.step ?? 0;
			losses = step > reached ? 1 : losses + 1;
			reached = step;
			if (losses > LOSSES) throw lostAgain(error);
			onEvent({ type: 'caution', text: WENT_ON });
			await new Promise((resolve) => setTimeout(resolve, DRIVER_PAUSE));
		}
	}
}

/** Prepares a plan, lets `task` open a session on it, and closes both. */
async function withSession<T>(
	plan: TrainingPlan,
	{ rooms, environment, control: { signal }, onEvent }: Job,
	decided: PrepareOptions['decided'],
	task: (prepared: Prepared, open: () => Promise<Session>) => Promise<T>
): Promise<T> {
	const prepared = await prepare(plan, rooms, { signal, onEvent, decided });
	let session: Session | undefined;
	try {
		return await task(prepared, async () => (session = await Session.open(prepared, environment, onEvent)));
	} finally {
		// On a lost device nothing can be given back.
		await session?.close().catch(() => undefined);
		await prepared.open.close();
	}
}

function otherBase(id: string): OpenLedgerError {
	return new OpenLedgerError('adapter/wrong-base', 'The base model has changed since this run began.', {
		remedy: 'Start the run again on the base as it is now.',
		details: { run: id }
	});
}

function lostAgain(cause: OpenLedgerError): OpenLedgerError {
	return new OpenLedgerError('device/lost', 'The device stopped in the middle of its work again and again.', {
		remedy:
			'Close what else uses the graphics card, then resume the run: it goes on from its last checkpoint. Or choose the processor under “Device & storage” and start it again.',
		cause
	});
}
