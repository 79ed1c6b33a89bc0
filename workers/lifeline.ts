/**
 * A worker that crashes, runs out of memory or is terminated tells nobody. A Web Lock is released when its holder is
 * gone, for whatever reason: the worker holds one for life, and the page waits for the same one.
 */

/** In the worker, at start-up: holds the lock called `name` (pass `self.name`) until the worker ends. */
export function holdLifeline(name: string): void {
	// Absent outside secure contexts; then only `error` events tell.
	if (!name || !globalThis.navigator?.locks) return;
	void navigator.locks.request(name, () => new Promise<never>(() => undefined));
}

/**
 * In the page: resolves once the holder of `name` is gone. Waits first until the lock has been taken.
 * @param signal ends the watch; the promise then never settles.
 */
export async function lifelineCut(name: string, signal: AbortSignal): Promise<void> {
	if (!globalThis.navigator?.locks) return new Promise(() => undefined);
	const held = async () => (await navigator.locks.query()).held?.some((lock) => lock.name === name) ?? false;
	while (!(await held())) {
		if (signal.aborted) return new Promise(() => undefined);
		await new Promise((resolve) => setTimeout(resolve, 100));
	}
	try {
		await navigator.locks.request(name, { signal }, () => undefined);
	} catch (error) {
		if (signal.aborted) return new Promise(() => undefined);
		throw error;
	}
}
