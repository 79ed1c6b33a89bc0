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
			this.readInto?.(offset, bytes);
			return bytes;
		},
		readInto(offset, target) {
			for (let done = 0; done < target.length;) {
				const count = fs.readSync(descriptor, target, done, target.length - done, offset + done);
				if (count === 0)
					throw new RangeError(`read of ${target.length} bytes at ${offset} beyond the end of ${path}`);
				done += count;
			}
		}
	};
}
