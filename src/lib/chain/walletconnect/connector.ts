import { createConnector } from '@wagmi/core';
import { numberToHex, type Address, type EIP1193Provider } from 'viem';
import type { RpcRequest } from '#workers/ledger/rpc.ts';
import { OpenLedgerError } from '#workers/errors.ts';
import { storedAgreement } from './agreement.ts';
import type { WalletConnection } from './connection.ts';
import { drawer } from './drawer.ts';
import { relayAddress, storedRelay } from './settings.ts';

export const WALLETCONNECT = 'walletconnect';
/** Ethereum's own chain: every wallet knows it, so that none has to refuse for want of a chain. */
const MAINNET = 1;

/** A wallet that is being looked for. */
export interface Pairing {
	/** What the wallet has to learn. */
	uri: string;
	cancel(): void;
}

interface Options {
	/** Our chains that a wallet can be on. */
	chains: number[];
	read(chain: number): RpcRequest | undefined;
	/** Shows the code; without one, that it is not needed any more. */
	show(pairing?: Pairing): void;
}

/** A wallet on another device as a wagmi connector. Its code is loaded when a person has set a project id and connects. */
export function walletConnectConnector({ chains, read, show }: Options) {
	let connection: WalletConnection | undefined;
	return createConnector<EIP1193Provider>(({ emitter }) => {
		const circumstances = () => {
			const settings = storedRelay();
			return {
				relay: relayAddress(settings),
				projectId: settings.projectId,
				chains: [...chains, MAINNET],
				app: {
					name: 'OpenLedger',
					description: 'Specialised models with an economic memory',
					url: location.origin,
					icons: [`${location.origin}/icons/icon-192.png`]
				},
				drawer,
				read,
				onchange: () => {
					if (connection)
						emitter.emit('change', { accounts: connection.accounts, chainId: connection.chain });
				},
				onend: () => {
					connection = undefined;
					emitter.emit('disconnect');
				}
			};
		};
		const needed = () => {
			if (connection) return connection;
			throw new OpenLedgerError('wallet/disconnected', 'No wallet is connected by WalletConnect.', {
				remedy: 'Connect one first.'
			});
		};
		async function restored(): Promise<WalletConnection | undefined> {
			if (!storedRelay().projectId) return undefined;
			await drawer.open();
			if (!storedAgreement(drawer)) return undefined;
			const { WalletConnection } = await import('./connection.ts');
			return (connection ??= WalletConnection.restore(circumstances()));
		}
		async function pair(): Promise<WalletConnection> {
			const { WalletConnection } = await import('./connection.ts');
			const giveUp = new AbortController();
			const cancel = () =>
				giveUp.abort(
					new OpenLedgerError('aborted', 'No wallet was connected.', {
						remedy: 'Try again whenever you like.'
					})
				);
			try {
				return await WalletConnection.pair(circumstances(), (uri) => show({ uri, cancel }), giveUp.signal);
			} finally {
				show();
			}
		}
		drawer.watch(() => {
			// Let go of in another tab.
			if (!connection || storedAgreement(drawer)?.topic === connection.topic) return;
			connection.close();
			connection = undefined;
			emitter.emit('disconnect');
		});
		return {
			id: WALLETCONNECT,
			name: 'WalletConnect',
			type: WALLETCONNECT,
			async connect({ isReconnecting, withCapabilities } = {}) {
				if (!(await restored()) && !isReconnecting) connection = await pair();
				const { accounts, chain } = needed();
				const list = withCapabilities ? accounts.map((address) => ({ address, capabilities: {} })) : accounts;
				return { accounts: list as never, chainId: chain };
			},
			async disconnect() {
				const leaving = connection;
				connection = undefined;
				await leaving?.end();
			},
			getAccounts: async (): Promise<Address[]> => needed().accounts,
			getChainId: async () => needed().chain,
			getProvider: async () =>
				({
					request: (call: Parameters<RpcRequest>[0]) => needed().request(call),
					on: () => undefined,
					removeListener: () => undefined
				}) as unknown as EIP1193Provider,
			isAuthorized: async () => Boolean(await restored()),
			switchChain: async ({ chainId }) => {
				await needed().request({
					method: 'wallet_switchEthereumChain',
					params: [{ chainId: numberToHex(chainId) }]
				});
				return { id: chainId } as never;
			},
			onAccountsChanged: () => undefined,
			onChainChanged: () => undefined,
			onDisconnect: () => undefined
		};
	});
}
