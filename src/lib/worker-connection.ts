import { wrap, type Remote } from '#workers/comlink.ts';
import { OpenLedgerError } from '#workers/errors.ts';
import { lifelineCut } from '#workers/lifeline.ts';

/** A running worker. `gone` resolves with the reason when it has crashed; never after `close()`. */
export interface Connection<Api> {
	api: Remote<Api>;
	gone: Promise<string>;
	close(): void;
}

/**
 * Starts a worker and watches over it.
 * @param kind names its lock, which shows that it lives (workers/lifeline.ts)
 */
export function connect<Api>(kind: string, start: (options: { name: string }) => Worker): Connection<Api> {
	const name = `openledger-${kind}-${Date.now()}-${Math.random().toString(36).slice(2)}`;
	const worker = start({ name });
	const closed = new AbortController();
	const gone = new Promise<string>((resolve) => {
		void lifelineCut(worker, name, closed.signal).then(() => resolve('the worker ended'));
		worker.addEventListener('error', (event) => {
			if (!closed.signal.aborted) resolve(event.message || 'the worker failed to start');
		});
	});
	return {
		api: wrap<Api>(worker),
		gone,
		close() {
			closed.abort();
			worker.terminate();
		}
	};
}

/** A worker for the asking. */
export interface Standby<Api> {
	api: Remote<Api>;
	/** Rejects when the worker is gone. */
	gone: Promise<never>;
}

/**
 * A worker whose state rests in a database: started when it is first asked for, and again after it died.
 * @param message what a call that was under way says then
 */
export function standby<Api>(
	kind: string,
	start: (options: { name: string }) => Worker,
	{ message, remedy }: { message: string; remedy: string }
): () => Standby<Api> {
	let current: Standby<Api> | undefined;
	return () => {
		if (current) return current;
		const { api, gone } = connect<Api>(kind, start);
		const lost = gone.then((cause): never => {
			current = undefined;
			throw new OpenLedgerError('engine/failed', message, { remedy, cause });
		});
		lost.catch(() => undefined);
		return (current = { api, gone: lost });
	};
}
