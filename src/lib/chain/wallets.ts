import {
	connect,
	createConfig,
	createStorage,
	disconnect,
	getConnection,
	getConnectors,
	reconnect,
	switchChain,
	watchConnection,
	watchConnectors,
	type Config,
	type Connector
} from '@wagmi/core';
import {
	createWalletClient,
	custom,
	numberToHex,
	type Address,
	type EIP1193Provider,
	type Hex,
	type TypedDataDefinition
} from 'viem';
import type { RpcRequest } from '#workers/ledger/rpc.ts';
import { OpenLedgerError } from '#workers/errors.ts';
import { explain } from './errors.ts';
import type { Network } from './network.ts';
import { nodeAt } from './node.ts';
import { sandboxConnector } from './sandbox-connector.ts';
import { sandboxRequest } from './sandbox.ts';
import { storedAgreement } from './walletconnect/agreement.ts';
import { drawer } from './walletconnect/drawer.ts';
import { WALLETCONNECT, walletConnectConnector, type Pairing } from './walletconnect/connector.ts';
import { storedRelay } from './walletconnect/settings.ts';

/** A wallet that can be connected. */
export interface WalletChoice {
	id: string;
	name: string;
	/** A data URL from the wallet itself (EIP-6963). */
	icon?: string;
}

/** Who is connected, where. */
export interface Connected {
	wallet: WalletChoice;
	account: Address;
	/** What the wallet says it is on; `network` is absent where that is none of ours. */
	chainId: number;
	network?: Network;
	/** Asks the wallet (EIP-1193). Rejects with what the wallet rejects with. */
	ask: RpcRequest;
}

/** An account that signs typed data (EIP-712), which costs nothing and sends nothing. Rejects with `wallet/…`. */
export interface Signatory {
	account: Address;
	sign(data: TypedDataDefinition): Promise<Hex>;
}

/** Wallets of this browser (EIP-6963) and the sandbox's, behind wagmi. Loaded when a page first needs a chain. */
export class Wallets {
	readonly networks: readonly Network[];
	readonly #config: Config;

