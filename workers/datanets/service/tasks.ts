import { OpenLedgerError } from '../../errors.ts';

/** Long calls by the name that the page gave them, so that it can cancel them. */
export class Tasks {
	readonly #running = new Map<string, AbortController>();

	/** Runs `work` under a name; rejects with `aborted` once it was cancelled. */
	async run<T>(task: string, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
		const controller = new AbortController();
		this.#running.set(task, controller);
		try {
			return await work(controller.signal);
		} catch (error) {
			if (!controller.signal.aborted) throw error;
			throw new OpenLedgerError('aborted', 'Cancelled.', { remedy: 'Nothing was changed.' });
		} finally {
			this.#running.delete(task);
		}
	}

	cancel(task: string): void {
		this.#running.get(task)?.abort();
	}
}

/**
 * Lets messages in between two pieces of computing, at most every 50 ms, and throws if the task was cancelled. A
 * promise alone does not: messages wait for the event loop.
 */
export function breather(signal: AbortSignal): () => Promise<void> | undefined {
	let last = performance.now();
	return () => {
		signal.throwIfAborted();
		if (performance.now() - last < 50) return undefined;
		last = performance.now();
		return new Promise((resolve, reject) => {
			setTimeout(() => {
				if (signal.aborted) reject(signal.reason as Error);
				else resolve();
			});
		});
	};
}
