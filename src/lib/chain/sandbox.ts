import ChainWorker from '#workers/chain.worker.ts?worker';
import type { ProviderRequest, RpcOutcome, SandboxApi } from '#workers/chain/api.ts';
import { RpcError } from '#workers/chain/rpc-error.ts';
import { proxy, type Remote } from '#workers/comlink.ts';
import { standby } from '../worker-connection.ts';

const listeners = new Set<() => void>();

/** Started when it is first needed, and again after it died: every block is on disk. */
const worker = standby<SandboxApi>(
	'chain',
	(options) => new ChainWorker(options),
	{
		code: 'sandbox/failed',
		message: 'The sandbox stopped.',
		remedy: 'Try again; every block that was shown is saved.'
	},
	(api) => void api.subscribe(proxy(() => listeners.forEach((listener) => listener())))
);

/** Calls the sandbox; settles also when its worker dies in the middle. */
export async function sandbox<T>(work: (api: Remote<SandboxApi>) => Promise<T>): Promise<T> {
	const { api, settle } = worker();
	return settle(work(api));
}

/** One JSON-RPC request, as EIP-1193 has it. */
export async function sandboxRequest({ method, params }: ProviderRequest): Promise<unknown> {
	const outcome = await sandbox<RpcOutcome>(async (api) => api.request({ method, params }));
	if ('error' in outcome) throw new RpcError(outcome.error.code, outcome.error.message, outcome.error.data);
	return outcome.result;
}

/** Calls back after every block and change of account of the sandbox, in whatever tab. Returns how to end that. */
export function onSandbox(listener: () => void): () => void {
	listeners.add(listener);
	return () => listeners.delete(listener);
}

export { proxy };
