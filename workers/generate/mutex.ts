/** Runs tasks one at a time, in the order of the calls. */
export class Mutex {
	#tail: Promise<unknown> = Promise.resolve();

	/** @param signal aborted while the task waits for its turn: it rejects with the signal's reason at once, and never begins */
	run<T>(task: () => Promise<T>, signal?: AbortSignal): Promise<T> {
		let waits = true;
		const result = this.#tail.then(() => {
			waits = false;
			signal?.throwIfAborted();
			return task();
		});
		this.#tail = result.catch(() => undefined);
		if (!signal) return result;
		return new Promise((resolve, reject) => {
			const leave = () => {
				// What ended it is an OpenLedgerError in all of the app.
				if (waits) reject(signal.reason as Error);
			};
			signal.addEventListener('abort', leave, { once: true });
			void result.then(resolve, reject).finally(() => signal.removeEventListener('abort', leave));
			if (signal.aborted) leave();
		});
	}
}
