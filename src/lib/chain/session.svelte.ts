import type { Address } from 'viem';
import type { OpenLedgerError } from '#workers/errors.ts';
import type { RpcRequest } from '#workers/ledger/rpc.ts';
import type { Network } from './network.ts';
import type { Sender, Wanted } from './transactions/transactions.ts';
import type { TransactionRecord } from './transactions/records.ts';
import type { Pairing } from './walletconnect/connector.ts';
import type { Connected, Signatory, WalletChoice, Wallets } from './wallets.ts';

const REMEMBERED = 'openledger-wallet-network';

/** Who pays, and where: the sandbox until a wallet is connected. Everything heavy is loaded when a page first asks for it. */
class Session {
	/** Absent until `ready` was awaited somewhere. */
	connected = $state.raw<Connected>();
	choices = $state.raw<WalletChoice[]>([]);
	/** Whether the dialog of wallets is open. */
	dialog = $state(false);
	/** A wallet on another device is being looked for (WalletConnect). */
	pairing = $state.raw<Pairing>();
	/** Goes up with every block that the sandbox is known to have made, so that pages read again. */
	tick = $state(0);
	#remembered = $state(localStorage.getItem(REMEMBERED) ?? '');
	#starting: Promise<Wallets> | undefined;
	#followed = new Set<string>();

	/** Wallets that can sign words at once: one on another device has to be connected first. */
	get signers(): WalletChoice[] {
		const connected = this.connected?.wallet.id;
		return this.choices.filter(({ id }) => id !== 'sandbox' && (id !== 'walletconnect' || id === connected));
	}

	/** True while what is paid is play money; from the last visit until the chain code is there. */
	get play(): boolean {
		return this.connected ? (this.connected.network?.play ?? true) : this.#remembered === '';
	}

	/** True in the sandbox itself. */
	get sandbox(): boolean {
		return this.connected ? this.connected.wallet.id === 'sandbox' : this.#remembered === '';
	}

	/** Where one is, in a few words. */
	get place(): string {
		if (!this.connected) return this.#remembered;
		return this.connected.network?.name ?? 'Another network';
	}

	/** Starts what is needed. Resolves with who is connected. Throws `wallet/…` or `sandbox/…`. */
	async ready(): Promise<Connected> {
		const wallets = await this.#wallets();
		return this.connected ?? (await this.#take(wallets, await wallets.current()));
	}

	async connect(id: string): Promise<void> {
		const wallets = await this.#wallets();
		await this.#take(wallets, await wallets.connect(id));
	}

	/** An account of any wallet here, to sign words with; who pays stays as it is. Throws `wallet/…`. */
	async signatory(id: string): Promise<Signatory> {
		return (await this.#wallets()).signatory(id);
	}

	/** Reads anew which wallets there are. */
	async look(): Promise<void> {
		this.choices = (await this.#wallets()).choices;
	}

	/** Lets go of the wallet, back to the sandbox. */
	async leave(): Promise<void> {
		await this.connect('sandbox');
	}

	async switchTo(network: Network): Promise<void> {
		const wallets = await this.#wallets();
		await this.#take(wallets, await wallets.switchTo(network));
	}

	async networks(): Promise<readonly Network[]> {
		return (await this.#wallets()).networks;
	}

	/** Reads the network that the wallet is on. Throws `wallet/wrong-network` where that is none of ours. */
	async reader(): Promise<{ network: Network; account: Address; node: RpcRequest; ask: RpcRequest }> {
		const wallets = await this.#wallets();
		const { network, account, ask } = await this.ready();
		if (!network) throw await wrongNetwork();
		return { network, account, ask, node: wallets.reader(network) };
	}

	/** What sending needs. Throws `wallet/wrong-network` where the wallet is on none of our networks. */
	async sender(): Promise<Sender> {
		const wallets = await this.#wallets();
		const connected = await this.ready();
		const { network, account, node, ask } = await this.reader();
		return { network, account, node, ask, verify: () => wallets.verify(connected, network) };
	}

	/** Asks the wallet for a transaction and looks after it. Resolves when it was sent. Throws as `transactions.send`. */
	async send(wanted: Wanted): Promise<TransactionRecord> {
		const { send } = await import('./transactions/transactions.ts');
		const record = await send(await this.sender(), wanted);
		void this.#follow(record.id);
		return record;
	}

	/** As `send`, and waits until it is settled. Throws also where it was replaced, dropped or reverted. */
	async complete(wanted: Wanted): Promise<TransactionRecord> {
		const { send, settled } = await import('./transactions/transactions.ts');
		const sender = await this.sender();
		await send(sender, wanted);
		return settled(wanted.id, sender);
	}

	/** Several calls for one consent where the wallet offers that (EIP-5792), else one after another. */
	async completeAll(wanted: Wanted[]): Promise<TransactionRecord[]> {
		const { sendTogether } = await import('./transactions/batch.ts');
		return sendTogether(await this.sender(), wanted);
	}

	async #follow(id: string): Promise<void> {
		if (this.#followed.has(id)) return;
		this.#followed.add(id);
		try {
			const { follow } = await import('./transactions/transactions.ts');
			await follow(id, await this.sender(), new AbortController().signal);
			this.tick++;
		} finally {
			this.#followed.delete(id);
		}
	}

	#wallets(): Promise<Wallets> {
		this.#starting ??= this.#start().catch((error: unknown) => {
			this.#starting = undefined;
			throw error;
		});
		return this.#starting;
	}

	async #start(): Promise<Wallets> {
		const [{ Wallets }, { knownNetworks }, { onSandbox }] = await Promise.all([
			import('./wallets.ts'),
			import('./network.ts'),
			import('./sandbox.ts')
		]);
		const wallets = new Wallets(knownNetworks(), (pairing) => (this.pairing = pairing));
		await this.#take(wallets, await wallets.start());
		// Changes come in the middle of changes: what counts is how it stands afterwards.
		let pending: ReturnType<typeof setTimeout> | undefined;
		wallets.watch(() => {
			clearTimeout(pending);
			pending = setTimeout(async () => this.#take(wallets, await wallets.current()), 30);
		});
		onSandbox(() => void this.tick++);
		const { unfinished } = await import('./transactions/transactions.ts');
		const network = this.connected?.network;
		if (network) for (const { id } of await unfinished(network.id)) void this.#follow(id);
		return wallets;
	}

	async #take(wallets: Wallets, connected: Connected): Promise<Connected> {
		this.connected = connected;
		this.choices = wallets.choices;
		this.#remembered = this.sandbox ? '' : this.place;
		if (this.#remembered) localStorage.setItem(REMEMBERED, this.#remembered);
		else localStorage.removeItem(REMEMBERED);
		return connected;
	}
}

export const session = new Session();

async function wrongNetwork(): Promise<OpenLedgerError> {
	const { OpenLedgerError } = await import('#workers/errors.ts');
	return new OpenLedgerError('wallet/wrong-network', 'The wallet is on a network without our contracts.', {
		remedy: 'Change the network in the wallet, or go back to the sandbox.'
	});
}
