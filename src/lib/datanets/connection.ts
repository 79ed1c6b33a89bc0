import DatanetsWorker from '#workers/datanets.worker.ts?worker';
import { proxy, wrap, type Remote } from '#workers/comlink.ts';
import type { DatanetApi } from '#workers/datanets/api.ts';
import { OpenLedgerError } from '#workers/errors.ts';
import { lifelineCut } from '#workers/lifeline.ts';

interface Connection {
	api: Remote<DatanetApi>;
	/** Rejects when the worker is gone. */
	gone: Promise<never>;
}

let connection: Connection | undefined;

/** Starts the worker when it is first needed, and again after it died: all that counts is in the database. */
function connect(): Connection {
	const name = `openledger-datanets-${Date.now()}-${Math.random().toString(36).slice(2)}`;
	const worker = new DatanetsWorker({ name });
	const gone = new Promise<never>((_, reject) => {
		const lost = (cause?: unknown) => {
			connection = undefined;
			reject(
				new OpenLedgerError('engine/failed', 'The part of the app that keeps Datanets stopped.', {
					remedy: 'Try again; what was confirmed is saved.',
					cause
				})
			);
		};
		void lifelineCut(name, new AbortController().signal).then(() => lost());
		worker.addEventListener('error', (event) => lost(event.message));
	});
	gone.catch(() => undefined);
	return { api: wrap<DatanetApi>(worker), gone };
}

/** Calls the worker; settles also when it dies in the middle. */
export async function datanets<T>(work: (api: Remote<DatanetApi>) => Promise<T>): Promise<T> {
	connection ??= connect();
	const { api, gone } = connection;
	return Promise.race([work(api), gone]);
}

export { proxy };
