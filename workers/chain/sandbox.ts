import type { TypedTransaction } from '@ethereumjs/tx';
import { numberToHex, type Hex } from 'viem';
import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts';
import { exclusively } from '../datanets/store/locks.ts';
import { OpenLedgerError } from '../errors.ts';
import { Mutex } from '../generate/mutex.ts';
import type { ProviderRequest, RpcOutcome, SandboxApi, SandboxStatus } from './api.ts';
import { nextHeader, seal, toEvmBlock } from './blocks.ts';
import type { Genesis } from './genesis.ts';
import { readHistory, writeHistory } from './history.ts';
import { Machine } from './machine.ts';
import { ALLOWANCE, tapKey } from './people.ts';
import { readTransaction } from './present.ts';
import { answer, send, signCall } from './rpc.ts';
import { executionReverted, RpcError, rpcCodes } from './rpc-error.ts';
import {
	ChainDb,
	Moved,
	type BlockRecord,
	type HeadRecord,
	type Snapshot,
	type TransactionRecord
} from './store.ts';
import { SandboxWallet } from './wallet.ts';

interface Options {
	genesis: Genesis;
	/** The user's private key; by default one is made at the first start. */
	key?: () => Hex;
	/** Milliseconds since 1970. */
	now?: () => number;
}

/** One sandbox as it stands in memory, equal to the database up to `head`. */
interface Chain {
	machine: Machine;
	block: BlockRecord;
	head: HeadRecord;
	wallet: SandboxWallet;
}

/** Seconds without a block after which whoever comes finds an empty one first. */
const STALE = 60;

/**
 * The real contracts on an EVM in this browser: instant blocks, one block a transaction, everything on disk before anybody hears of it.
 * Several tabs may run one each over the same database: a block continues the stored head or is made again.
 */
export class Sandbox implements SandboxApi {
	readonly #db: ChainDb;
	readonly #genesis: Genesis;
	readonly #newKey: () => Hex;
	readonly #now: () => number;
	readonly #queue = new Mutex();
	readonly #listeners = new Set<() => void>();
	readonly #channel: BroadcastChannel | undefined;
	#chain: Chain | undefined;
	/** Whether this request has compared `#chain` with the disk already: another tab may have written since the last one. */
	#compared = false;
	/** Outlives reloads of the chain: which account is selected is this tab's own affair. */
	#wallet: { key: Hex; wallet: SandboxWallet } | undefined;

