import { Dexie, type Table } from 'dexie';
import { emptyState, type BookState, type Stretch } from './book.ts';

interface BookRecord {
	key: string;
	/** Raised when `BookState` changes its meaning; a record of another format is made anew from the chain. */
	format: number;
	/** Changes with every save: another tab's is told from one's own. */
	stamp: string;
	state: BookState;
}

interface StretchRecord extends Stretch {
	book: string;
}

const FORMAT = 2;

/**
 * Books as far as they are safe from reorganisations, so that the next start goes on where the last one ended. Everything
 * here can be made again from the chain.
 */
export class BookStore extends Dexie {
	declare books: Table<BookRecord, string>;
	/** Behind the final checkpoint: who earned what on which day, for the pages. */
	declare stretches: Table<StretchRecord, [string, number]>;

	constructor(name = 'openledger-books') {
		super(name);
		this.version(1).stores({ books: 'key', stretches: '[book+first]' });
	}

	async load(key: string): Promise<{ state: BookState; stamp: string }> {
		const record = await this.books.get(key);
		if (record?.format !== FORMAT) return { state: emptyState(), stamp: '' };
		return { state: record.state, stamp: record.stamp };
	}

	/** Stamp of what is stored, '' for nothing. */
	async stamp(key: string): Promise<string> {
		return (await this.books.get(key))?.stamp ?? '';
	}

	/** Stores the books, and the stretches that became final since the last save. Returns the new stamp. */
	async save(key: string, state: BookState, finished: readonly Stretch[]): Promise<string> {
		const stamp = crypto.randomUUID();
		await this.transaction('rw', this.books, this.stretches, async () => {
			// Another tab may have cut the same batches elsewhere.
			for (const { first, last } of finished) await this.#between(key, first, last).delete();
			await this.stretches.bulkPut(finished.map((stretch) => ({ ...stretch, book: key })));
			await this.books.put({ key, format: FORMAT, stamp, state });
		});
		return stamp;
	}

	async forget(key: string): Promise<void> {
		await this.transaction('rw', this.books, this.stretches, async () => {
			await this.books.delete(key);
			await this.#between(key, Dexie.minKey, Dexie.maxKey).delete();
		});
	}

	/** Calls `see` with every final stretch of a book, in order. */
	async eachStretch(key: string, see: (stretch: Stretch) => void): Promise<void> {
		await this.#between(key, Dexie.minKey, Dexie.maxKey).each(see);
	}

	#between(key: string, first: unknown, last: unknown) {
		return this.stretches.where(':id').between([key, first], [key, last], true, true);
	}
}
