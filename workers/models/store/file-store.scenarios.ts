import { check, equal, fails } from '#test/support/check.ts';
import { FileStore } from './file-store.ts';
import type { Folder } from './folder.ts';
import { sha256Hex } from './hash.ts';
import type { ItemLabel } from './item.ts';
import { decodeRecords, encodeRecords } from './record-log.ts';

const bytes = (length: number, seed = 1) =>
	new Uint8Array(length).map((_, i) => (i * 31 + seed * 77) ^ (i >>> 7));
const label = (id: string): ItemLabel => ({ id, kind: 'adapter', name: id, source: 'test' });
const count = async (folder: Folder, directory: string) => (await folder.names(directory)).length;

async function wantedOf(path: string, data: Uint8Array) {
	return { path, size: data.length, sha256: await sha256Hex(data) };
}

/** What the store must do on every kind of folder; each scenario gets an empty one. */
export const storeScenarios: Record<string, (folder: Folder) => Promise<void>> = {
	'a stored item is found again, with its files, by a store opened later': async (folder) => {
		const store = await FileStore.open(folder);
		const files = new Map([
			['config.json', bytes(10)],
			['weights', bytes(70_000)]
		]);
		const item = await store.put({ ...label('a'), about: { rank: 8 } }, files);
		equal(
			item.files.map(({ path, size }) => [path, size]),
			[
				['config.json', 10],
				['weights', 70_000]
			]
		);
		const later = await FileStore.open(folder);
		equal(await later.items(), [item]);
		equal(await later.readFile('a', 'weights'), files.get('weights'));
		equal((await later.report()).unclaimed, 0);
	},
	'two stores on one folder see what the other does': async (folder) => {
		const [one, two] = [await FileStore.open(folder), await FileStore.open(folder)];
		await one.put(label('a'), new Map([['x', bytes(5)]]));
		await two.put(label('b'), new Map([['x', bytes(6)]]));
		equal(
			(await one.items()).map(({ id }) => id),
			['a', 'b']
		);
		await one.remove('b');
		equal(
			(await two.items()).map(({ id }) => id),
			['a']
		);
	},
	'equal files are kept once, and stay until the last item that needs them is removed': async (folder) => {
		const store = await FileStore.open(folder);
		const shared = bytes(1000);
		await store.put(label('a'), new Map([['x', shared]]));
		await store.put(
			label('b'),
			new Map([
				['y', shared],
				['z', bytes(3)]
			])
		);
		equal(await count(folder, 'blobs'), 2);
		equal(await store.remove('a'), 0, 'freed');
		equal(await store.readFile('b', 'y'), shared);
		equal(await store.remove('b'), 1003, 'freed');
		equal(await count(folder, 'blobs'), 0);
	},
	'a file that another item is reading may arrive a second time': async (folder) => {
		const store = await FileStore.open(folder);
		const shared = bytes(1000);
		await store.put(label('a'), new Map([['x', shared]]));
		const open = await store.openItem('a');
		const read = await open.bytes('x');
		// As of a source that does not tell the SHA-256 beforehand.
		const writer = await store.begin(label('b'), [{ path: 'y', size: shared.length }]);
		const blob = await writer?.open({ path: 'y', size: shared.length });
		if (!writer || !blob) throw new Error('nothing to write');
		blob.write(shared);
		await writer.keep({ path: 'y', size: shared.length }, blob);
		await writer.commit();
		equal(await open.bytes('x'), read);
		await open.close();
		equal(await store.readFile('b', 'y'), shared);
		equal([await count(folder, 'blobs'), await count(folder, 'parts')], [1, 0]);
	},
	'a removed item that is in use can be read to its end, and its room is freed when it is closed': async (
		folder
	) => {
		const [store, other] = [await FileStore.open(folder), await FileStore.open(folder)];
		const data = bytes(200_000);
		await store.put(label('a'), new Map([['x', data]]));
		const open = await store.openItem('a');
		const file = await open.file('x');
		equal(file.read(0, 10), data.slice(0, 10));
		equal(await other.remove('a'), 0, 'freed');
		equal(await other.item('a'), undefined);
		equal(file.read(100_000, 100_000), data.slice(100_000));
		await open.close();
		equal(await count(folder, 'blobs'), 0);
		await fails(() => store.openItem('a'), 'storage/damaged');
	},
	'a file is not visible before it is complete and verified': async (folder) => {
		const store = await FileStore.open(folder);
		const data = bytes(100_000);
		const file = await wantedOf('x', data);
		const writer = await store.begin(label('a'), [file]);
		check(writer !== undefined, 'the item is begun');
		const blob = await writer.open(file);
		check(blob !== undefined, 'the file is missing');
		blob.write(data.subarray(0, 60_000));
		equal(await store.item('a'), undefined);
		equal(await count(folder, 'blobs'), 0);
		blob.write(bytes(40_000, 5));
		await fails(() => writer.keep(file, blob), 'hub/wrong-bytes');
		equal(blob.offset, 0, 'wrong bytes are forgotten');
		blob.write(data.subarray(0, 60_000));
		await fails(() => writer.keep(file, blob), 'hub/wrong-bytes');
		blob.write(data);
		await writer.keep(file, blob);
		equal(await store.item('a'), undefined);
		await writer.commit();
		equal(await store.readFile('a', 'x'), data);
		equal(await count(folder, 'parts'), 0);
	},
	'an unfinished file goes on where it was left, also with the hash state of another version': async (
		folder
	) => {
		const data = bytes(300_000);
		const file = await wantedOf('x', data);
		const store = await FileStore.open(folder);
		const first = await store.begin(label('a'), [file]);
		const part = await first?.open(file);
		part?.write(data.subarray(0, 123_456));
		await first?.close();
		equal(
			(await store.report()).pending.map(({ bytesDone }) => bytesDone),
			[123_456]
		);
		const journal = await folder.openToWrite(`parts/${file.sha256}.log`);
		const { records } = decodeRecords(journal.read(0, journal.size));
		const strange = encodeRecords(records.map((record) => ({ ...(record as object), sha256: [1, 2, 3] })));
		journal.truncate(0);
		journal.write(0, strange);
		// As a crash in mid-write leaves it.
		journal.write(strange.length, strange.subarray(0, 30));
		journal.close();
		for (const from of [123_456, 200_000]) {
			const again = await (await FileStore.open(folder)).begin(label('a'), [file]);
			const rest = await again?.open(file);
			check(again !== undefined && rest !== undefined, 'the file is unfinished');
			equal(rest.offset, from, 'offset');
			if (from < 200_000) {
				rest.write(data.subarray(from, 200_000));
				await again.close();
				continue;
			}
			rest.write(data.subarray(from));
			await again.keep(file, rest);
			await again.commit();
		}
		equal(await store.readFile('a', 'x'), data);
	},
	'a small file of the Hub is checked by its Git hash': async (folder) => {
		// git hash-object of "hello\n"
		const gitSha1 = 'ce013625030ba8dba906f756967f9e9ca394464a';
		const store = await FileStore.open(folder);
		const file = { path: 'x', size: 6, gitSha1 };
		const writer = await store.begin(label('a'), [file]);
		const blob = await writer?.open(file);
		check(writer !== undefined && blob !== undefined, 'the file is missing');
		blob.write(new TextEncoder().encode('hallo\n'));
		await fails(() => writer.keep(file, blob), 'hub/wrong-bytes');
		blob.write(new TextEncoder().encode('hello\n'));
		await writer.keep(file, blob);
		equal((await writer.commit()).files[0]?.sha256, await sha256Hex(new TextEncoder().encode('hello\n')));
	},
	'a removed item in mid-download is refused, and a stopped one is removed with all that came': async (
		folder
	) => {
		const store = await FileStore.open(folder);
		const file = await wantedOf('x', bytes(50));
		const writer = await store.begin(label('a'), [file]);
		(await writer?.open(file))?.write(bytes(20));
		await fails(() => store.remove('a'), 'engine/busy');
		await writer?.close();
		equal((await store.report()).pending.length, 1);
		await store.remove('a');
		equal(await count(folder, 'parts'), 0);
		equal((await store.report()).pending, []);
	},
	'what a crash left of an import is removed at the next start, what is left of a download is kept': async (
		folder
	) => {
		const store = await FileStore.open(folder);
		for (const [id, resumable] of [
			['import', false],
			['download', true]
		] as const) {
			const file = await wantedOf('x', bytes(50, resumable ? 1 : 2));
			const writer = await store.begin(label(id), [file], { resumable });
			(await writer?.open(file))?.write(bytes(20));
			await writer?.close();
		}
		(await folder.openToWrite(`blobs/${'0'.repeat(64)}`)).close();
		const report = await (await FileStore.open(folder)).report();
		equal(
			report.pending.map(({ id, bytesDone }) => [id, bytesDone]),
			[['download', 20]]
		);
		equal(await count(folder, 'blobs'), 0);
		equal(report.unclaimed, 0);
	},
	'a damaged file is found, and only that one is fetched again': async (folder) => {
		const store = await FileStore.open(folder);
		const [good, bad] = [bytes(100), bytes(200)];
		const item = await store.put(
			label('a'),
			new Map([
				['good', good],
				['bad', bad]
			])
		);
		const name = `blobs/${item.files[1]?.sha256}`;
		const file = await folder.openToWrite(name);
		file.write(7, Uint8Array.of(1, 2, 3));
		file.close();
		equal(await store.check('a'), [], 'the lengths are right');
		equal(await store.check('a', { deep: true }), ['bad']);
		equal(await store.item('a'), undefined);
		const writer = await store.begin(
			label('a'),
			await Promise.all([wantedOf('good', good), wantedOf('bad', bad)])
		);
		equal(
			writer?.missing.map(({ path }) => path),
			['bad']
		);
		await writer?.close();
	},
	'a missing file is reported, not read': async (folder) => {
		const store = await FileStore.open(folder);
		const item = await store.put(label('a'), new Map([['x', bytes(10)]]));
		await folder.remove(`blobs/${item.files[0]?.sha256}`);
		await fails(() => store.readFile('a', 'x'), 'storage/damaged');
		equal(await store.check('a'), ['x']);
	},
	'a damaged index loses no file: they are adopted again, and removed only when asked': async (folder) => {
		const data = bytes(5000);
		const file = await wantedOf('x', data);
		await (await FileStore.open(folder)).put(label('a'), new Map([['x', data]]));
		for (const name of await folder.names('index')) {
			const index = await folder.openToWrite(`index/${name}`);
			for (let at = 0; at < index.size; at += 20) index.write(at, Uint8Array.of(0x7e));
			index.close();
		}
		const store = await FileStore.open(folder);
		equal(await store.items(), []);
		equal((await store.report()).unclaimed, 5000);
		const writer = await store.begin(label('again'), [file]);
		check(writer !== undefined, 'the item is begun');
		equal(await writer.open(file), undefined, 'a blob to write');
		await writer.commit();
		equal(await store.readFile('again', 'x'), data);
		(await folder.openToWrite(`blobs/${'1'.repeat(64)}`)).close();
		equal(await count(folder, 'blobs'), 2);
		await store.cleanUp();
		equal(await count(folder, 'blobs'), 1);
		equal(await store.readFile('again', 'x'), data);
	},
	'many changes leave a short index': async (folder) => {
		const store = await FileStore.open(folder);
		for (let i = 0; i < 70; i++) await store.put(label(`a${i}`), new Map([['x', bytes(10, i)]]));
		for (let i = 0; i < 60; i++) await store.remove(`a${i}`);
		equal((await (await FileStore.open(folder)).items()).length, 10);
		equal(await count(folder, 'blobs'), 10);
		const [name] = await folder.names('index');
		check(Number(name) > 1, 'the index was rewritten');
		const index = await folder.openToRead(`index/${name}`);
		const lines = decodeRecords(index?.read(0, index.size) ?? bytes(0)).records.length;
		index?.close();
		check(lines <= 2 * 70 + 200, `${lines} lines for 10 items`);
	}
};
