import LedgerWorker from '#workers/ledger.worker.ts?worker';
import { proxy, type Remote } from '#workers/comlink.ts';
import type { BatchProof } from '#workers/ledger/proving.ts';
import type { RpcRequest } from '#workers/ledger/rpc.ts';
import type { ChainSource, LedgerService } from '#workers/ledger/service.ts';
import { standby, type Standby } from '../worker-connection.ts';
import type { Network } from './network.ts';

const worker = standby<LedgerService>('ledger', (options) => new LedgerWorker(options), {
	message: 'The part of the app that keeps the books stopped.',
	remedy: 'Try again; nothing is lost.'
});

/** What each worker was lent, by chain id. */
const loans = new WeakMap<Standby<LedgerService>, Map<number, RpcRequest>>();

/**
 * Calls the worker with what it reads a network by: the network's address, or the page's own connection, lent once.
 * Settles also when the worker dies in the middle.
 */
export async function books<T>(
	{ chain, url, request }: Pick<Network, 'chain' | 'url' | 'request'>,
	work: (service: Remote<LedgerService>, source: ChainSource) => Promise<T>
): Promise<T> {
	const connection = worker();
	const { api: service, settle } = connection;
	const lent = loans.get(connection) ?? new Map<number, RpcRequest>();
	loans.set(connection, lent);
	const { id, addresses, fromBlock, depth } = chain;
	if (!url && lent.get(id) !== request) {
		lent.set(id, request);
		await service.lend(id, proxy(request));
	}
	return settle(work(service, { id, addresses, fromBlock, depth, rpc: url }));
}

/** Asks the books what proves a batch. */
export function prover(network: Network): (batch: number) => Promise<BatchProof | undefined> {
	return (batch) => books(network, (service, source) => service.proof('proof', source, batch));
}

export { proxy };
