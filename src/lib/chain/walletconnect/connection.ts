import { numberToHex, type Address } from 'viem';
import type { RpcRequest } from '#workers/ledger/rpc.ts';
import { OpenLedgerError } from '#workers/errors.ts';
import {
	readAccount,
	readChain,
	readExpiry,
	readNamespaces,
	readName,
	record,
	storeAgreement,
	storedAgreement,
	type Agreement,
	type Drawer
} from './agreement.ts';
import { Channel, type Question, type WalletError } from './channel.ts';
import { keyPair, randomKey, sharedKey, topicOf } from './envelope.ts';
import { Relay } from './relay.ts';

/** Seconds that a person has for scanning the code, and for answering in the wallet. */
const PATIENCE = 300;
/** Seconds by which a wallet prolongs its agreement. */
const PROLONGED = 7 * 86_400;
/** What a wallet may be asked; everything else is read from our own node. */
const METHODS = [
	'eth_sendTransaction',
	'eth_signTypedData_v4',
	'personal_sign',
	'wallet_switchEthereumChain',
	'wallet_addEthereumChain'
];
const EVENTS = ['accountsChanged', 'chainChanged'];
const READS = ['eth_blockNumber', 'eth_call', 'eth_estimateGas', 'eth_gasPrice', 'eth_maxPriorityFeePerGas'];

export interface Circumstances {
	relay: string;
	projectId: string;
	/** Milliseconds that the relay may take. */
	patience?: number;
	/** Chains that wallets are asked for, ours first. */
	chains: number[];
	/** How the app shows itself in the wallet. */
	app: { name: string; description: string; url: string; icons: string[] };
	/** Where the agreement is kept. */
	drawer: Drawer;
	/** Reads a chain by its own node; undefined where we know none. */
	read(chain: number): RpcRequest | undefined;
	/** Account or chain in use has changed. */
	onchange(): void;
	/** The wallet ended it, or its time is over. */
	onend(): void;
}

/**
 * A wallet on another device (WalletConnect, Sign protocol v2), as an EIP-1193 provider. Key agreement and sealing are ours and the
 * wallet's; the relay between them is trusted with nothing. https://specs.walletconnect.com/2.0/specs/clients/sign
 */
export class WalletConnection {
	readonly #with: Circumstances;
	readonly #relay: Relay;
	readonly #channel: Channel;
	readonly #over = new AbortController();
	#agreement: Agreement;

	private constructor(circumstances: Circumstances, relay: Relay, agreement: Agreement) {
		this.#with = circumstances;
		this.#relay = relay;
		this.#agreement = agreement;
		this.#channel = new Channel(relay, agreement.topic, agreement.key, (question) => this.#asked(question));
	}

	/**
	 * Asks a wallet to connect.
	 * @param show called with the address that the wallet has to learn, as a QR code or a link
	 * @param signal gives up
	 * Throws `wallet/rejected`, `wallet/disconnected`, `wallet/unsupported` or the signal's reason.
	 */
	static async pair(
		circumstances: Circumstances,
		show: (uri: string) => void,
		signal: AbortSignal
	): Promise<WalletConnection> {
		const { relay: url, projectId, patience, chains, app, drawer } = circumstances;
		const relay = new Relay(url, projectId, patience);
		const [topic, key, own] = [randomKey(), randomKey(), keyPair()];
		const deadline = AbortSignal.any([signal, AbortSignal.timeout(PATIENCE * 1000)]);
		const pairing = new Channel(relay, topic, key, () => undefined);
		const expiryTimestamp = seconds() + PATIENCE;
		try {
			await pairing.listen();
			show(`wc:${topic}@2?relay-protocol=irn&symKey=${key}&expiryTimestamp=${expiryTimestamp}`);
			const wanted = { chains: chains.map((chain) => `eip155:${chain}`), methods: METHODS, events: EVENTS };
			const proposal = {
				requiredNamespaces: {},
				// Optional: a wallet that does not know our chain may still connect, and be told so.
				optionalNamespaces: { eip155: wanted },
				relays: [{ protocol: 'irn' }],
				pairingTopic: topic,
				proposer: { publicKey: own.public, metadata: app },
				expiryTimestamp
			};
			const { responderPublicKey: theirs } = record(
				await pairing.ask('wc_sessionPropose', proposal, deadline)
			);
			pairing.leave();
			if (typeof theirs !== 'string' || !/^[\da-f]{64}$/i.test(theirs)) throw nonsense('no key');
			const agreement = await settle(relay, sharedKeyOf(own.secret, theirs), chains, deadline);
			storeAgreement(drawer, agreement);
			const connection = new WalletConnection(circumstances, relay, agreement);
			await connection.#channel.listen();
			return connection;
		} catch (error) {
			relay.close();
			if (signal.aborted) throw signal.reason;
			throw explained(
				error,
				'No wallet answered within five minutes.',
				'Show a new code and scan it with the wallet.'
			);
		}
	}

