import * as fs from 'node:fs';
import { mkdir, readdir, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Folder, ReadableFile, WritableFile } from './folder.ts';
import { checkRange, fullError, splitPath, writerBusyError } from './folder.ts';

/** A folder on disk, for benches and scripts in Node. One process at a time. */
export class NodeFolder implements Folder {
	readonly name: string;
	readonly lasting = true;
	readonly #writing = new Set<string>();

	constructor(path: string) {
		this.name = path;
	}

	async names(directory: string): Promise<string[]> {
		return readdir(join(this.name, directory)).catch(() => []);
	}

	async openToRead(path: string): Promise<ReadableFile | undefined> {
		const full = this.#path(path);
		return fs.existsSync(full) ? file(fs.openSync(full, 'r')) : undefined;
	}

	async openToWrite(path: string): Promise<WritableFile> {
		const full = this.#path(path);
		if (this.#writing.has(path)) throw writerBusyError(path);
		this.#writing.add(path);
		await mkdir(dirname(full), { recursive: true });
		return file(fs.openSync(full, fs.existsSync(full) ? 'r+' : 'w+'), () => this.#writing.delete(path));
	}

	async rename(from: string, to: string): Promise<void> {
		await mkdir(dirname(this.#path(to)), { recursive: true });
		await rename(this.#path(from), this.#path(to));
	}

	async remove(path: string): Promise<void> {
		if (this.#writing.has(path)) throw writerBusyError(path);
		await rm(this.#path(path), { force: true });
	}

	async space(): Promise<undefined> {
		return undefined;
	}

	#path(path: string): string {
		const { directory, name } = splitPath(path);
		return join(this.name, directory, name);
	}
}

function file(descriptor: number, onClose?: () => void): WritableFile {
	let open = true;
	let size = fs.fstatSync(descriptor).size;
	return {
		get size() {
			return size;
		},
		read(offset, length) {
			checkRange(offset, length, size);
			const bytes = new Uint8Array(length);
			this.readInto?.(offset, bytes);
			return bytes;
		},
		readInto(offset, target) {
			checkRange(offset, target.length, size);
			for (let done = 0; done < target.length;) {
				const count = fs.readSync(descriptor, target, done, target.length - done, offset + done);
				if (count === 0) throw new RangeError('the file became shorter while it was read');
				done += count;
			}
		},
		write(offset, bytes) {
			try {
				for (let done = 0; done < bytes.byteLength;)
					done += fs.writeSync(descriptor, bytes, done, bytes.byteLength - done, offset + done);
			} catch (error) {
				if ((error as NodeJS.ErrnoException).code === 'ENOSPC') throw fullError({}, error);
				throw error;
			}
			size = Math.max(size, offset + bytes.byteLength);
		},
		truncate(length) {
			if (length < size) fs.ftruncateSync(descriptor, (size = length));
		},
		flush: () => fs.fsyncSync(descriptor),
		close() {
			if (!open) return;
			open = false;
			fs.closeSync(descriptor);
			onClose?.();
		}
	};
}
