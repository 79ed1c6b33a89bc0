import type { ModelRecord } from '#workers/ledger/book.ts';
import type { AdapterEntry } from '#workers/protocol.ts';
import type { Network } from '../chain/network.ts';

/** A registered adapter and where it is registered. */
export interface ChainModel {
	network: Pick<Network, 'id' | 'name' | 'play'>;
	model: ModelRecord;
}

/** Adapters that the networks of this browser know, for the list of all adapters. */
export class OnChain {
	/** Undefined until they were read. */
	models = $state.raw<ChainModel[]>();
	/** Names of networks that could not be read. */
	unread = $state.raw<string[]>([]);

	/** Reads them, without a wallet. Never rejects. */
	async load(): Promise<void> {
		const [{ readModels }, { knownNetworks }] = await Promise.all([
			import('./link/registration.ts'),
			import('../chain/network.ts')
		]);
		const networks = knownNetworks();
		const read = await Promise.allSettled(networks.map(readModels));
		this.unread = networks.filter((_, i) => read[i]?.status === 'rejected').map(({ name }) => name);
		this.models = read.flatMap((outcome, i) => {
			const network = networks[i];
			if (outcome.status === 'rejected' || !network) return [];
			// Base models have no base, and retired ones are history.
			return outcome.value
				.filter(({ base, status }) => base !== 0 && status !== 2)
				.map((model) => ({ network, model }));
		});
	}

	/** As what an adapter on this device is registered: by its weights, as replies are paid. */
	of({ files }: Pick<AdapterEntry, 'files'>): ChainModel[] {
		return this.models?.filter(({ model }) => model.hash.slice(2) === files.weights) ?? [];
	}

	/** Those that are not on this device. */
	elsewhere(here: readonly AdapterEntry[]): ChainModel[] {
		const weights = new Set(here.map(({ files }) => files.weights));
		return this.models?.filter(({ model }) => !weights.has(model.hash.slice(2))) ?? [];
	}
}
