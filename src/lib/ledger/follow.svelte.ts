import { untrack } from 'svelte';
import type { OpenLedgerError } from '#workers/errors.ts';
import { session } from '../chain/session.svelte.ts';
import { asError } from './ledger-room.svelte.ts';
import type { Network } from './network.ts';

/** Between two looks at a chain that does not tell when something happens, in milliseconds. */
const EVERY = 15_000;

/** The network and account that are chosen, for a page that reads the chain. */
class Follow {
	taken = $state.raw<Network>();
	error = $state.raw<OpenLedgerError>();

	/** Undefined also from a change in the wallet until it has been read anew: what was there is another account's. */
	get network(): Network | undefined {
		const { taken } = this;
		const { connected } = session;
		const isCurrent =
			!connected || (connected.account === taken?.account && connected.network?.id === taken.chain.id);
		return isCurrent ? taken : undefined;
	}
}

/**
 * Follows the session while the component lives; `onchange` is called with every new account, network or block that
 * is known of, and now and then where blocks are not told of. Call it where a component starts.
 */
export function followNetwork(onchange: () => void): Follow {
	const follow = new Follow();
	async function take() {
		try {
			follow.taken = await currentNetwork();
			follow.error = undefined;
			onchange();
		} catch (thrown) {
			follow.error = asError(thrown);
		}
	}
	$effect(() => {
		void session.connected;
		void session.tick;
		untrack(() => void take());
	});
	$effect(() => {
		if (session.sandbox) return;
		const timer = setInterval(() => document.visibilityState === 'visible' && onchange(), EVERY);
		return () => clearInterval(timer);
	});
	return follow;
}

/** Where one is now, started if need be. Throws `wallet/…` or `sandbox/…`. */
export async function currentNetwork(): Promise<Network> {
	const { network, account, node, ask } = await session.reader();
	return {
		chain: network,
		name: network.name,
		play: network.play,
		account,
		request: node,
		url: network.rpc,
		wallet: async (call) => {
			await (await session.sender()).verify();
			return await ask(call);
		},
		async send(calls) {
			await session.completeAll(
				calls.map(({ title, id, to, data, value = 0n }) => ({
					id: id ?? `${title} ${crypto.randomUUID()}`,
					title,
					call: { to, data, value }
				}))
			);
		}
	};
}
