/**
 * Runs `work` while nobody else, in any tab, runs under the same name. Released when the tab dies, which is how an
 * unfinished import is known to be dead. Where there are no Web Locks (Node), one queue in this process.
 */
export async function exclusively<T>(name: string, work: () => Promise<T>): Promise<T> {
	const locks = globalThis.navigator?.locks;
	if (locks) return locks.request(name, work) as Promise<T>;
	const before = queues.get(name) ?? Promise.resolve();
	const run = before.then(work);
	queues.set(
		name,
		run.catch(() => undefined)
	);
	return run;
}

const queues = new Map<string, Promise<unknown>>();
