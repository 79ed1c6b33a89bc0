import type { Folder } from './folder.ts';

/** All of a file; undefined when there is none. */
export async function readWhole(folder: Folder, path: string): Promise<Uint8Array<ArrayBuffer> | undefined> {
	const file = await folder.openToRead(path);
	try {
		return file?.read(0, file.size) as Uint8Array<ArrayBuffer> | undefined;
	} finally {
		file?.close();
	}
}

/** In place of what is there; on the disk when this resolves. A crash may leave it torn. @throws OpenLedgerError `storage/full`, `engine/busy` */
export async function writeWhole(folder: Folder, path: string, bytes: Uint8Array): Promise<void> {
	const file = await folder.openToWrite(path);
	try {
		file.truncate(0);
		file.write(0, bytes);
		file.flush();
	} finally {
		file.close();
	}
}

/** The same through a file beside it, `part`: under `path` it is whole whenever it is there. @throws as `writeWhole` */
export async function placeWhole(
	folder: Folder,
	part: string,
	path: string,
	bytes: Uint8Array
): Promise<void> {
	await writeWhole(folder, part, bytes);
	await folder.rename(part, path);
}
