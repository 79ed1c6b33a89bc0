import { check, equal, fails } from '#test/support/check.ts';
import { OpenLedgerError } from '#workers/errors.ts';
import type { Folder } from './folder.ts';

const bytes = (...values: number[]) => Uint8Array.from(values);

/** What every kind of folder must do; each scenario gets an empty one. */
export const folderScenarios: Record<string, (folder: Folder) => Promise<void>> = {
	'what is written and closed is read back': async (folder) => {
		const file = await folder.openToWrite('blobs/a');
		file.write(0, bytes(1, 2, 3, 4));
		file.write(2, bytes(9, 9, 9));
		file.flush();
		equal(file.size, 5);
		equal(file.read(1, 3), bytes(2, 9, 9));
		file.close();
		const again = await folder.openToRead('blobs/a');
		check(again !== undefined, 'the file is there');
		equal(again.size, 5);
		equal(again.read(0, 5), bytes(1, 2, 9, 9, 9));
		again.close();
	},
	'a read outside the file is refused': async (folder) => {
		const file = await folder.openToWrite('blobs/a');
		file.write(0, bytes(1, 2, 3));
		for (const [offset, length] of [
			[-1, 1],
			[0, 4],
			[4, 0],
			[0, -1],
			[NaN, 1]
		] as const) {
			let refused = false;
			try {
				file.read(offset, length);
			} catch (error) {
				refused = error instanceof RangeError;
			}
			check(refused, `read(${offset}, ${length}) throws a RangeError`);
		}
		equal(file.read(3, 0), bytes());
		file.close();
	},
	'truncating cuts the end and later writes grow the file with zeros between': async (folder) => {
		const file = await folder.openToWrite('parts/a');
		file.write(0, bytes(1, 2, 3, 4, 5));
		file.truncate(2);
		equal(file.size, 2);
		file.write(4, bytes(7));
		equal(file.read(0, 5), bytes(1, 2, 0, 0, 7));
		file.close();
	},
	'several readers read one file at once': async (folder) => {
		const file = await folder.openToWrite('blobs/a');
		file.write(0, bytes(1, 2, 3));
		file.close();
		const readers = [await folder.openToRead('blobs/a'), await folder.openToRead('blobs/a')];
		for (const reader of readers) equal(reader?.read(1, 2), bytes(2, 3));
		readers[0]?.close();
		equal(readers[1]?.read(0, 1), bytes(1));
		readers[1]?.close();
	},
	'a second writer is refused until the first closes': async (folder) => {
		const file = await folder.openToWrite('parts/a');
		await fails(() => folder.openToWrite('parts/a'), 'engine/busy');
		file.close();
		(await folder.openToWrite('parts/a')).close();
	},
	'a writer waits for a reader who is about to be done': async (folder) => {
		(await folder.openToWrite('parts/a')).close();
		const reader = await folder.openToRead('parts/a');
		const writing = folder.openToWrite('parts/a');
		setTimeout(() => reader?.close(), 100);
		const file = await writing;
		file.write(0, bytes(1));
		file.close();
	},
	'a renamed file is found under its new name only, also where one was before': async (folder) => {
		for (const [path, value] of [
			['parts/a', 1],
			['blobs/b', 2]
		] as const) {
			const file = await folder.openToWrite(path);
			file.write(0, bytes(value));
			file.close();
		}
		await folder.rename('parts/a', 'blobs/b');
		equal(await folder.openToRead('parts/a'), undefined);
		const file = await folder.openToRead('blobs/b');
		equal(file?.read(0, 1), bytes(1));
		file?.close();
	},
	'names lists the files of one directory, and a removed file is gone': async (folder) => {
		equal(await folder.names('blobs'), []);
		for (const path of ['blobs/a', 'blobs/b', 'parts/c']) (await folder.openToWrite(path)).close();
		equal((await folder.names('blobs')).sort(), ['a', 'b']);
		await folder.remove('blobs/a');
		await folder.remove('blobs/never-there');
		equal(await folder.names('blobs'), ['b']);
		equal(await folder.openToRead('blobs/a'), undefined);
	},
	'a path that could leave the folder is refused': async (folder) => {
		for (const path of ['a', '../a', 'blobs/../a', 'blobs/a/b', '/blobs/a', 'blobs/.', 'blobs/A b']) {
			let refused = false;
			try {
				await folder.openToWrite(path);
			} catch (error) {
				refused = error instanceof RangeError && !(error instanceof OpenLedgerError);
			}
			check(refused, `${path} is refused`);
		}
	},
	'eight megabytes come back unchanged': async (folder) => {
		const data = new Uint8Array(8 << 20).map((_, i) => (i * 31) ^ (i >>> 11));
		const file = await folder.openToWrite('blobs/large');
		for (let at = 0; at < data.length; at += 300_001) file.write(at, data.subarray(at, at + 300_001));
		file.close();
		const back = await folder.openToRead('blobs/large');
		const read = back?.read(0, data.length);
		check(
			read?.length === data.length && read.every((value, i) => value === data[i]),
			'the bytes are the same'
		);
		back?.close();
	}
};
