import { OpenLedgerError } from '#workers/errors.ts';
import { blobLock, blobPath } from './blobs.ts';
import type { Folder, ReadableFile } from './folder.ts';
import type { Item } from './item.ts';
import { takeLock, type Release } from './lock.ts';

/** The files of one stored item, held so that no tab deletes them. */
export class OpenItem {
	readonly item: Item;
	readonly #folder: Folder;
	readonly #releases: Release[];
	readonly #afterClose: () => Promise<void>;
	readonly #files = new Map<string, ReadableFile>();

	private constructor(folder: Folder, item: Item, releases: Release[], afterClose: () => Promise<void>) {
		this.#folder = folder;
		this.item = item;
		this.#releases = releases;
		this.#afterClose = afterClose;
	}

	/** `afterClose` runs when the files are free again. */
	static async open(folder: Folder, item: Item, afterClose: () => Promise<void>): Promise<OpenItem> {
		const names = new Set(item.files.map(({ sha256 }) => blobLock(folder, sha256)));
		const releases = await Promise.all([...names].map((name) => takeLock(name, { mode: 'shared' })));
		return new OpenItem(folder, item, releases, afterClose);
	}

	has(path: string): boolean {
		return this.item.files.some((file) => file.path === path);
	}

	/**
	 * One file as a source of bytes, valid until the item is closed.
	 * @throws OpenLedgerError `storage/damaged` when it is gone or of another length
	 */
	async file(path: string): Promise<ReadableFile> {
		const open = this.#files.get(path);
		if (open) return open;
		const stored = this.item.files.find((file) => file.path === path);
		const file = stored && (await this.#folder.openToRead(blobPath(stored.sha256)));
		if (!file || file.size !== stored.size) {
			file?.close();
			throw new OpenLedgerError(
				'storage/damaged',
				`The stored file ${path} of ${this.item.name} is missing or damaged.`,
				{
					remedy: 'Download it again: only the damaged files are fetched.',
					details: { path, id: this.item.id }
				}
			);
		}
		this.#files.set(path, file);
		return file;
	}

	/** All bytes of one file: for small ones. */
	async bytes(path: string): Promise<Uint8Array> {
		const file = await this.file(path);
		return file.read(0, file.size);
	}

	async close(): Promise<void> {
		if (this.#releases.length === 0) return;
		for (const file of this.#files.values()) file.close();
		this.#files.clear();
		await Promise.all(this.#releases.splice(0).map((release) => release()));
		await this.#afterClose();
	}
}
