import DatanetsWorker from '#workers/datanets.worker.ts?worker';
import { proxy, type Remote } from '#workers/comlink.ts';
import type { DatanetApi } from '#workers/datanets/api.ts';
import { standby } from '../worker-connection.ts';

const worker = standby<DatanetApi>('datanets', (options) => new DatanetsWorker(options), {
	message: 'The part of the app that keeps Datanets stopped.',
	remedy: 'Try again; what was confirmed is saved.'
});

/** Calls the worker; settles also when it dies in the middle. */
export async function datanets<T>(work: (api: Remote<DatanetApi>) => Promise<T>): Promise<T> {
	const { api, settle } = worker();
	return settle(work(api));
}

export { proxy };