	/** The connection of an earlier visit, while its agreement lasts. The relay is looked for in the background. */
	static restore(circumstances: Circumstances): WalletConnection | undefined {
		const { relay: url, projectId, drawer } = circumstances;
		const agreement = storedAgreement(drawer);
		if (!agreement) return undefined;
		const connection = new WalletConnection(circumstances, new Relay(url, projectId), agreement);
		connection.#channel.listen().catch(() => undefined);
		return connection;
	}

	get topic(): string {
		return this.#agreement.topic;
	}

	get chain(): number {
		return this.#agreement.chain;
	}

	/** Accounts on the chain in use. */
	get accounts(): Address[] {
		const { accounts, chain } = this.#agreement;
		return accounts.find(([id]) => id === chain)?.[1] ?? [];
	}

	/** EIP-1193. Only what is to be signed goes to the wallet; chains are read by their own node. */
	async request({ method, params }: Parameters<RpcRequest>[0]): Promise<unknown> {
		if (this.#over.signal.aborted) throw this.#over.signal.reason;
		if (method === 'eth_chainId') return numberToHex(this.chain);
		if (method === 'eth_accounts' || method === 'eth_requestAccounts') return this.accounts;
		if (method.startsWith('eth_get') || READS.includes(method)) {
			const read = this.#with.read(this.chain);
			if (read) return read({ method, params });
			throw providerError(4901, 'no node for this chain');
		}
		if (method === 'wallet_switchEthereumChain') {
			const wanted = readChain(record((params as unknown[] | undefined)?.[0])['chainId']);
			if (wanted !== undefined && this.#use(wanted)) return null;
		}
		if (!METHODS.includes(method) || !this.#agreement.methods.includes(method))
			throw method === 'wallet_switchEthereumChain'
				? providerError(4902, 'the wallet shared no account on this chain')
				: providerError(4200, 'not agreed with this wallet');
		return this.#ask(method, params);
	}

	/** Ends it in this tab, where another one has said goodbye already. */
	close(): void {
		this.#finish(ended('You let go of this wallet.'));
		this.#relay.close();
	}

	/** Says goodbye to the wallet as far as it can be reached, and forgets it. */
	async end(): Promise<void> {
		this.#finish(ended('You let go of this wallet.'));
		storeAgreement(this.#with.drawer, undefined);
		await this.#channel
			.tell('wc_sessionDelete', { code: 6000, message: 'User disconnected.' })
			.catch(() => undefined);
		this.#relay.close();
	}

	async #ask(method: string, params: unknown): Promise<unknown> {
		if (this.#agreement.expiry <= seconds()) {
			this.#lost('The wallet’s permission is over.');
			throw this.#over.signal.reason;
		}
		const request = { method, params, expiryTimestamp: seconds() + PATIENCE };
		const deadline = AbortSignal.any([this.#over.signal, AbortSignal.timeout(PATIENCE * 1000)]);
		try {
			return await this.#channel.ask(
				'wc_sessionRequest',
				{ request, chainId: `eip155:${this.chain}` },
				deadline
			);
		} catch (error) {
			throw explained(
				error,
				'The wallet did not answer within five minutes.',
				'Look in the wallet whether it was done before you try again.'
			);
		}
	}

	/** Takes a chain into use; false where the wallet shared no account on it. */
	#use(chain: number): boolean {
		if (!this.#agreement.accounts.some(([id]) => id === chain)) return false;
		this.#change({ chain });
		return true;
	}

	#change(change: Partial<Agreement>): void {
		this.#agreement = { ...this.#agreement, ...change };
		storeAgreement(this.#with.drawer, this.#agreement);
		this.#with.onchange();
	}

	/** A question of the wallet. Sealed by its key, so by the wallet; but a relay may repeat what was true earlier. */
	#asked({ method, id, params }: Question): true | WalletError | undefined {
		if (method === 'wc_sessionPing') return true;
		if (id <= BigInt(this.#agreement.last[method] ?? 0)) return true;
		this.#agreement = { ...this.#agreement, last: { ...this.#agreement.last, [method]: `${id}` } };
		switch (method) {
			case 'wc_sessionUpdate': {
				const now = readNamespaces(record(params)['namespaces']);
				if (!now) return { code: 1003, message: 'Invalid update request' };
				const chain = chosen(now.accounts, [this.chain, ...this.#with.chains]);
				this.#change({ ...now, chain });
				return true;
			}
			case 'wc_sessionExtend':
				this.#change({ expiry: seconds() + PROLONGED });
				return true;
			case 'wc_sessionEvent':
				this.#event(record(params));
				return true;
			case 'wc_sessionDelete':
				this.#lost('The wallet has ended the connection.');
				return true;
			case 'wc_sessionSettle':
				return true;
			// What only we ask: a relay may hand one's own messages back.
			default:
				return undefined;
		}
	}

	#event({ event, chainId }: Record<string, unknown>): void {
		const { name, data } = record(event);
		if (name === 'chainChanged') {
			const chain = readChain(data);
			if (chain !== undefined && chain !== this.chain) this.#use(chain);
		} else if (name === 'accountsChanged' && Array.isArray(data)) {
			const chain = readChain(chainId);
			const shared = this.#agreement.accounts.find(([id]) => id === chain)?.[1] ?? [];
			const named = data.map(
				(text) => readAccount(`${text}`.includes(':') ? text : `eip155:${chain}:${text}`)?.address
			);
			// Only those that were shared: an update shares others.
			const first = shared.find((address) => address === named[0]);
			if (!first) return;
			const order = [first, ...shared.filter((address) => address !== first)];
			this.#change({
				accounts: this.#agreement.accounts.map(([id, list]) => [id, id === chain ? order : list])
			});
		}
	}

	/** It is over, and not by us. */
	#lost(message: string): void {
		if (this.#over.signal.aborted) return;
		this.#finish(ended(message));
		storeAgreement(this.#with.drawer, undefined);
		// The answer to the wallet goes out first.
		setTimeout(() => this.#relay.close(), 1_000);
		this.#with.onend();
	}

	#finish(reason: OpenLedgerError): void {
		this.#over.abort(reason);
	}
}

/** Waits for what the wallet settles on. */
async function settle(relay: Relay, key: string, chains: number[], signal: AbortSignal): Promise<Agreement> {
	const topic = topicOf(key);
	const { promise, resolve, reject } = Promise.withResolvers<Agreement>();
	promise.catch(() => undefined);
	const session = new Channel(relay, topic, key, ({ method, id, params }) => {
		if (method !== 'wc_sessionSettle') return undefined;
		const { namespaces, expiry: until, controller } = record(params);
		const shared = readNamespaces(namespaces);
		const expiry = readExpiry(until);
		if (!shared || !expiry) {
			reject(nonsense('no account of an Ethereum chain'));
			return { code: 1002, message: 'Invalid session settle request' };
		}
		const wallet = readName(record(controller)['metadata']);
		const chain = chosen(shared.accounts, chains);
		resolve({ topic, key, expiry, wallet, ...shared, chain, last: { [method]: `${id}` } });
		return true;
	});
	const giveUp = () => reject(signal.reason);
	signal.addEventListener('abort', giveUp, { once: true });
	await session.listen();
	return promise.finally(() => signal.removeEventListener('abort', giveUp));
}

/** The first chain wished for that the wallet shares, or else its first. */
function chosen(accounts: Agreement['accounts'], wished: number[]): number {
	const shared = accounts.map(([id]) => id);
	return wished.find((id) => shared.includes(id)) ?? shared[0] ?? 0;
}

function sharedKeyOf(secret: string, theirs: string): string {
	try {
		return sharedKey(secret, theirs);
	} catch (error) {
		throw nonsense(String(error));
	}
}

/** Wallets answer with codes of their own (CAIP-25, 5000 to 6000) where EIP-1193 has one. */
function explained(error: unknown, late: string, remedy: string): unknown {
	if (error instanceof DOMException && error.name === 'TimeoutError')
		return new OpenLedgerError('wallet/disconnected', late, { remedy });
	const { code, message } = record(error);
	if (error instanceof Error || typeof code !== 'number') return error;
	if (code === 5000) return providerError(4001, String(message));
	if (code > 5000 && code < 5004) return providerError(4100, String(message));
	if (code >= 5100 && code < 5200) return providerError(4200, String(message));
	return providerError(code, String(message));
}

function providerError(code: number, message: string): Error {
	return Object.assign(new Error(message), { code });
}

function nonsense(what: string): OpenLedgerError {
	return new OpenLedgerError(
		'wallet/unsupported',
		'The wallet answered with nothing that this app can use.',
		{
			remedy: 'Nothing was connected. Try again, or use another wallet.',
			details: { what }
		}
	);
}

function ended(message: string): OpenLedgerError {
	return new OpenLedgerError('wallet/disconnected', message, { remedy: 'Connect it again to go on.' });
}

function seconds(): number {
	return Math.floor(Date.now() / 1000);
}
