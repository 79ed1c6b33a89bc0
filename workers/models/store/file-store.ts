import { OpenLedgerError } from '#workers/errors.ts';
import { isWhole, itemLock, removeBlobs, sweep } from './blobs.ts';
import { fullError, type Folder } from './folder.ts';
import { sha256Hex } from './hash.ts';
import {
	labelOf,
	type Item,
	type ItemFile,
	type ItemLabel,
	type PendingItem,
	type WantedFile
} from './item.ts';
import { ItemWriter } from './item-writer.ts';
import { takeLock } from './lock.ts';
import { OpenItem } from './open-item.ts';
import { reportOf, type StoreReport } from './report.ts';
import { StoreIndex } from './store-index.ts';

/**
 * Models and adapters on this device. Files lie in `blobs/SHA-256` and are shared between items; a file is there only
 * when it is complete and verified, an item only when all its files are. Any number of tabs may use it at once.
 */
export class FileStore {
	readonly folder: Folder;
	readonly #index: StoreIndex;

	private constructor(folder: Folder) {
		this.folder = folder;
		this.#index = new StoreIndex(folder);
	}

	/** Opens, and removes what crashes left behind. */
	static async open(folder: Folder): Promise<FileStore> {
		const store = new FileStore(folder);
		await sweep(folder, store.#index);
		return store;
	}

	async items(): Promise<Item[]> {
		return this.#index.read(({ items }) => [...items.values()]);
	}

	async item(id: string): Promise<Item | undefined> {
		return this.#index.read(({ items }) => items.get(id));
	}

	async pendingItems(): Promise<PendingItem[]> {
		return this.#index.read(({ pending }) => [...pending.values()]);
	}

	async pending(id: string): Promise<PendingItem | undefined> {
		return this.#index.read(({ pending }) => pending.get(id));
	}

	/**
	 * Begins to fill an item, or goes on where it was left; waits while another tab fills it. Undefined when the item
	 * is complete. Not `resumable`: what has arrived is dropped when this tab ends.
	 */
	async begin(
		label: ItemLabel,
		wanted: WantedFile[],
		{ resumable = true, signal }: { resumable?: boolean; signal?: AbortSignal } = {}
	): Promise<ItemWriter | undefined> {
		const release = await takeLock(itemLock(this.folder, label.id), { signal });
		try {
			if (await this.item(label.id)) {
				await release();
				return undefined;
			}
			const have: ItemFile[] = [];
			for (const file of (await this.pending(label.id))?.have ?? [])
				if (wanted.some((other) => agrees(other, file)) && (await isWhole(this.folder, file)))
					have.push(file);
			const pending: PendingItem = { ...label, wanted, have, started: Date.now(), resumable };
			await this.#index.change(() => [{ begin: pending }]);
			return new ItemWriter(this.folder, this.#index, pending, release);
		} catch (error) {
			await release();
			throw error;
		}
	}

	/** Stores small files at once. An item of that id that is there already stays as it is. Throws `storage/full`. */
	async put(label: ItemLabel, files: Map<string, Uint8Array>): Promise<Item> {
		const wanted: WantedFile[] = [];
		for (const [path, bytes] of files)
			wanted.push({ path, size: bytes.byteLength, sha256: await sha256Hex(bytes) });
		const writer = await this.begin(label, wanted, { resumable: false });
		if (!writer) return this.known(label.id);
		try {
			for (const file of writer.missing) {
				const blob = await writer.open(file);
				blob?.restart();
				blob?.write(files.get(file.path) ?? new Uint8Array());
				if (blob) await writer.keep(file, blob);
			}
			return await writer.commit();
		} catch (error) {
			await writer.close();
			await this.remove(label.id);
			throw error;
		}
	}

	/** Puts another note in the place of an item's. */
	async note(id: string, about: unknown): Promise<void> {
		await this.#index.change(({ items }) => {
			const item = items.get(id);
			return item ? [{ put: { ...item, about } }] : [];
		});
	}

