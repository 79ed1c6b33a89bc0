import ChainWorker from '#workers/chain.worker.ts?worker';
import type { ProviderRequest, RpcOutcome, SandboxApi } from '#workers/chain/api.ts';
import { RpcError } from '#workers/chain/rpc-error.ts';
import { proxy, wrap, type Remote } from '#workers/comlink.ts';
import { OpenLedgerError } from '#workers/errors.ts';
import { lifelineCut } from '#workers/lifeline.ts';

interface Connection {
	api: Remote<SandboxApi>;
	/** Rejects when the worker is gone. */
	gone: Promise<never>;
}

let connection: Connection | undefined;
const listeners = new Set<() => void>();

/** Starts the sandbox's worker when it is first needed, and again after it died: every block is on disk. */
function connect(): Connection {
	const name = `openledger-chain-${Date.now()}-${Math.random().toString(36).slice(2)}`;
	const worker = new ChainWorker({ name });
	const api = wrap<SandboxApi>(worker);
	const gone = new Promise<never>((_, reject) => {
		const lost = (cause?: unknown) => {
			connection = undefined;
			reject(
				new OpenLedgerError('sandbox/failed', 'The sandbox stopped.', {
					remedy: 'Try again; every block that was shown is saved.',
					cause
				})
			);
		};
		void lifelineCut(worker, name, new AbortController().signal).then(() => lost());
		worker.addEventListener('error', (event) => lost(event.message));
	});
	gone.catch(() => undefined);
	void api.subscribe(proxy(() => listeners.forEach((listener) => listener())));
	return { api, gone };
}

/** Calls the sandbox; settles also when its worker dies in the middle. */
export async function sandbox<T>(work: (api: Remote<SandboxApi>) => Promise<T>): Promise<T> {
	connection ??= connect();
	const { api, gone } = connection;
	return Promise.race([work(api), gone]);
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
