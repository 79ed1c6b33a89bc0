import type { OpenLedgerError } from '#workers/errors.ts';
import { datanets, proxy } from './connection.ts';
import { asError, isAborted } from './errors.ts';

/** One long call to the worker as a page sees it: running or not, how far, why it failed, and a way to cancel it. */
export class Task<Progress> {
	running = $state(false);
	progress = $state.raw<Progress>();
	error = $state.raw<OpenLedgerError>();
	#id = '';
	readonly #cancel: (task: string) => Promise<void>;

	/** @param cancel tells the worker that does it; that of the Datanets unless told */
	constructor(cancel = (task: string) => datanets((api) => api.cancel(task))) {
		this.#cancel = cancel;
	}

	/** Runs `work` with a task name and a listener; undefined when it failed or was cancelled. */
	async run<T>(
		work: (task: string, onProgress: (progress: Progress) => void) => Promise<T>
	): Promise<T | undefined> {
		if (this.running) return undefined;
		this.running = true;
		this.error = undefined;
		this.progress = undefined;
		this.#id = `task-${Date.now()}-${Math.random().toString(36).slice(2)}`;
		try {
			return await work(
				this.#id,
				proxy((progress: Progress) => {
					this.progress = progress;
				})
			);
		} catch (thrown) {
			if (!isAborted(thrown)) this.error = asError(thrown);
			return undefined;
		} finally {
			this.running = false;
		}
	}

	cancel(): void {
		void this.#cancel(this.#id);
	}
}
