import type { ByteSource } from '#workers/bytes.ts';
import { OpenLedgerError } from '#workers/errors.ts';

export interface ReadableFile extends ByteSource {
	/** Reading after this throws. Closing twice is harmless. */
	close(): void;
}

export interface WritableFile extends ReadableFile {
	/** Writes all of `bytes` at `offset`, growing the file. Throws `storage/full`. */
	write(offset: number, bytes: Uint8Array): void;
	/** Cuts the file to `size` bytes. */
	truncate(size: number): void;
	/** Returns when everything written before is on the disk. */
	flush(): void;
}

/**
 * Where files rest: the origin private file system, a folder in Node, or memory. Paths are `directory/name`, one
 * level deep; directories come into being with their first file. Only what was flushed survives a crash.
 */
export interface Folder {
	/** Unique on this device; names of locks and channels begin with it. */
	readonly name: string;
	/** False where everything is gone with the worker (private windows without storage). */
	readonly lasting: boolean;
	/** Names of the files in a directory; empty when there is none. */
	names(directory: string): Promise<string[]>;
	/** Undefined when there is no such file. Several readers may have a file open. */
	openToRead(path: string): Promise<ReadableFile | undefined>;
	/** Makes the file when missing. One writer at a time: a second throws `engine/busy`. */
	openToWrite(path: string): Promise<WritableFile>;
	/** Moves a closed file, replacing what is there. */
	rename(from: string, to: string): Promise<void>;
	/** Removes a closed file; a missing one is no error. */
	remove(path: string): Promise<void>;
	/** Bytes in use and bytes allowed for the origin; undefined where nobody says. */
	space(): Promise<{ used: number; quota: number } | undefined>;
}

export function checkRange(offset: number, length: number, size: number): void {
	if (!(offset >= 0 && length >= 0 && offset + length <= size))
		throw new RangeError(`read of ${length} bytes at ${offset} in ${size} bytes`);
}

/** Splits `directory/name` and refuses anything else: names come from hashes and counters, never from outside. */
export function splitPath(path: string): { directory: string; name: string } {
	const match = /^([a-z]+)\/([a-z0-9][a-z0-9._-]*)$/.exec(path);
	if (!match?.[1] || !match[2]) throw new RangeError(`not a stored path: ${path}`);
	return { directory: match[1], name: match[2] };
}

/**
 * `storage/full`. `neededBytes`: what the work at hand still has to store; `missingBytes`: how many of them have no
 * room, which a browser often does not tell.
 */
export function fullError(details: { neededBytes?: number; missingBytes?: number } = {}, cause?: unknown) {
	return new OpenLedgerError('storage/full', 'This device has no room left for the file.', {
		remedy:
			'Delete models that are no longer needed, or free disk space, then continue. What has arrived is kept.',
		details,
		cause
	});
}

export function writerBusyError(path: string, cause?: unknown): OpenLedgerError {
	return new OpenLedgerError('engine/busy', 'The file is being written by another tab.', {
		remedy: 'Wait until the other tab has finished, or close it.',
		details: { path },
		cause
	});
}