	/**
	 * Opens an item's files; until it is closed they stay, even if the item is removed. Notes the time of use.
	 * @throws OpenLedgerError `storage/damaged` when there is no such item
	 */
	async openItem(id: string): Promise<OpenItem> {
		const item = this.#index.glimpse(id) ?? (await this.known(id));
		const open = await OpenItem.open(this.folder, item, () => this.#sweepAfter(id));
		try {
			// Before the files were held it may have been removed, or replaced by another tab.
			const { added, lastUsed } = await this.known(id);
			if (added !== item.added) {
				await open.close();
				return await this.openItem(id);
			}
			const now = Date.now();
			if (now - lastUsed > 60_000)
				await this.#index.change(() => [{ used: { id, at: now } }]).catch(unlessFull);
			return open;
		} catch (error) {
			await open.close();
			throw error;
		}
	}

	/** All bytes of one file of an item: for small ones. */
	async readFile(id: string, path: string): Promise<Uint8Array> {
		const open = await this.openItem(id);
		try {
			return await open.bytes(path);
		} finally {
			await open.close();
		}
	}

	/**
	 * Removes an item or an unfinished one. Files that another item needs stay; files in use go when they are closed.
	 * Returns the bytes freed now. Throws `engine/busy` while the item is being filled.
	 */
	async remove(id: string): Promise<number> {
		const release = await takeLock(itemLock(this.folder, id), { ifAvailable: true });
		if (!release)
			throw new OpenLedgerError('engine/busy', 'This is being downloaded.', {
				remedy: 'Stop the download first.'
			});
		try {
			const files = (await this.item(id))?.files ?? (await this.pending(id))?.have ?? [];
			const drop = () => this.#index.change(() => [{ drop: id }]);
			// A full disk may have no room for the note either: free first, note then.
			const noted = await drop().then(() => true, unlessFull);
			const freed = await removeBlobs(this.folder, this.#index, files, id);
			if (!noted) await drop();
			return freed + (await sweep(this.folder, this.#index));
		} finally {
			await release();
		}
	}

	/**
	 * Looks whether all files of an item are there (`deep`: reads and hashes them). Damaged ones are removed and the item
	 * becomes unfinished, so that fetching it again brings only those. Returns the damaged paths.
	 */
	async check(id: string, { deep = false } = {}): Promise<string[]> {
		const item = await this.known(id);
		const [have, damaged]: [ItemFile[], ItemFile[]] = [[], []];
		for (const file of item.files) ((await isWhole(this.folder, file, deep)) ? have : damaged).push(file);
		if (damaged.length === 0) return [];
		const pending: PendingItem = {
			...labelOf(item),
			wanted: item.files,
			have,
			started: Date.now(),
			resumable: true
		};
		await this.#index.change(() => [{ drop: id }, { begin: pending }]);
		await removeBlobs(this.folder, this.#index, damaged);
		return damaged.map(({ path }) => path);
	}

	/**
	 * Throws `storage/full` when `bytes` more cannot fit. Passing is no promise: Chromium always tells of 10 GiB
	 * to spare, and the disk's end is met in writing.
	 */
	async requireRoom(bytes: number, cause?: unknown): Promise<void> {
		const space = await this.folder.space();
		const missing = space ? space.used + bytes - space.quota : 0;
		if (missing > 0) throw fullError({ neededBytes: bytes, missingBytes: missing }, cause);
	}

	/** What lies here and how much room it takes. */
	async report(): Promise<StoreReport> {
		return reportOf(this.folder, this.#index);
	}

	/** Removes files that no item names, also those left in doubt by damage. Returns the bytes freed. */
	async cleanUp(): Promise<number> {
		await this.#index.change(({ doubt }) => (doubt ? [{ doubt: false }] : []));
		return sweep(this.folder, this.#index);
	}

	/** The item of that id. Throws `storage/damaged` when it is not stored. */
	async known(id: string): Promise<Item> {
		const item = await this.item(id);
		if (item) return item;
		throw new OpenLedgerError('storage/damaged', 'This is not stored on this device.', {
			remedy: 'Download or import it again.',
			details: { id }
		});
	}

	async #sweepAfter(id: string): Promise<void> {
		if (!(await this.item(id))) await sweep(this.folder, this.#index);
	}
}

function agrees(wanted: WantedFile, file: ItemFile): boolean {
	if (wanted.path !== file.path || (wanted.size !== undefined && wanted.size !== file.size)) return false;
	return wanted.sha256 === undefined || wanted.sha256 === file.sha256;
}

/** For notes that may be lost on a full disk. */
function unlessFull(error: unknown): false {
	if (error instanceof OpenLedgerError && error.code === 'storage/full') return false;
	throw error;
}
