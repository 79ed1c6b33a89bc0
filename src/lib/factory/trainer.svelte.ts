import { SvelteMap } from 'svelte/reactivity';
import { proxy, type Remote } from '#workers/comlink.ts';
import { OpenLedgerError } from '#workers/errors.ts';
import type { RunSummary, TrainApi, TrainEvent, TrainingPlan } from '#workers/train/api.ts';
import { asError } from '../engine/engine.svelte.ts';
import { keepStored } from '../keep.ts';
import { preferences } from '../preferences.svelte.ts';
import { RestingWorker } from '../resting-worker.ts';
import { trainingEnded } from '../shell/badge.ts';
import type { Connection } from '../worker-connection.ts';
import { connectTrainer } from './connection.ts';
import { LiveRun } from './live-run.svelte.ts';

/** Milliseconds after which an idle worker is ended. */
const IDLE = 5000;

/** Training as every page sees it: one worker for the tab, started when it is first needed. Runs go on from page to page. */
class Trainer {
	/** Newest first; undefined until they have been read. */
	runs = $state.raw<RunSummary[]>();
	error = $state.raw<OpenLedgerError>();
	/** Runs of this tab, also those that ended while it was open. */
	readonly live = new SvelteMap<string, LiveRun>();
	/** A run is one call from its start to its end. */
	readonly #worker = new RestingWorker(open, IDLE, stopped);
	#screen: WakeLockSentinel | undefined;

	/** Runs under way or waiting their turn. */
	get active(): LiveRun[] {
		return [...this.live.values()].filter((run) => !run.ended);
	}

	/** Calls the worker; settles also when it dies in the middle. */
	async call<Result>(work: (api: Remote<TrainApi>) => Promise<Result>): Promise<Result> {
		try {
			return await this.#worker.call(work);
		} catch (thrown) {
			throw asError(thrown);
		}
	}

	/** Never rejects: what went wrong is in `error`. */
	async refresh(): Promise<void> {
		try {
			const runs = await this.call((api) => api.runs());
			this.runs = runs.toSorted((a, b) => b.started - a.started);
			this.error = undefined;
		} catch (thrown) {
			this.error = asError(thrown);
		}
	}

	/** Begins a run; it goes on by itself. */
	start(plan: TrainingPlan): LiveRun {
		return this.#follow(plan, (listener) => this.call((api) => api.start(plan, listener)));
	}

	resume(run: Pick<RunSummary, 'id' | 'name'>): LiveRun {
		return this.#follow(run, (listener) => this.call((api) => api.resume(run.id, listener)));
	}

	/** Ends the run after the step under way, for a while (`pause`) or for good (`stop`). */
	async leave(run: string, how: 'pause' | 'stop'): Promise<void> {
		const live = this.live.get(run);
		if (live) live.leaving = how;
		try {
			await this.call((api) => api[how](run));
		} catch (error) {
			if (live) live.leaving = undefined;
			throw error;
		}
		await this.refresh();
	}

	async remove(run: string): Promise<void> {
		await this.call((api) => api.remove(run));
		this.live.delete(run);
		await this.refresh();
	}

	#follow(
		run: Pick<RunSummary, 'id' | 'name'>,
		work: (listener: (event: TrainEvent) => void) => Promise<unknown>
	): LiveRun {
		const live = new LiveRun(run);
		this.live.set(run.id, live);
		this.#watch();
		const listen = (event: TrainEvent) => {
			live.on(event);
			const isKnown = this.runs?.some(({ id }) => id === run.id);
			if (event.type === 'checkpoint' && !isKnown) void this.refresh();
		};
		work(proxy(listen))
			.catch((thrown: unknown) => {
				const error = asError(thrown);
				if (error.code !== 'aborted') live.error = error;
			})
			.finally(() => {
				live.ended = true;
				if (!live.leaving) trainingEnded();
				if (live.step > 0) void keepStored();
				this.#watch();
				void this.refresh();
			});
		void this.refresh();
		return live;
	}

	/** While something is trained the screen stays on, and leaving the page asks first. */
	#watch(): void {
		if (this.active.length > 0) {
			addEventListener('beforeunload', ask);
			document.addEventListener('visibilitychange', this.#keepScreen);
			this.#keepScreen();
		} else {
			removeEventListener('beforeunload', ask);
			document.removeEventListener('visibilitychange', this.#keepScreen);
			void this.#screen?.release();
			this.#screen = undefined;
		}
	}

	/** A browser takes the lock back when the page is hidden. */
	#keepScreen = () => {
		if (document.visibilityState !== 'visible' || (this.#screen && !this.#screen.released)) return;
		navigator.wakeLock?.request('screen').then(
			(lock) => {
				if (this.active.length === 0) void lock.release();
				else this.#screen = lock;
			},
			// Low battery, or not allowed: training goes on all the same.
			() => undefined
		);
	};
}

function open(): Connection<TrainApi> {
	const connection = connectTrainer();
	const hubUrl = preferences.values.hubUrl.trim().replace(/\/+$/, '');
	void connection.api.configure({ hubUrl: hubUrl || undefined });
	return connection;
}

function stopped(reason: string): OpenLedgerError {
	return new OpenLedgerError('engine/failed', 'The part of the app that trains stopped unexpectedly.', {
		remedy: 'Resume the run: it goes on from its last checkpoint.',
		details: { reason }
	});
}

function ask(event: BeforeUnloadEvent) {
	event.preventDefault();
}

export const trainer = new Trainer();
