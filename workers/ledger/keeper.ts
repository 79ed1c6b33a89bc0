import { Book, inconsistent } from './book.ts';
import { isInconsistent } from './logs.ts';
import { readBlock, type RpcRequest } from './rpc.ts';
import { loadKeccak } from './running-hash.ts';
import type { BookStore } from './store.ts';
import { advance, agrees, readHeads, type LedgerChain, type SyncProgress } from './sync.ts';

export interface SyncOptions {
	request: RpcRequest;
	chain: LedgerChain;
	signal: AbortSignal;
	onProgress?: (progress: SyncProgress) => void;
	breathe?: () => Promise<void> | undefined;
}

/** Times that books which do not agree with the core are brought on, or made anew, before that is reported. */
const TRIES = 3;

/**
 * Keeps the books of one chain up to date and stored: what is deep enough goes to the store, the newest blocks only to
 * memory, so that a reorganisation costs no more than reading those again.
 */
export class Keeper {
	readonly #store: BookStore;
	readonly key: string;
	#book?: Book;
	/** Stamp of the stored state that the book in memory goes on from. */
	#stamp = '';

	constructor(store: BookStore, chain: LedgerChain) {
		this.#store = store;
		this.key = `${chain.id}:${chain.addresses.settlement.toLowerCase()}`;
	}

	/** The books as they were last brought up to date. */
	get book(): Book | undefined {
		return this.#book;
	}

	/**
	 * Brings the books to the chain's head and checks them against the core. One call at a time.
	 * @throws OpenLedgerError `ledger/unreachable`, `ledger/malformed`, `ledger/inconsistent`; the signal's reason
	 */
	async sync(options: SyncOptions): Promise<Book> {
		for (let attempt = 1; ; attempt++) {
			try {
				return await this.#sync(options);
			} catch (error) {
				// A half-read page leaves the book in memory behind: the stored one is whole.
				this.#book = undefined;
				if (!isInconsistent(error) || attempt === TRIES) throw error;
				if (attempt > 1) await this.#store.forget(this.key);
			}
		}
	}

	async #sync(options: SyncOptions): Promise<Book> {
		const { request } = options;
		let book = await this.#current();
		if (book.state.block >= 0) {
			const block = await readBlock(request, book.state.block);
			if (block?.hash !== book.state.blockHash) book = await this.#goBack(request);
		}
		const { head, safe } = await readHeads(options);
		// A node that lags behind, and knows the block that was read last: nothing new.
		if (book.state.block > head.number) return book;
		const store = async () => {
			this.#stamp = await this.#store.save(this.key, book.state, book.takeFinished());
		};
		// The newest blocks of the last time may have become safe by now.
		if (book.state.block < safe.number) {
			await advance(book, safe, options);
			if (safe.number < head.number) await store();
		}
		if (book.state.block < head.number) await advance(book, head, options);
		if (!(await agrees(book, options))) throw inconsistent('the sum of all settlements is another one');
		if (safe.number === head.number) await store();
		await book.verify();
		this.#book = book;
		return book;
	}

	/** The book in memory, or the stored one where another tab has gone on from there. */
	async #current(): Promise<Book> {
		if (this.#book && (await this.#store.stamp(this.key)) === this.#stamp) return this.#book;
		return await this.#load();
	}

	async #load(): Promise<Book> {
		const { state, stamp } = await this.#store.load(this.key);
		this.#stamp = stamp;
		return new Book(state, await loadKeccak());
	}

	/** The chain has other blocks now than those in memory: the stored books, if they are still true, else none. */
	async #goBack(request: RpcRequest): Promise<Book> {
		const book = await this.#load();
		if (book.state.block < 0) return book;
		const block = await readBlock(request, book.state.block);
		if (block?.hash === book.state.blockHash) return book;
		await this.#store.forget(this.key);
		return await this.#load();
	}
}
