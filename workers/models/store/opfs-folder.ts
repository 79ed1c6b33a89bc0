import { OpenLedgerError } from '#workers/errors.ts';
import type { Folder, ReadableFile, WritableFile } from './folder.ts';
import { checkRange, fullError, splitPath, writerBusyError } from './folder.ts';

/** Milliseconds between the tries of whoever wants a file for himself, and when he gives up: about two and a half seconds in all. */
const FIRST_WAIT = 10;
const LAST_WAIT = 1_280;

/** What the DOM library lacks: the access mode (Chromium 121) and `move` (inside OPFS: every engine that has OPFS). */
type OpfsFile = FileSystemFileHandle & {
	createSyncAccessHandle?(options?: { mode: 'read-only' }): Promise<FileSystemSyncAccessHandle>;
	move?(directory: FileSystemDirectoryHandle, name: string): Promise<void>;
};

/** The origin private file system, in a dedicated worker (sync access handles exist nowhere else). */
export class OpfsFolder implements Folder {
	readonly name: string;
	readonly lasting = true;
	readonly #root: FileSystemDirectoryHandle;
	/** Asking for one goes to the browser's process and back; they are never removed while the app runs. */
	readonly #directories = new Map<string, FileSystemDirectoryHandle>();

	private constructor(name: string, root: FileSystemDirectoryHandle) {
		this.name = name;
		this.#root = root;
	}

	/** @throws OpenLedgerError `storage/unavailable` in private windows and outside dedicated workers. */
	static async open(name = 'openledger'): Promise<OpfsFolder> {
		try {
			if (!('createSyncAccessHandle' in FileSystemFileHandle.prototype))
				throw new Error('no sync access handles');
			const root = await navigator.storage.getDirectory();
			return new OpfsFolder(name, await root.getDirectoryHandle(name, { create: true }));
		} catch (error) {
			throw OpenLedgerError.from(
				error,
				'storage/unavailable',
				'This browser window offers no place to keep models.',
				'Use a normal (not private) window, or an up-to-date browser; models are kept in memory until then.'
			);
		}
	}

	async names(directory: string): Promise<string[]> {
		const handle = await this.#directory(directory, false);
		const names: string[] = [];
		if (handle) for await (const name of handle.keys()) names.push(name);
		return names;
	}

	async openToRead(path: string): Promise<ReadableFile | undefined> {
		const handle = await this.#file(path, false);
		if (!handle) return undefined;
		try {
			return new AccessFile(await handle.createSyncAccessHandle({ mode: 'read-only' }));
		} catch (error) {
			// Engines that ignore the mode open exclusively, so a second reader comes here.
			if (nameOf(error) !== 'NoModificationAllowedError') throw error;
			return snapshotFile(await handle.getFile());
		}
	}

	async openToWrite(path: string): Promise<WritableFile> {
		const handle = await this.#file(path, true);
		return patiently(path, async () => new AccessFile(await handle.createSyncAccessHandle()));
	}

	async rename(from: string, to: string): Promise<void> {
		const handle = await this.#file(from, false);
		if (!handle) throw new RangeError(`no file ${from}`);
		const target = splitPath(to);
		const directory = await this.#directory(target.directory, true);
		// Moving onto an existing file fails in some engines.
		await this.remove(to);
		await handle.move(directory, target.name);
	}

	async remove(path: string): Promise<void> {
		const { directory, name } = splitPath(path);
		try {
			const parent = await this.#directory(directory, false);
			await patiently(path, async () => parent?.removeEntry(name));
		} catch (error) {
			if (nameOf(error) !== 'NotFoundError') throw error;
		}
	}

	async space(): Promise<{ used: number; quota: number } | undefined> {
		const { usage, quota } = await navigator.storage.estimate();
		return usage === undefined || quota === undefined ? undefined : { used: usage, quota };
	}

