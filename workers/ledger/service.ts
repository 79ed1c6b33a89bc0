import { decodeFunctionResult, encodeFunctionData, type Hex } from 'viem';
import { splitterAbi } from '../../contracts-abi/abi/Splitter.ts';
import type { Batch } from '../../contracts/client/batch.ts';
import type { RulesParams } from '../../contracts/deploy/params.ts';
import { breather, Tasks } from '../datanets/service/tasks.ts';
import { OpenLedgerError } from '../errors.ts';
import { Mutex } from '../generate/mutex.ts';
import type { Book, Checkpoint, DatanetRecord, ModelRecord, Stretch } from './book.ts';
import { Keeper } from './keeper.ts';
import { paymentOf, paymentsTo, type Payment } from './payments.ts';
import { preparePosting, ripe, tip, waiting, type Posting } from './posting.ts';
import { proveBatch, type BatchProof } from './proving.ts';
import { refutationOf, type Refutation } from './refuting.ts';
import { httpRpc, unreachable, type RpcRequest } from './rpc.ts';
import type { BookStore } from './store.ts';
import { readBatches, readCore, type LedgerChain, type SyncProgress } from './sync.ts';

/** Where to read a chain: an RPC address, which the worker asks itself; without one, the provider that the page has lent. */
export interface ChainSource extends LedgerChain {
	rpc?: string | RpcRequest;
}

/** What the books say now, without the long lists. */
export interface LedgerSummary {
	block: number;
	batches: number;
	/** Settled so far that no root covers, and what posting it pays. Wei. */
	waiting: { first: number; last: number; reward: bigint };
	finalised: { id: number; last: number };
	/** Posted and not final, refuted ones left out, the newest last. */
	pending: Omit<Checkpoint, 'roots'>[];
	/** Of those, the ones whose window is over and that can be made final, by the clock that the call gave. */
	ripe: number[];
	/** A wrong root became final: claims cannot be proved any more. */
	betrayed?: number;
	/** What each checkpoint put at stake. Wei. */
	bonds: Map<number, bigint>;
	/** In force now; absent before the first settlement could be made. */
	rules?: RulesParams;
	owners: string[];
	models: ModelRecord[];
	datanets: DatanetRecord[];
}

/** What one reward key earned on one day by one model. */
export interface Earning {
	key: number;
	/** Days since the epoch, UTC. */
	day: number;
	model: number;
	wei: bigint;
	final: boolean;
}

export interface Claimable {
	key: number;
	/** Under the final root. Wei. */
	cumulative: bigint;
	claimed: bigint;
	/** Settled, not final yet. Wei. */
	pending: bigint;
	/** Of `cumulative`, earned by posting roots. Wei. */
	posted: bigint;
	proof: Hex;
}

/** What the ledger worker offers to pages. One call at a time does work on the books; the others wait. */
export class LedgerService {
	readonly #store: BookStore;
	readonly #keepers = new Map<string, Keeper>();
	readonly #tasks = new Tasks();
	readonly #mutex = new Mutex();
	/** By chain id. */
	readonly #lent = new Map<number, RpcRequest>();

	constructor(store: BookStore) {
		this.#store = store;
	}

	/** Takes a page's own connection to a chain, for one that only the page can read. Comlink carries functions only as arguments. */
	lend(chain: number, request: RpcRequest): void {
		this.#lent.set(chain, request);
	}