	constructor(db: ChainDb, { genesis, key = generatePrivateKey, now = Date.now }: Options) {
		this.#db = db;
		this.#genesis = genesis;
		this.#newKey = key;
		this.#now = now;
		this.#channel = globalThis.BroadcastChannel && new BroadcastChannel(db.name);
		this.#channel?.addEventListener('message', () => {
			// Another tab wrote; `chain` will see it.
			this.#tell();
		});
	}

	// ---- the api

	async request({ method, params }: ProviderRequest): Promise<RpcOutcome> {
		try {
			const list: unknown[] = Array.isArray(params) ? params : params === undefined ? [] : [params];
			return { result: await this.#queue.run(() => this.#afresh(() => answer(this, method, list))) };
		} catch (error) {
			if (error instanceof RpcError)
				return { error: { code: error.code, message: error.message, data: error.data } };
			// Nothing that a request can bring about: the technical words are all there is.
			const message = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
			return { error: { code: rpcCodes.refused, message } };
		}
	}

	status(): Promise<SandboxStatus> {
		return this.#run(async () => this.#status(await this.chain()));
	}

	advance(seconds: number): Promise<SandboxStatus> {
		return this.#run(async () => {
			const { block } = await this.chain();
			await this.advanceClock(seconds);
			// Blocks that came faster than one a second are ahead of the clock: so much later than the last is what was asked for.
			await this.mine([], { time: Math.max(this.time(await this.chain()), block.time + seconds) });
			return this.#status(await this.chain());
		});
	}

	select(address: Hex): Promise<SandboxStatus> {
		return this.#run(async () => {
			const chain = await this.chain();
			chain.wallet.select(address);
			this.#tell();
			return this.#status(chain);
		});
	}

	fund(address: Hex): Promise<SandboxStatus> {
		return this.#run(async () => {
			const tap = privateKeyToAccount(tapKey);
			const transfer = { from: tap.address, to: address, value: numberToHex(ALLOWANCE) };
			await send(this, await signCall(this, (transaction) => tap.signTransaction(transaction), transfer));
			return this.#status(await this.chain());
		});
	}

	reset(): Promise<SandboxStatus> {
		return this.#run(async () => {
			const key = (await this.#db.head.get('head'))?.keys[0] ?? this.#newKey();
			await this.#locked(() => this.#begin(key));
			this.#announce();
			return this.#status(await this.chain());
		});
	}

	exportHistory(): Promise<string> {
		return this.#run(async () => {
			const { head } = await this.chain();
			const origin = await this.#origin();
			const blocks = await this.#db.blocks.where('number').above(origin.number).sortBy('number');
			return writeHistory(origin.hash, head, blocks);
		});
	}

	importHistory(text: string, progress: (done: number, all: number) => void): Promise<SandboxStatus> {
		return this.#run(async () => {
			const history = readHistory(text);
			if (history.genesis !== this.#genesis.hash)
				throw new OpenLedgerError('sandbox/other-genesis', 'This sandbox was made with other contracts.', {
					remedy: 'Open it in the version of the app that wrote it; its blocks cannot be run here.'
				});
			// In a database of its own, which then takes this one's place in one step.
			const trial = new Sandbox(new ChainDb(`${this.#db.name}-import`), {
				genesis: this.#genesis,
				now: this.#now
			});
			try {
				const key = history.keys[0] ?? this.#newKey();
				await trial.#begin(key);
				for (const [i, { time, transactions }] of history.blocks.entries()) {
					await trial.mine(await Promise.all(transactions.map((raw) => trial.read(raw))), { time });
					if (i % 20 === 0) progress(i, history.blocks.length);
				}
				const { head } = await trial.chain();
				if (head.hash !== history.head)
					throw new OpenLedgerError('sandbox/malformed', 'This exported sandbox does not add up.', {
						remedy: 'The file was changed after it was written. Export it again.',
						details: { head: head.hash, expected: history.head }
					});
				const blocks = await trial.#db.blocks.orderBy('number').toArray();
				const snapshot = { blocks, state: await trial.#db.state() };
				await this.#locked(() => this.#db.replace(snapshot, { ahead: history.ahead, keys: [key] }));
			} finally {
				await trial.close();
				await trial.#db.delete();
			}
			this.#chain = undefined;
			this.#announce();
			return this.#status(await this.chain());
		});
	}

	async subscribe(listener: () => void): Promise<void> {
		this.#listeners.add(listener);
		// Where this fails, the first call that somebody waits for says why.
		await this.#run(() => this.#catchUp()).catch(() => undefined);
	}

	async close(): Promise<void> {
		this.#channel?.close();
		this.#db.close();
	}

	// ---- for the methods of the provider (rpc.ts); the queue is theirs while they run

	/** What is in memory, read from disk first where another tab went on; begun where there is nothing. */
	async chain(): Promise<Chain> {
		if (this.#chain && this.#compared) return this.#chain;
		const stored = await this.#db.head.get('head');
		if (!stored) {
			await this.#locked(async () => {
				if (!(await this.#db.head.get('head'))) await this.#begin(this.#newKey());
			});
			return this.chain();
		}
		this.#compared = true;
		if (this.#chain?.head.hash === stored.hash) {
			this.#chain.head = stored;
			return this.#chain;
		}
		const [state, block] = await Promise.all([this.#db.state(), this.#db.blocks.get(stored.number)]);
		const key = stored.keys[0];
		if (!block || !key) throw new Error('the sandbox has lost its head');
		const machine = new Machine((number) => this.hashOf(number));
		machine.state.load(state);
		if (this.#wallet?.key !== key) this.#wallet = { key, wallet: new SandboxWallet(key) };
		return (this.#chain = { machine, block, head: stored, wallet: this.#wallet.wallet });
	}

	get db(): ChainDb {
		return this.#db;
	}

	async hashOf(number: number): Promise<Hex | undefined> {
		return (await this.#db.blocks.get(number))?.hash;
	}

	async read(raw: Hex): Promise<TypedTransaction> {
		return readTransaction(raw, (await this.chain()).machine.common);
	}

	/** Seconds since 1970 by the sandbox's clock. */
	time(chain: Chain): number {
		return Math.floor(this.#now() / 1000) + chain.head.ahead;
	}

	/**
	 * Makes a block of these transactions, all of which it must be able to hold, writes it and returns it.
	 * @param whole where one of them reverts there is no block; throws its reason.
	 */
	async mine(
		transactions: TypedTransaction[],
		{ time, whole = false }: { time?: number; whole?: boolean } = {}
	): Promise<BlockRecord> {
		for (;;) {
			// Before the lock, which it takes itself where the sandbox has not begun.
			await this.chain();
			try {
				return await this.#locked(() => this.#afresh(() => this.#mine(transactions, time, whole)));
			} catch (error) {
				// Only where there are no locks: another tab was quicker. The next try reads what it wrote.
				if (!(error instanceof Moved)) throw error;
				this.#chain = undefined;
			}
		}
	}

	async advanceClock(seconds: number): Promise<void> {
		if (!Number.isSafeInteger(seconds) || seconds < 0 || seconds > 10 * 366 * 86_400)
			throw new RpcError(rpcCodes.badParams, 'whole seconds up to ten years expected');
		await this.chain();
		await this.#locked(async () => {
			await this.#db.head.where({ key: 'head' }).modify((head) => void (head.ahead += seconds));
		});
		this.#compared = false;
	}

	// ---- inside

	async #mine(
		transactions: TypedTransaction[],
		time: number | undefined,
		whole: boolean
	): Promise<BlockRecord> {
		const chain = await this.chain();
		const { machine } = chain;
		const { state, common } = machine;
		const header = nextHeader(chain.block, time ?? this.time(chain));
		const running = toEvmBlock(header, common);
		// Closed only after the block is on disk: what did not get there did not happen.
		await state.checkpoint();
		try {
			const records: TransactionRecord[] = [];
			for (const tx of transactions) {
				const record = await machine.execute(tx, running);
				if (whole && !record.success) throw executionReverted('revert', machine.lastOutput);
				records.push(record);
			}
			const changes = state.takeChanges();
			const block = await seal(header, chain.block.stateRoot, transactions, records, changes, common);
			await this.#db.append(block, changes);
			await state.commit();
			chain.block = block;
			chain.head = { ...chain.head, number: block.number, hash: block.hash };
			this.#announce();
			return block;
		} catch (error) {
			await state.revert();
			state.takeChanges();
			throw error;
		}
	}

	/** An empty block where the last is old: pages go by its time, and a window passes also when nothing is sent. */
	async #catchUp(): Promise<void> {
		const chain = await this.chain();
		if (this.time(chain) - chain.block.time > STALE) await this.mine([]);
	}

	/** Puts the beginning in place. */
	async #begin(key: Hex): Promise<void> {
		const snapshot = await this.#genesis.load();
		await this.#db.replace(withAllowance(snapshot, key), { ahead: 0, keys: [key] });
		this.#chain = undefined;
	}

	/** The last block that it began with. */
	async #origin(): Promise<BlockRecord> {
		const { blocks } = await this.#genesis.load();
		const last = blocks.at(-1);
		const stored = last && (await this.#db.blocks.get(last.number));
		if (!last || !stored) throw new Error('the sandbox has no beginning');
		return stored;
	}

	async #status(chain: Chain): Promise<SandboxStatus> {
		const { block, head, wallet } = chain;
		return {
			height: block.number,
			time: Math.max(this.time(chain), block.time + 1),
			ahead: head.ahead,
			accounts: wallet.accounts,
			outdated: (await this.#db.blocks.where({ hash: this.#genesis.hash }).count()) === 0
		};
	}

	#run<T>(work: () => Promise<T>): Promise<T> {
		return this.#queue
			.run(() => this.#afresh(work))
			.catch((error: unknown) => {
				throw failed(error);
			});
	}

	/** Looks at the disk again before `work` uses what is in memory. */
	#afresh<T>(work: () => Promise<T>): Promise<T> {
		this.#compared = false;
		return work();
	}

	#locked<T>(work: () => Promise<T>): Promise<T> {
		return exclusively(this.#db.name, work);
	}

	#announce(): void {
		this.#channel?.postMessage('moved');
		this.#tell();
	}

	#tell(): void {
		for (const listener of this.#listeners) listener();
	}
}

/** The user has something to begin with. It is part of the beginning, so no transaction shows it. */
function withAllowance(snapshot: Snapshot, key: Hex): Snapshot {
	const { accounts, slots, codes } = snapshot.state;
	const address = privateKeyToAccount(key).address.toLowerCase() as Hex;
	const before = accounts.find(([owner]) => owner === address)?.[1] ?? {
		nonce: 0n,
		balance: 0n,
		code: NO_CODE
	};
	const account = { ...before, balance: before.balance + ALLOWANCE };
	return { ...snapshot, state: { accounts: [...accounts, [address, account]], slots, codes } };
}

const NO_CODE: Hex = '0xc5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470';

function failed(error: unknown): OpenLedgerError {
	if (error instanceof RpcError)
		error = new OpenLedgerError('sandbox/failed', error.message, { remedy: 'Check what was asked for.' });
	const full = error instanceof Error && error.name === 'QuotaExceededError';
	if (full)
		return OpenLedgerError.from(
			error,
			'storage/full',
			'This device has no room for the next block.',
			'Free some storage, then try again.'
		);
	return OpenLedgerError.from(
		error,
		'sandbox/failed',
		'The sandbox could not do this.',
		'Reload the page. If it happens again, begin the sandbox anew in the settings.'
	);
}
