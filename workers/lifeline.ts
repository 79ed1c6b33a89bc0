/**
 * A worker that crashes, runs out of memory or is terminated tells nobody. A Web Lock is released when its holder is
 * gone, for whatever reason: the worker holds one for life, and the page waits for the same one.
 */

/** Said by the worker once it holds its lock. */
const holding = 'openledger: lifeline held';

/** In the worker, at start-up: holds the lock called `name` (pass `self.name`) until the worker ends. */
export function holdLifeline(name: string): void {
	// Absent outside secure contexts; then only `error` events tell.
	if (!name || !globalThis.navigator?.locks) return;
	void navigator.locks.request(name, () => {
		postMessage(holding);
		return new Promise<never>(() => undefined);
	});
}

/**
 * In the page: resolves once `worker`, which holds the lock called `name`, is gone. Call it as soon as the worker is made.
 * @param signal ends the watch; the promise then never settles.
 */
export async function lifelineCut(worker: Worker, name: string, signal: AbortSignal): Promise<void> {
	if (!globalThis.navigator?.locks) return new Promise(() => undefined);
	// Looking for the lock instead would miss a worker that dies soon after it took it.
	await new Promise<void>((resolve) =>
		worker.addEventListener('message', ({ data }) => data === holding && resolve(), { signal })
	);
	try {
		await navigator.locks.request(name, { signal }, () => undefined);
	} catch (error) {
		if (signal.aborted) return new Promise(() => undefined);
		throw error;
	}
}
