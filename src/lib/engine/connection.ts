import EngineWorker from '#workers/engine.worker.ts?worker';
import { wrap, type Remote } from '#workers/comlink.ts';
import { lifelineCut } from '#workers/lifeline.ts';
import type { EngineApi } from '#workers/protocol.ts';

/** A running engine. `gone` resolves with the reason when it has crashed; never after `close()`. */
export interface Connection {
	api: Remote<EngineApi>;
	gone: Promise<string>;
	close(): void;
}

/** Starts an engine worker. */
export function connectWorker(): Connection {
	// The name is also that of the lock which shows that the worker lives (workers/lifeline.ts).
	const name = `openledger-engine-${Date.now()}-${Math.random().toString(36).slice(2)}`;
	const worker = new EngineWorker({ name });
	const closed = new AbortController();
	const gone = new Promise<string>((resolve) => {
		void lifelineCut(name, closed.signal).then(() => resolve('the worker ended'));
		worker.addEventListener('error', (event) => {
			if (!closed.signal.aborted) resolve(event.message || 'the worker failed to start');
		});
	});
	return {
		api: wrap<EngineApi>(worker),
		gone,
		close() {
			closed.abort();
			worker.terminate();
		}
	};
}
