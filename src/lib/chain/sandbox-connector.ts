import { createConnector } from '@wagmi/core';
import { getAddress, type Address, type EIP1193Provider } from 'viem';
import { SANDBOX_CHAIN_ID } from '#workers/chain/network.ts';
import { onSandbox, sandboxRequest } from './sandbox.ts';
import { sandboxNetwork } from './network.ts';

/** The sandbox as an EIP-1193 provider. Its events come through the connector. */
const sandboxProvider = {
	request: sandboxRequest,
	on: () => undefined,
	removeListener: () => undefined
} as unknown as EIP1193Provider;

/** The play-money wallet as a wagmi connector. It is there until a person connects a wallet of their own. */
export function sandboxConnector() {
	let stop: (() => void) | undefined;
	const accounts = async () =>
		((await sandboxRequest({ method: 'eth_accounts' })) as Address[]).map((address) => getAddress(address));
	return createConnector<EIP1193Provider>(({ emitter }) => ({
		id: 'sandbox',
		name: 'Sandbox',
		type: 'sandbox',
		async connect({ withCapabilities } = {}) {
			let known = await accounts();
			stop ??= onSandbox(() => {
				void accounts().then((now) => {
					if (now[0] === known[0]) return;
					known = now;
					emitter.emit('change', { accounts: now });
				});
			});
			const list = withCapabilities ? known.map((address) => ({ address, capabilities: {} })) : known;
			return { accounts: list as never, chainId: SANDBOX_CHAIN_ID };
		},
		async disconnect() {
			stop?.();
			stop = undefined;
		},
		getAccounts: accounts,
		getChainId: async () => SANDBOX_CHAIN_ID,
		getProvider: async () => sandboxProvider,
		isAuthorized: async () => true,
		switchChain: async ({ chainId }) => {
			if (chainId !== SANDBOX_CHAIN_ID) throw new Error('the sandbox is the only chain of this wallet');
			return sandboxNetwork.chain;
		},
		onAccountsChanged: () => undefined,
		onChainChanged: () => undefined,
		onDisconnect: () => undefined
	}));
}
