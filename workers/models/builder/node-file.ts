import * as fs from 'node:fs';
import type { ByteSource } from '#workers/bytes.ts';

/** A file on disk, for Node; undefined where there is none. Open until the process ends. */
export function openNodeFile(path: string): ByteSource | undefined {
	if (!fs.existsSync(path)) return undefined;
	const descriptor = fs.openSync(path, 'r');
	return {
		get size() {
			return fs.fstatSync(descriptor).size;
		},
		read(offset, length) {
			const bytes = new Uint8Array(length);
			for (let done = 0; done < length;) {
				const count = fs.readSync(descriptor, bytes, done, length - done, offset + done);
				if (count === 0)
					throw new RangeError(`read of ${length} bytes at ${offset} beyond the end of ${path}`);
				done += count;
			}
			return bytes;
		}
	};
}
