import type { Folder, ReadableFile, WritableFile } from '#workers/models/store/folder.ts';
import { MemoryFolder } from '#workers/models/store/memory-folder.ts';

/** Power fails: nothing works any more, and what was not flushed is lost, at random in part or in whole. */
export class Crash extends Error {}

/**
 * A folder in memory whose machine crashes at its `crashAt`th change. Renaming and removing last at once; of what was
 * written after a file's last flush, a random number of bytes survives.
 */
export class CrashFolder implements Folder {
	readonly lasting = true;
	readonly name: string;
	readonly #live: MemoryFolder;
	/** Content of each file at its last flush. */
	readonly #durable = new Map<string, Uint8Array>();
	readonly #crashAt: number;
	changes = 0;

	constructor(crashAt = Infinity, live = new MemoryFolder()) {
		this.#live = live;
		this.name = live.name;
		this.#crashAt = crashAt;
	}

	get crashed(): boolean {
		return this.changes >= this.#crashAt;
	}

	/** The folder as it is found after the restart. */
	async restart(random: () => number): Promise<MemoryFolder> {
		const after = new MemoryFolder();
		for (const directory of ['index', 'blobs', 'parts', 'runs'])
			for (const name of await this.#live.names(directory)) {
				const path = `${directory}/${name}`;
				const bytes = survivors(
					this.#durable.get(path) ?? new Uint8Array(),
					await contentOf(this.#live, path),
					random
				);
				const file = await after.openToWrite(path);
				file.write(0, bytes);
				file.close();
			}
		return after;
	}

	async names(directory: string): Promise<string[]> {
		this.#alive();
		return this.#live.names(directory);
	}

	async openToRead(path: string): Promise<ReadableFile | undefined> {
		this.#alive();
		return this.#live.openToRead(path);
	}

	async openToWrite(path: string): Promise<WritableFile> {
		this.#alive();
		const file = await this.#live.openToWrite(path);
		return {
			get size() {
				return file.size;
			},
			read: (offset, length) => file.read(offset, length),
			write: (offset, bytes) => {
				this.#change();
				file.write(offset, bytes);
			},
			truncate: (size) => {
				this.#change();
				file.truncate(size);
			},
			flush: () => {
				this.#change();
				this.#durable.set(path, file.read(0, file.size));
			},
			close: () => file.close()
		};
	}

	async rename(from: string, to: string): Promise<void> {
		this.#change();
		await this.#live.rename(from, to);
		this.#durable.set(to, this.#durable.get(from) ?? new Uint8Array());
		this.#durable.delete(from);
	}

	async remove(path: string): Promise<void> {
		this.#change();
		await this.#live.remove(path);
		this.#durable.delete(path);
	}

	async space(): Promise<undefined> {
		return undefined;
	}

	#alive(): void {
		if (this.crashed) throw new Crash('the machine is off');
	}

	#change(): void {
		this.#alive();
		this.changes++;
		this.#alive();
	}
}

/** What was flushed, what was written since, or the one torn into the other. */
function survivors(durable: Uint8Array, live: Uint8Array, random: () => number): Uint8Array {
	const kind = Math.floor(random() * 3);
	if (kind < 2) return kind === 0 ? durable : live;
	const cut = Math.floor(random() * (live.length + 1));
	return new Uint8Array([...live.subarray(0, cut), ...durable.subarray(cut)]);
}

async function contentOf(folder: Folder, path: string): Promise<Uint8Array> {
	const file = await folder.openToRead(path);
	const bytes = file?.read(0, file.size) ?? new Uint8Array();
	file?.close();
	return bytes;
}
