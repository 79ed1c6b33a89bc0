import { createContext } from 'svelte';
import type { OpenLedgerError } from '#workers/errors.ts';
import type { Call } from '../chain/transactions/records.ts';
import { asError } from '../ledger/ledger-room.svelte.ts';
import type { Network } from '../ledger/network.ts';
import { readGovernance, type Governance } from './governance.ts';

/** Governance of the network that is chosen, as the page sees it. */
export class GovernRoom {
	readonly #network: () => Network | undefined;
	view = $state.raw<Governance>();
	error = $state.raw<OpenLedgerError>();
	/** What is being asked for, while it is. */
	busy = $state('');
	#looking?: Promise<void>;

	constructor(network: () => Network | undefined) {
		this.#network = network;
	}

	get network(): Network | undefined {
		return this.#network();
	}

	refresh(): Promise<void> {
		this.#looking ??= this.#look().finally(() => (this.#looking = undefined));
		return this.#looking;
	}

	async #look(): Promise<void> {
		const { network } = this;
		if (!network?.account) return;
		try {
			this.view = await readGovernance(network);
			this.error = undefined;
		} catch (thrown) {
			this.error = asError(thrown);
		}
	}

	/** Asks the wallet for one call after another. Returns whether all were done; `error` says why not. */
	async send(calls: { title: string; call: Call }[]): Promise<boolean> {
		const { network } = this;
		if (!network || this.busy) return false;
		this.busy = calls[0]?.title ?? '';
		this.error = undefined;
		try {
			await network.send(calls.map(({ title, call }) => ({ title, ...call })));
			return true;
		} catch (thrown) {
			this.error = asError(thrown);
			return false;
		} finally {
			this.busy = '';
			const { error } = this;
			await this.#look();
			this.error ??= error;
		}
	}
}

export const [getGovern, setGovern] = createContext<GovernRoom>();