	#directory(name: string, create: true): Promise<FileSystemDirectoryHandle>;
	#directory(name: string, create: boolean): Promise<FileSystemDirectoryHandle | undefined>;
	async #directory(name: string, create: boolean) {
		const known = this.#directories.get(name);
		if (known) return known;
		const directory = await orMissing(this.#root.getDirectoryHandle(name, { create }));
		if (directory) this.#directories.set(name, directory);
		return directory;
	}

	#file(path: string, create: true): Promise<Required<OpfsFile>>;
	#file(path: string, create: boolean): Promise<Required<OpfsFile> | undefined>;
	async #file(path: string, create: boolean) {
		const { directory, name } = splitPath(path);
		const handle = await this.#directory(directory, create);
		return handle && orMissing(handle.getFileHandle(name, { create }));
	}
}

class AccessFile implements WritableFile {
	readonly #handle: FileSystemSyncAccessHandle;
	size: number;

	constructor(handle: FileSystemSyncAccessHandle) {
		this.#handle = handle;
		this.size = handle.getSize();
	}

	read(offset: number, length: number): Uint8Array {
		checkRange(offset, length, this.size);
		const bytes = new Uint8Array(length);
		this.readInto(offset, bytes);
		return bytes;
	}

	readInto(offset: number, target: Uint8Array): void {
		checkRange(offset, target.length, this.size);
		for (let done = 0; done < target.length;) {
			const count = this.#handle.read(target.subarray(done) as Uint8Array<ArrayBuffer>, {
				at: offset + done
			});
			if (count === 0) throw new RangeError('the file became shorter while it was read');
			done += count;
		}
	}

	write(offset: number, bytes: Uint8Array): void {
		const end = offset + bytes.byteLength;
		try {
			for (let at = offset; at < end;) {
				const count = this.#handle.write(bytes.subarray(at - offset), { at });
				if (count === 0) throw fullError();
				at += count;
			}
		} catch (error) {
			throw storageError(error);
		}
		if (end <= this.size) return;
		// On a full disk Chromium (150, private window) claims to have written all; only the size tells.
		this.size = this.#handle.getSize();
		if (this.size < end) throw fullError();
	}

	truncate(size: number): void {
		if (size >= this.size) return;
		this.#handle.truncate(size);
		this.size = size;
	}

	flush(): void {
		try {
			this.#handle.flush();
		} catch (error) {
			throw storageError(error);
		}
	}

	close(): void {
		this.#handle.close();
	}
}

/** A file read through its `Blob`: slower than a handle, but many may read it at once. Works for files a person picks. */
export function snapshotFile(file: Blob): ReadableFile {
	const reader = new FileReaderSync();
	return {
		size: file.size,
		read(offset, length) {
			checkRange(offset, length, file.size);
			return new Uint8Array(reader.readAsArrayBuffer(file.slice(offset, offset + length)));
		},
		close: () => undefined
	};
}

function nameOf(error: unknown): string {
	return error instanceof Error || error instanceof DOMException ? error.name : '';
}

/**
 * A file can be changed only while nobody reads it, and readers come from other workers too: the list of runs is read while one of
 * them writes its log. They hold it for as long as they read; another writer, or a reader who stays, is `engine/busy`.
 */
async function patiently<T>(path: string, work: () => Promise<T>): Promise<T> {
	for (let wait = FIRST_WAIT; ; wait *= 2) {
		try {
			return await work();
		} catch (error) {
			if (nameOf(error) !== 'NoModificationAllowedError') throw storageError(error);
			if (wait > LAST_WAIT) throw writerBusyError(path, error);
			await new Promise((go) => setTimeout(go, wait));
		}
	}
}

function storageError(error: unknown): unknown {
	return nameOf(error) === 'QuotaExceededError' ? fullError({}, error) : error;
}

async function orMissing<T>(handle: Promise<T>): Promise<T | undefined> {
	try {
		return await handle;
	} catch (error) {
		if (nameOf(error) === 'NotFoundError') return undefined;
		throw storageError(error);
	}
}
