import LedgerWorker from '#workers/ledger.worker.ts?worker';
import { proxy, wrap, type Remote } from '#workers/comlink.ts';
import { OpenLedgerError } from '#workers/errors.ts';
import type { RpcRequest } from '#workers/ledger/rpc.ts';
import type { ChainSource, LedgerService } from '#workers/ledger/service.ts';
import { lifelineCut } from '#workers/lifeline.ts';
import type { Network } from './network.ts';

interface Connection {
	service: Remote<LedgerService>;
	/** Rejects when the worker is gone. */
	gone: Promise<never>;
	/** What this worker was lent, by chain id. */
	lent: Map<number, RpcRequest>;
}

let connection: Connection | undefined;

/** Starts the worker when it is first needed, and again after it died: its books are in the database. */
function connect(): Connection {
	const name = `openledger-ledger-${Date.now()}-${Math.random().toString(36).slice(2)}`;
	const worker = new LedgerWorker({ name });
	const gone = new Promise<never>((_, reject) => {
		const lost = (cause?: unknown) => {
			connection = undefined;
			reject(
				new OpenLedgerError('engine/failed', 'The part of the app that keeps the books stopped.', {
					remedy: 'Try again; nothing is lost.',
					cause
				})
			);
		};
		void lifelineCut(name, new AbortController().signal).then(() => lost());
		worker.addEventListener('error', (event) => lost(event.message));
	});
	gone.catch(() => undefined);
	return { service: wrap<LedgerService>(worker), gone, lent: new Map() };
}

/**
 * Calls the worker with what it reads a network by: the network's address, or the page's own connection, lent once.
 * Settles also when the worker dies in the middle.
 */
export async function books<T>(
	{ chain, url, request }: Network,
	work: (service: Remote<LedgerService>, source: ChainSource) => Promise<T>
): Promise<T> {
	connection ??= connect();
	const { service, gone, lent } = connection;
	const { id, addresses, fromBlock, depth } = chain;
	if (!url && lent.get(id) !== request) {
		lent.set(id, request);
		await service.lend(id, proxy(request));
	}
	return Promise.race([work(service, { id, addresses, fromBlock, depth, rpc: url }), gone]);
}

export { proxy };
