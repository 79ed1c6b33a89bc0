import type { Folder, ReadableFile, WritableFile } from './folder.ts';
import { checkRange, fullError, splitPath, writerBusyError } from './folder.ts';

class MemoryFile {
	bytes = new Uint8Array(0);
	size = 0;
	writing = false;
}

let count = 0;

/** Files in memory: for tests, and for browsers that give no storage. `quota` is in bytes. */
export class MemoryFolder implements Folder {
	readonly name: string;
	readonly lasting = false;
	quota: number;
	readonly #files = new Map<string, MemoryFile>();

	constructor({ name = `memory-${++count}`, quota = Infinity } = {}) {
		this.name = name;
		this.quota = quota;
	}

	get used(): number {
		return [...this.#files.values()].reduce((sum, file) => sum + file.size, 0);
	}

	async names(directory: string): Promise<string[]> {
		return [...this.#files.keys()]
			.map(splitPath)
			.filter((path) => path.directory === directory)
			.map((path) => path.name);
	}

	async openToRead(path: string): Promise<ReadableFile | undefined> {
		const file = this.#files.get(path);
		return file && reader(file);
	}

	async openToWrite(path: string): Promise<WritableFile> {
		splitPath(path);
		const file = this.#files.get(path) ?? new MemoryFile();
		if (file.writing) throw writerBusyError(path);
		file.writing = true;
		this.#files.set(path, file);
		return Object.assign(reader(file, true), {
			write: (offset: number, bytes: Uint8Array) => {
				const end = offset + bytes.byteLength;
				if (this.used + Math.max(0, end - file.size) > this.quota) throw fullError();
				if (end > file.bytes.byteLength) {
					const grown = new Uint8Array(Math.max(end, Math.min(2 * file.bytes.byteLength, end + 2 ** 26)));
					grown.set(file.bytes.subarray(0, file.size));
					file.bytes = grown;
				}
				file.bytes.set(bytes, offset);
				file.size = Math.max(file.size, end);
			},
			truncate: (size: number) => {
				file.bytes.fill(0, size, file.size);
				file.size = Math.min(file.size, size);
			},
			flush: () => undefined
		});
	}

	async rename(from: string, to: string): Promise<void> {
		splitPath(to);
		const file = this.#files.get(from);
		if (!file) throw new RangeError(`no file ${from}`);
		if (file.writing) throw writerBusyError(from);
		this.#files.set(to, file);
		this.#files.delete(from);
	}

	async remove(path: string): Promise<void> {
		if (this.#files.get(path)?.writing) throw writerBusyError(path);
		this.#files.delete(path);
	}

	async space(): Promise<{ used: number; quota: number } | undefined> {
		return this.quota === Infinity ? undefined : { used: this.used, quota: this.quota };
	}
}

function reader(file: MemoryFile, writing = false): ReadableFile {
	let open = true;
	return {
		get size() {
			return file.size;
		},
		read(offset, length) {
			if (!open) throw new RangeError('the file is closed');
			checkRange(offset, length, file.size);
			return file.bytes.slice(offset, offset + length);
		},
		close() {
			if (open && writing) file.writing = false;
			open = false;
		}
	};
}
