import type { Folder, WritableFile } from './folder.ts';
import type { Item, ItemFile, PendingItem } from './item.ts';
import { takeLock } from './lock.ts';
import { decodeRecords, encodeRecords } from './record-log.ts';

/** One change of the index. `sealed` ends what a compaction wrote; `doubt` says that records have been lost. */
export type IndexEntry =
	| { put: Item }
	| { begin: PendingItem }
	| { have: { id: string; file: ItemFile } }
	| { used: { id: string; at: number } }
	| { drop: string }
	| { doubt: boolean }
	| { sealed: true };

export interface IndexState {
	items: Map<string, Item>;
	pending: Map<string, PendingItem>;
	/** Records were lost, so a file that nobody names may still belong to somebody: do not delete it unasked. */
	doubt: boolean;
}

/**
 * What is stored, as a log of changes in `index/N`: an append is one write and one flush, a torn one is left out at the
 * next start. When the log has grown, N + 1 is written in one go and ends in `sealed`; until then N counts.
 * Every tab keeps the state and reads only what others appended.
 */
export class StoreIndex {
	readonly #folder: Folder;
	#state = emptyState();
	#generation = 0;
	/** Bytes and lines of this generation that the state holds. */
	#end = 0;
	#lines = 0;

	constructor(folder: Folder) {
		this.#folder = folder;
	}

	/** An item as this tab last saw it, without a look at the disk. */
	glimpse(id: string): Item | undefined {
		return this.#state.items.get(id);
	}

	/** Runs `work` on the newest state while no other tab changes it. The state must not be kept or changed. */
	async read<T>(work: (state: IndexState) => T | Promise<T>): Promise<T> {
		return this.#locked(async () => {
			await this.#catchUp();
			return work(this.#state);
		});
	}

	/** As `read`; the entries that `work` returns are on the disk when this resolves. */
	async change(work: (state: IndexState) => IndexEntry[]): Promise<void> {
		await this.#locked(async () => {
			await this.#catchUp();
			const entries = work(this.#state);
			if (entries.length === 0) return;
			if (this.#generation === 0) return this.#rewrite(entries);
			await this.#append(entries);
			const live = this.#state.items.size + this.#state.pending.size;
			if (this.#lines > 2 * live + 200) await this.#rewrite([]);
		});
	}

	async #locked<T>(work: () => Promise<T>): Promise<T> {
		const release = await takeLock(`${this.#folder.name}/index`);
		try {
			return await work();
		} finally {
			release();
		}
	}

	async #catchUp(): Promise<void> {
		const generations = await this.#generations();
		const newest = generations[0];
		if (newest !== undefined && newest === this.#generation) {
			const { bytes, size } = await this.#bytes(newest, this.#end);
			if (size >= this.#end) return this.#take(bytes);
		}
		this.#state = emptyState();
		this.#generation = this.#end = this.#lines = 0;
		for (const generation of generations) {
			const { bytes } = await this.#bytes(generation, 0);
			if (!decodeRecords(bytes).records.some((record) => 'sealed' in (record as object))) continue;
			this.#generation = generation;
			return this.#take(bytes);
		}
		// No generation is sealed: a crash before the very first change was done, or damage. Then keep what can be read.
		const rest = await Promise.all(generations.map((generation) => this.#bytes(generation, 0)));
		if (!rest.some(({ bytes }) => decodeRecords(bytes).damaged > 0)) return;
		this.#state.doubt = true;
		for (const { bytes } of rest.reverse()) this.#take(bytes);
	}

	/** Applies bytes of the log that follow the ones already taken. */
	#take(bytes: Uint8Array): void {
		const { records, damaged, end } = decodeRecords(bytes);
		for (const record of records) apply(this.#state, record as IndexEntry);
		if (damaged > 0) this.#state.doubt = true;
		this.#end += end;
		this.#lines += records.length + damaged;
	}

	async #append(entries: IndexEntry[]): Promise<void> {
		const file = await this.#folder.openToWrite(pathOf(this.#generation));
		try {
			this.#write(file, entries);
		} catch (error) {
			// On a full disk some of the entries may have been written: they do not count.
			file.truncate(this.#end);
			throw error;
		} finally {
			file.close();
		}
	}

	/** Starts the next generation with the state as it is, then `entries`. */
	async #rewrite(entries: IndexEntry[]): Promise<void> {
		const older = await this.#generations();
		const generation = Math.max(0, ...older) + 1;
		const { items, pending, doubt } = this.#state;
		const file = await this.#folder.openToWrite(pathOf(generation));
		try {
			file.truncate(0);
			this.#end = this.#lines = 0;
			this.#state = emptyState();
			this.#write(file, [
				...(doubt ? [{ doubt }] : []),
				...[...items.values()].map((put) => ({ put })),
				...[...pending.values()].map((begin) => ({ begin })),
				...entries,
				{ sealed: true }
			]);
			this.#generation = generation;
		} catch (error) {
			// The older generation still counts: read it again.
			this.#generation = 0;
			throw error;
		} finally {
			file.close();
		}
		for (const old of older) await this.#folder.remove(pathOf(old));
	}

	#write(file: WritableFile, entries: IndexEntry[]): void {
		const bytes = encodeRecords(entries);
		file.write(this.#end, bytes);
		file.flush();
		this.#take(bytes);
	}

	async #bytes(generation: number, from: number): Promise<{ bytes: Uint8Array; size: number }> {
		const file = await this.#folder.openToRead(pathOf(generation));
		if (!file) return { bytes: new Uint8Array(), size: 0 };
		try {
			return {
				bytes: file.size > from ? file.read(from, file.size - from) : new Uint8Array(),
				size: file.size
			};
		} finally {
			file.close();
		}
	}

	/** Newest first. */
	async #generations(): Promise<number[]> {
		const names = await this.#folder.names('index');
		return names
			.map(Number)
			.filter(Number.isSafeInteger)
			.sort((a, b) => b - a);
	}
}

function apply(state: IndexState, entry: IndexEntry): void {
	if ('put' in entry) {
		state.items.set(entry.put.id, entry.put);
		state.pending.delete(entry.put.id);
	} else if ('begin' in entry) state.pending.set(entry.begin.id, entry.begin);
	else if ('have' in entry) {
		const pending = state.pending.get(entry.have.id);
		if (pending) {
			const have = pending.have.filter(({ path }) => path !== entry.have.file.path);
			state.pending.set(pending.id, { ...pending, have: [...have, entry.have.file] });
		}
	} else if ('used' in entry) {
		const item = state.items.get(entry.used.id);
		if (item) state.items.set(item.id, { ...item, lastUsed: entry.used.at });
	} else if ('drop' in entry) {
		state.items.delete(entry.drop);
		state.pending.delete(entry.drop);
	} else if ('doubt' in entry) state.doubt = entry.doubt;
}

function emptyState(): IndexState {
	return { items: new Map(), pending: new Map(), doubt: false };
}

function pathOf(generation: number): string {
	return `index/${generation}`;
}
