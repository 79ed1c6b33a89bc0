import { readBlock } from '#workers/ledger/rpc.ts';
import type { OpenLedgerError } from '#workers/errors.ts';
import { books } from '../ledger/connection.ts';
import { followNetwork } from '../ledger/follow.svelte.ts';
import { asError } from '../ledger/ledger-room.svelte.ts';
import { readPublished } from './published.ts';
import type { OpenBooks } from './stored.ts';

/** The books of the chosen network, kept current while a page shows what came of them. */
class Books {
	open = $state.raw<OpenBooks>();
	error = $state.raw<OpenLedgerError>();
	#reading = false;
	#again = false;
	readonly #follow: {
		readonly network: OpenBooks['network'] | undefined;
		readonly error: OpenLedgerError | undefined;
	};

	constructor() {
		this.#follow = followNetwork(() => void this.refresh());
	}

	/** Why they cannot be read. */
	get problem(): OpenLedgerError | undefined {
		return this.#follow.error ?? this.error;
	}

	async refresh(): Promise<void> {
		if (this.#reading) {
			this.#again = true;
			return;
		}
		this.#reading = true;
		try {
			do {
				this.#again = false;
				await this.#read();
			} while (this.#again);
		} finally {
			this.#reading = false;
		}
	}

	async #read(): Promise<void> {
		const { network } = this.#follow;
		if (!network) return;
		try {
			const head = await readBlock(network.request, 'latest');
			const summary = await books(network, (service, source) =>
				service.sync('lineage', source, head?.time ?? 0)
			);
			const known = this.open;
			// Nothing that is shown depends on a block in which nothing was settled; pages need not look again.
			if (
				known?.network.chain.id === network.chain.id &&
				known.network.account === network.account &&
				known.summary.block === summary.block
			)
				return;
			const published = await readPublished(network, summary.block);
			this.open = { network, summary, published };
			this.error = undefined;
		} catch (thrown) {
			this.error = asError(thrown);
		}
	}
}

/** Call it where a component starts. */
export function followBooks(): Books {
	return new Books();
}
