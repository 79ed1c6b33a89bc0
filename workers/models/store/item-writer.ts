import { OpenLedgerError } from '#workers/errors.ts';
import { blobPath, isWhole, namedBlobs, partLock, sizeOf } from './blobs.ts';
import { BlobWriter } from './blob-writer.ts';
import type { Folder } from './folder.ts';
import type { Item, ItemFile, PendingItem, WantedFile } from './item.ts';
import { labelOf, partKey } from './item.ts';
import { takeLock, type Release } from './lock.ts';
import type { StoreIndex } from './store-index.ts';

/** An item being filled. It is seen by readers only after `commit`; no other tab writes it meanwhile. */
export class ItemWriter {
	readonly id: string;
	readonly #folder: Folder;
	readonly #index: StoreIndex;
	readonly #pending: PendingItem;
	readonly #release: Release;
	readonly #have: Map<string, ItemFile>;
	readonly #open = new Map<BlobWriter, Release>();

	/** The caller holds the item's lock (`release`) and has logged `pending`; `have` was checked to be there. */
	constructor(folder: Folder, index: StoreIndex, pending: PendingItem, release: Release) {
		this.id = pending.id;
		this.#folder = folder;
		this.#index = index;
		this.#pending = pending;
		this.#release = release;
		this.#have = new Map(pending.have.map((file) => [file.path, file]));
	}

	/** Files that have arrived. */
	get arrived(): ItemFile[] {
		return [...this.#have.values()];
	}

	/** Files still to come. */
	get missing(): WantedFile[] {
		return this.#pending.wanted.filter(({ path }) => !this.#have.has(path));
	}

	/** Bytes of the files that have arrived. */
	get bytesDone(): number {
		return [...this.#have.values()].reduce((sum, { size }) => sum + size, 0);
	}

	/**
	 * Opens a missing file for writing, at the point where it was left. Waits while another item receives the same
	 * content; undefined when the store turns out to have it.
	 */
	async open(file: WantedFile, signal?: AbortSignal): Promise<BlobWriter | undefined> {
		const key = await partKey(this.id, file);
		const release = await takeLock(partLock(this.#folder, key), { signal });
		try {
			if (file.sha256 && (await this.#adopt(file, file.sha256))) {
				await release();
				return undefined;
			}
			const writer = await BlobWriter.open(this.#folder, key, file);
			this.#open.set(writer, release);
			return writer;
		} catch (error) {
			await release();
			throw error;
		}
	}

	/** Verifies a received file and gives it its place. Throws `hub/wrong-bytes`; the writer may then be filled anew. */
	async keep(file: WantedFile, writer: BlobWriter): Promise<void> {
		const received: ItemFile = { path: file.path, ...writer.finish() };
		const owned = await this.#isOwned(received.sha256);
		// Logged before it gets its name: no sweep may find it without an owner.
		await this.#log(received);
		// Another item may have the same file, and be reading it: what stands there stays.
		if (!(await isWhole(this.#folder, received, !owned)))
			await this.#folder.rename(`parts/${writer.key}`, blobPath(received.sha256));
		await writer.discard();
		this.#closed(writer);
	}

	/** Stops writing a file; what has arrived is kept for another time. */
	leave(writer: BlobWriter): void {
		writer.pause();
		this.#closed(writer);
	}

	/**
	 * Makes the item visible. All files have arrived.
	 * @param id its final name, where that was not known at the start; an item of that name stays as it is
	 */
	async commit(id: string = this.id): Promise<Item> {
		const files = this.#pending.wanted.map(({ path }) => {
			const file = this.#have.get(path);
			if (!file) throw new RangeError(`${path} has not arrived`);
			return file;
		});
		const now = Date.now();
		let item: Item = { ...labelOf(this.#pending), id, files, added: now, lastUsed: now };
		await this.#index.change(({ items }) => {
			const before = items.get(id);
			if (before) item = before;
			return [...(before ? [] : [{ put: item }]), ...(id === this.id ? [] : [{ drop: this.id }])];
		});
		await this.close();
		return item;
	}

	/** Gives the item's lock back; what has arrived is kept for another time. */
	async close(): Promise<void> {
		for (const writer of [...this.#open.keys()]) this.leave(writer);
		await this.#release();
	}

	#closed(writer: BlobWriter): void {
		void this.#open.get(writer)?.();
		this.#open.delete(writer);
	}

	async #log(file: ItemFile): Promise<void> {
		let known = false;
		await this.#index.change((state) => {
			known = state.pending.has(this.id);
			return known ? [{ have: { id: this.id, file } }] : [];
		});
		if (!known)
			throw new OpenLedgerError('aborted', 'The download was removed.', {
				remedy: 'Start it again if it is wanted.'
			});
		this.#have.set(file.path, file);
	}

	/** Does some item name this content? A file that none names may be older than a crash. */
	#isOwned(sha256: string): Promise<boolean> {
		return this.#index.read((state) => namedBlobs(state).has(sha256));
	}

	/** Takes over a file that the store already has. One that no item named may be older than a crash: it is read. */
	async #adopt(file: WantedFile, sha256: string): Promise<boolean> {
		const size = await sizeOf(this.#folder, blobPath(sha256));
		if (size === undefined || (file.size !== undefined && file.size !== size)) return false;
		const owned = await this.#isOwned(sha256);
		await this.#log({ path: file.path, size, sha256 });
		// Also because it may have gone between the look and the log.
		const whole = await isWhole(this.#folder, { path: file.path, size, sha256 }, !owned);
		if (!whole) this.#have.delete(file.path);
		return whole;
	}
}