	/** Brings the books of a chain up to date and checks them against the core. */
	async sync(
		task: string,
		source: ChainSource,
		now: number,
		onProgress?: (progress: SyncProgress) => void
	): Promise<LedgerSummary> {
		return await this.#work(task, source, async (options, keeper) => {
			const book = await locked(keeper.key, () => keeper.sync({ ...options, onProgress }));
			return summarise(book, now);
		});
	}

	/** What keys earned, by day and model, the oldest first. */
	async earnings(source: ChainSource, keys: readonly number[]): Promise<Earning[]> {
		return await this.#mutex.run(async () => {
			const { keeper, book } = this.#open(source);
			const wanted = new Set(keys);
			const earnings: Earning[] = [];
			const see =
				(final: boolean) =>
				({ day, cells }: (typeof book.state.stretches)[number]) => {
					for (const { model, keys: found, wei } of cells)
						found.forEach((key, i) => {
							if (wanted.has(key)) earnings.push({ key, day, model, wei: wei[i] ?? 0n, final });
						});
				};
			await this.#store.eachStretch(keeper.key, see(true));
			book.unsaved.forEach(see(true));
			book.state.stretches.forEach(see(false));
			return mergeDays(earnings);
		});
	}

	/** What was paid for replies by a model, by whomever, by day, the oldest first. Wei. */
	async revenue(source: ChainSource, model: number): Promise<{ day: number; wei: bigint }[]> {
		return await this.#mutex.run(async () => {
			const { keeper } = this.#open(source);
			const days = new Map<number, bigint>();
			for (const { day, cells } of await this.#stretches(keeper))
				for (const cell of cells) {
					if (cell.model !== model) continue;
					// All that a batch paid went to some key.
					const paid = cell.wei.reduce((sum, wei) => sum + wei, 0n);
					days.set(day, (days.get(day) ?? 0n) + paid);
				}
			return [...days].map(([day, wei]) => ({ day, wei })).sort((a, b) => a.day - b.day);
		});
	}

	/** What keys can claim under the final root, with proofs. */
	async claims(source: ChainSource, keys: readonly number[]): Promise<Claimable[]> {
		return await this.#mutex.run(async () => {
			const { book } = this.#open(source);
			const { state } = book;
			const after = state.checkpoints.get(state.finalised)?.last ?? 0;
			const rest = book.rewardsBetween(after, state.batches, 0);
			return await book.withTreeAt(state.finalised, (tree) =>
				keys.map((key) => ({
					key,
					cumulative: tree.get(key),
					claimed: state.claimed.get(key) ?? 0n,
					pending: rest.get(key) ?? 0n,
					posted: state.posted.get(key) ?? 0n,
					proof: tree.proof(key)
				}))
			);
		});
	}

	/** The roots of all batches that wait; undefined where none does. Takes seconds for a thousand batches. */
	async posting(
		task: string,
		source: ChainSource,
		posterId: number,
		onProgress?: (done: number) => void
	): Promise<Posting | undefined> {
		return await this.#work(task, source, async (options, keeper) => {
			const book = known(keeper);
			const { breathe } = options;
			const batches = await readBatches(book, tip(book).last + 1, book.state.batches, options);
			return await preparePosting(book, batches, posterId, (done) => {
				onProgress?.(done);
				return breathe();
			});
		});
	}

	/** What refutes a wrong checkpoint. */
	async refutation(task: string, source: ChainSource, checkpoint: number, salt?: Hex): Promise<Refutation> {
		return await this.#work(task, source, async (options, keeper) => {
			const book = known(keeper);
			const wrong = book.state.checkpoints.get(checkpoint);
			if (wrong?.verdict !== 'wrong') throw new Error(`checkpoint ${checkpoint} is not known to be wrong`);
			const batches = await readBatches(book, wrong.first, wrong.last, options);
			const { request, chain } = options;
			const { settlement, splitter } = chain.addresses;
			const touched = async (batch: Batch, posterId: number, leaves: Hex) => {
				const data = encodeFunctionData({
					abi: splitterAbi,
					functionName: 'all',
					args: [batch, posterId, leaves]
				});
				const answer = await request({ method: 'eth_call', params: [{ to: splitter, data }, 'latest'] });
				return decodeFunctionResult({ abi: splitterAbi, functionName: 'all', data: answer as Hex })[0];
			};
			const replayed = async (id: number, index: number) => {
				const args = [BigInt(id), BigInt(index)];
				const [, cursor] = await readCore<readonly [Hex, bigint]>(
					request,
					settlement,
					'replays',
					args,
					'latest'
				);
				return Number(cursor);
			};
			return await refutationOf(book, wrong, batches, { touched, replayed }, salt);
		});
	}

	/** What proves a batch to the audit; undefined while no checkpoint holds it. */
	async proof(task: string, source: ChainSource, batch: number): Promise<BatchProof | undefined> {
		return await this.#work(task, source, async (options, keeper) => {
			const book = known(keeper);
			const checkpoint = [...book.state.checkpoints.values()].find(
				({ first, last }) => first <= batch && batch <= last
			);
			if (!checkpoint) return undefined;
			const { first, last } = checkpoint;
			const stretches = await this.#stretches(keeper, (each) => each.last >= first && each.first <= last);
			return await proveBatch(book, checkpoint, stretches, batch, options);
		});
	}

	/** One settled batch with what it earned whom; undefined where there is none of this number. */
	async payment(task: string, source: ChainSource, batch: number): Promise<Payment | undefined> {
		return await this.#work(task, source, async (options, keeper) => {
			const book = known(keeper);
			const stretches = await this.#stretches(keeper, ({ first, last }) => first <= batch && batch <= last);
			return await paymentOf(book, stretches, batch, options);
		});
	}

	/** The newest settled batches that paid a reward key, at most so many, and whether there are more. */
	async payments(
		task: string,
		source: ChainSource,
		key: number,
		most: number
	): Promise<{ payments: Payment[]; more: boolean }> {
		return await this.#work(task, source, async (options, keeper) => {
			const book = known(keeper);
			return await paymentsTo(book, await this.#stretches(keeper), key, most, options);
		});
	}

	cancel(task: string): void {
		this.#tasks.cancel(task);
	}

	/** Those that fit, in order, behind the final checkpoint and after it. */
	async #stretches(keeper: Keeper, fits: (stretch: Stretch) => boolean = () => true): Promise<Stretch[]> {
		const stretches: Stretch[] = [];
		const see = (stretch: Stretch) => void (fits(stretch) && stretches.push(stretch));
		await this.#store.eachStretch(keeper.key, see);
		const { unsaved, state } = known(keeper);
		unsaved.forEach(see);
		state.stretches.forEach(see);
		return stretches;
	}

	#keeper(source: ChainSource): Keeper {
		const fresh = new Keeper(this.#store, source);
		const keeper = this.#keepers.get(fresh.key) ?? fresh;
		this.#keepers.set(keeper.key, keeper);
		return keeper;
	}

	#open(source: ChainSource): { keeper: Keeper; book: Book } {
		const keeper = this.#keeper(source);
		return { keeper, book: known(keeper) };
	}

	#work<T>(
		task: string,
		source: ChainSource,
		work: (options: Options, keeper: Keeper) => Promise<T>
	): Promise<T> {
		const keeper = this.#keeper(source);
		return this.#tasks.run(task, (signal) =>
			this.#mutex.run(async () => {
				signal.throwIfAborted();
				const { rpc, ...chain } = source;
				const request = typeof rpc === 'string' ? httpRpc(rpc, signal) : (rpc ?? this.#lent.get(chain.id));
				if (!request) throw unreachable();
				return await work({ request, chain, signal, breathe: breather(signal) }, keeper);
			})
		);
	}
}