	/** @param show shows the code that a wallet on another device has to read, or that it is not needed any more */
	constructor(networks: readonly Network[], show: (pairing?: Pairing) => void = () => undefined) {
		this.networks = networks;
		const [first, ...rest] = networks.map(({ chain }) => chain);
		if (!first) throw new RangeError('no network');
		this.#config = createConfig({
			chains: [first, ...rest],
			connectors: [
				sandboxConnector(),
				walletConnectConnector({
					chains: networks.filter(({ rpc }) => rpc).map(({ id }) => id),
					read: (chain) => {
						const network = networks.find(({ id, rpc }) => rpc && id === chain);
						return network && this.reader(network);
					},
					show
				})
			],
			transports: Object.fromEntries(
				networks.map(({ id, rpc }) => [id, rpc ? nodeAt(rpc) : custom({ request: sandboxRequest })])
			),
			storage: createStorage({ key: 'openledger-wallet', storage: localStorage }),
			ssr: false
		}) as unknown as Config;
	}

	/** The wallets that there are now, the sandbox last. */
	get choices(): WalletChoice[] {
		const offered = getConnectors(this.#config).filter(
			({ id, type }) =>
				id === 'sandbox' ||
				(type === 'injected' && id !== 'injected') ||
				(id === WALLETCONNECT && storedRelay().projectId !== '')
		);
		return offered
			.map(({ id, name, icon }) => ({ id, name, icon: safeIcon(icon) }))
			.sort((a, b) => Number(a.id === 'sandbox') - Number(b.id === 'sandbox'));
	}

	/** Connects what was connected last, or else the sandbox. */
	async start(): Promise<Connected> {
		// Only that one: a wallet that trusts this page from earlier is not the one that a person chose.
		const last = await this.#config.storage?.getItem('recentConnectorId');
		const connectors = getConnectors(this.#config).filter(({ id }) => id === last && id !== 'sandbox');
		const before = await (connectors.length ? reconnect(this.#config, { connectors }) : []);
		if (before.length === 0) return this.connect('sandbox');
		return this.current();
	}

	/** Asks a wallet for its accounts. Throws `wallet/…`. */
	async connect(id: string): Promise<Connected> {
		const connector = this.#connector(id);
		const { connector: before } = getConnection(this.#config);
		if (before?.uid === connector.uid) return this.current();
		try {
			// The new one first: after a no, everything is as it was.
			await connect(this.#config, { connector });
			if (before) await disconnect(this.#config, { connector: before });
		} catch (error) {
			throw explain(error);
		}
		return this.current();
	}

	async current(): Promise<Connected> {
		const { connector, address, chainId } = getConnection(this.#config);
		if (!connector || !address || chainId === undefined) return this.connect('sandbox');
		const { id, icon } = connector;
		// Its own name, where it is on another device.
		const name = (id === WALLETCONNECT && storedAgreement(drawer)?.wallet) || connector.name;
		return {
			wallet: { id, name, icon: safeIcon(icon) },
			account: address,
			chainId,
			network: this.networks.find((network) => network.id === chainId),
			ask: await this.#asker(connector)
		};
	}

	/** Asks any wallet for an account to sign with. Who pays stays as it is. Throws `wallet/…`. */
	async signatory(id: string): Promise<Signatory> {
		const provider = (await this.#connector(id).getProvider()) as EIP1193Provider;
		const client = createWalletClient({ transport: custom(provider) });
		const explained = (error: unknown) => {
			throw explain(error);
		};
		const [account] = await client.requestAddresses().catch(explained);
		if (!account)
			throw new OpenLedgerError('wallet/locked', 'The wallet shows this page no account.', {
				remedy: 'Unlock it and share an account, then try again.'
			});
		return { account, sign: (data) => client.signTypedData({ ...data, account }).catch(explained) };
	}

	#connector(id: string): Connector {
		const connector = getConnectors(this.#config).find((each) => each.id === id);
		if (connector) return connector;
		throw new OpenLedgerError('wallet/unsupported', 'This wallet is not there any more.', {
			remedy: 'Reload the page, or choose another wallet.'
		});
	}

	/** Asks the wallet to change to a network, and to add it where it does not know it. Throws `wallet/…`. */
	async switchTo(network: Network): Promise<Connected> {
		try {
			await switchChain(this.#config, { chainId: network.id });
		} catch (error) {
			throw explain(error);
		}
		return this.current();
	}

	/** Calls back with every change of wallet, account or network, and when another wallet announces itself. */
	watch(listener: () => void): () => void {
		const stops = [
			watchConnection(this.#config, { onChange: listener }),
			watchConnectors(this.#config, { onChange: listener })
		];
		return () => stops.forEach((stop) => stop());
	}

	/** Reads a network: through its own node where it has one. */
	reader(network: Network): RpcRequest {
		const transport = network.rpc ? nodeAt(network.rpc) : custom({ request: sandboxRequest });
		const { request } = transport({ chain: network.chain });
		return (call) => request(call as never);
	}

	async #asker(connector: Connector): Promise<RpcRequest> {
		const provider = (await connector.getProvider()) as EIP1193Provider;
		return (call) => provider.request(call as never);
	}

	/** Makes sure that the wallet is where it says, on the chain that the node shows. Throws `wallet/wrong-network` or `wallet/untruthful`. */
	async verify({ ask, wallet }: Connected, network: Network): Promise<void> {
		const said = await ask({ method: 'eth_chainId' }).catch((error: unknown) => {
			throw explain(error);
		});
		if (typeof said !== 'string' || !/^0x[0-9a-f]{1,14}$/i.test(said) || Number(said) !== network.id)
			throw new OpenLedgerError('wallet/wrong-network', `${wallet.name} is on another network.`, {
				remedy: `Change the wallet’s network to ${network.name}, then try again.`,
				details: { wanted: numberToHex(network.id), wallet: String(said).slice(0, 40) }
			});
		const first = { method: 'eth_getBlockByNumber', params: [numberToHex(network.fromBlock), false] };
		const [theirs, ours] = await Promise.all([ask(first), this.reader(network)(first)]).catch(
			(error: unknown) => {
				throw explain(error);
			}
		);
		const hashOf = (block: unknown) => (block as { hash?: unknown } | null)?.hash;
		if (typeof hashOf(ours) !== 'string' || hashOf(theirs) !== hashOf(ours))
			throw new OpenLedgerError(
				'wallet/untruthful',
				`${wallet.name} says it is on ${network.name}, but shows another chain.`,
				{
					remedy:
						'Nothing was sent. Check the wallet’s network settings (its RPC address), or use another wallet.',
					details: { expected: String(hashOf(ours)), wallet: String(hashOf(theirs)) }
				}
			);
	}
}

/** Only pictures that bring no request and no script with them. */
function safeIcon(icon: string | undefined): string | undefined {
	return icon && /^data:image\/(png|jpe?g|webp|gif|svg\+xml)[;,]/.test(icon) && icon.length < 200_000
		? icon.trim()
		: undefined;
}
