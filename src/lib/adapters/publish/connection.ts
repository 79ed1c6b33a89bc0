import PublishWorker from '#workers/publish.worker.ts?worker';
import { proxy } from '#workers/comlink.ts';
import type { PublishApi } from '#workers/publish/api.ts';
import { standby } from '../../worker-connection.ts';

const worker = standby<PublishApi>('publish', (options) => new PublishWorker(options), {
	message: 'The part of the app that publishes stopped.',
	remedy: 'Try again; what was published already stays.'
});

/** Calls the worker; settles also when it dies in the middle. */
export async function publisher<T>(work: (api: ReturnType<typeof worker>['api']) => Promise<T>): Promise<T> {
	const { api, settle } = worker();
	return settle(work(api));
}

export { proxy };