interface Options {
	request: RpcRequest;
	chain: LedgerChain;
	signal: AbortSignal;
	breathe: () => Promise<void> | undefined;
}

function known(keeper: Keeper): Book {
	if (keeper.book) return keeper.book;
	throw new OpenLedgerError('ledger/inconsistent', 'The books of this network have not been read yet.', {
		remedy: 'Wait until they are up to date.'
	});
}

/** One tab at a time brings stored books on; without Web Locks (Node) there is one only. */
function locked<T>(key: string, work: () => Promise<T>): Promise<T> {
	const locks = globalThis.navigator?.locks;
	return locks ? (locks.request(`openledger-books-${key}`, work) as Promise<T>) : work();
}

function summarise(book: Book, now: number): LedgerSummary {
	const { state } = book;
	const { finalised, block, batches, betrayed, owners, models, datanets } = state;
	const pending = [...state.checkpoints.values()]
		.filter(({ id, refuted }) => id > finalised && !refuted)
		.map(({ roots: _, ...checkpoint }) => checkpoint);
	const last = state.checkpoints.get(finalised)?.last ?? 0;
	return {
		block,
		batches,
		waiting: waiting(book),
		finalised: { id: finalised, last },
		pending,
		ripe: ripe(book, now).map(({ id }) => id),
		betrayed,
		bonds: new Map([...state.checkpoints].map(([id, { bond }]) => [id, bond])),
		rules: state.rules[(state.inForce.at(-1)?.version ?? 0) - 1]?.params,
		owners,
		models,
		datanets
	};
}

/** Stretches of one day come one after another: one line for a day, model and key. */
function mergeDays(earnings: readonly Earning[]): Earning[] {
	const merged = new Map<string, Earning>();
	for (const earning of earnings) {
		const place = `${earning.day} ${earning.model} ${earning.key} ${earning.final}`;
		const same = merged.get(place);
		if (same) same.wei += earning.wei;
		else merged.set(place, { ...earning });
	}
	return [...merged.values()].sort((a, b) => a.day - b.day || a.model - b.model || a.key - b.key);
}
