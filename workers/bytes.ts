/**
 * Random, synchronous access to bytes that need not be in memory: a file in OPFS (`FileSystemSyncAccessHandle`),
 * a file in Node, or a plain array. Parsers read headers through it and leave weights where they are.
 */
export interface ByteSource {
	/** Length in bytes. */
	readonly size: number;
	/** Bytes `[offset, offset + length)`. The result may be a view: do not write to it. Throws a RangeError outside. */
	read(offset: number, length: number): Uint8Array;
	/** The same, into memory that the caller has; call the function `readInto`, which does without where this is missing. */
	readInto?(offset: number, target: Uint8Array): void;
}

/** Fills `target` with the bytes from `offset` on. Throws a RangeError where the source ends before. */
export function readInto(source: ByteSource, offset: number, target: Uint8Array): void {
	if (source.readInto) source.readInto(offset, target);
	else target.set(source.read(offset, target.length));
}

/** A source over bytes in memory; `read` returns views. */
export function memorySource(bytes: Uint8Array): ByteSource {
	return {
		size: bytes.byteLength,
		read(offset, length) {
			if (offset < 0 || length < 0 || offset + length > bytes.byteLength)
				throw new RangeError(`read of ${length} bytes at ${offset} in ${bytes.byteLength} bytes`);
			return bytes.subarray(offset, offset + length);
		}
	};
}

/**
 * A source that reads `window` bytes at a time and answers from them: for many small reads in the file's order, each of which
 * would cost a call to the browser's file system. Longer reads go through. `read` returns views.
 */
export function readAhead(source: ByteSource, window = 4 * 2 ** 20): ByteSource {
	let start = 0;
	let held: Uint8Array = new Uint8Array(0);
	return {
		size: source.size,
		read(offset, length) {
			if (offset < start || offset + length > start + held.length) {
				if (length > window || offset < 0 || offset >= source.size) return source.read(offset, length);
				[start, held] = [offset, source.read(offset, Math.min(window, source.size - offset))];
				if (length > held.length) return source.read(offset, length);
			}
			return held.subarray(offset - start, offset - start + length);
		}
	};
}
