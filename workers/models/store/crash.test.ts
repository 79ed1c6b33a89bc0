import { describe, expect, test } from 'vitest';
import { Crash, CrashFolder } from '#test/support/crash-folder.ts';
import { seededRandom } from '#test/support/random.ts';
import { FileStore } from './file-store.ts';
import type { Folder } from './folder.ts';
import { sha256Hex } from './hash.ts';
import type { ItemLabel } from './item.ts';
import { StoreIndex } from './store-index.ts';

const seed = Date.now() % 1e9;

const label = (id: string): ItemLabel => ({ id, kind: 'model', name: id, source: 'test' });
const bytes = (length: number, salt: number) =>
	new Uint8Array(length).map((_, i) => (i * 31 + salt * 77) ^ (i >>> 7));
const shared = bytes(3000, 1);
/** What the work below stores under each name. */
const contents: Record<string, Map<string, Uint8Array>> = {
	a: new Map([
		['config', bytes(40, 2)],
		['weights', shared]
	]),
	b: new Map([
		['config', bytes(50, 3)],
		['weights', shared]
	]),
	c: new Map([['weights', bytes(20_000, 4)]])
};

const large = contents.c?.get('weights') ?? new Uint8Array();

/** Fetches `c` up to some byte, from where it stands. */
async function download(store: FileStore, upTo: number): Promise<void> {
	const file = { path: 'weights', size: large.length, sha256: await sha256Hex(large) };
	const writer = await store.begin(label('c'), [file]);
	if (!writer) return;
	const blob = writer.missing.length > 0 ? await writer.open(file) : undefined;
	while (blob && blob.offset < upTo) {
		blob.write(large.subarray(blob.offset, blob.offset + 1000));
		if (blob.offset % 4000 === 0) blob.checkpoint();
	}
	if (upTo < large.length) return writer.close();
	if (blob) await writer.keep(file, blob);
	await writer.commit();
}

/** Puts, removes and downloads in pieces. Tells after each step which items must be there from then on. */
async function work(folder: Folder, done: (items: string[]) => void): Promise<void> {
	const store = await FileStore.open(folder);
	await store.put(label('a'), contents.a ?? new Map());
	done(['a']);
	for (const upTo of [6_000, 15_000, 20_000]) await download(store, upTo);
	done(['a', 'c']);
	await store.put(label('b'), contents.b ?? new Map());
	done(['a', 'b', 'c']);
	// From here on `a` may be there or not.
	done(['b', 'c']);
	await store.remove('a');
	for (let i = 0; i < 3; i++) {
		await store.put(label(`x${i}`), new Map([['x', bytes(10, i)]]));
		await store.remove(`x${i}`);
	}
}

/** Everything that is listed is whole; everything that must be there is; nothing else is left. */
async function examine(folder: Folder, expected: string[], context: string): Promise<void> {
	const store = await FileStore.open(folder);
	const items = await store.items();
	expect(
		items.map(({ id }) => id),
		context
	).toEqual(expect.arrayContaining(expected));
	for (const { id, files } of items) {
		expect(await store.check(id, { deep: true }), `${context}: ${id}`).toEqual([]);
		for (const { path } of files)
			if (contents[id])
				expect(await store.readFile(id, path), `${context}: ${id} ${path}`).toEqual(contents[id].get(path));
	}
	expect((await store.report()).unclaimed, `${context}: unclaimed`).toBe(0);
}

describe(`after a crash at any point (seed ${seed})`, () => {
	test('what was stored is there and whole, what was not is not, and the work can be done again', async () => {
		const dry = new CrashFolder();
		await work(dry, () => undefined);
		const points = dry.changes;
		expect(points).toBeGreaterThan(100);
		const random = seededRandom(seed);
		for (let crashAt = 1; crashAt <= points; crashAt++) {
			const folder = new CrashFolder(crashAt);
			let expected: string[] = [];
			const outcome = await work(folder, (items) => (expected = items)).catch((error) => error);
			expect(outcome).toBeInstanceOf(Crash);
			const after = await folder.restart(random);
			await examine(after, expected, `seed ${seed}, crash at change ${crashAt} of ${points}`);
			const again = await FileStore.open(after);
			for (const id of ['a', 'b']) await again.put(label(id), contents[id] ?? new Map());
			await download(again, large.length);
			await examine(after, ['a', 'b', 'c'], `seed ${seed}, after crash ${crashAt}, done again`);
		}
	}, 60_000);

	test('the index has every change that was acknowledged, and no doubt, also when it was being rewritten', async () => {
		const work = async (folder: Folder, acknowledged: string[]) => {
			const index = new StoreIndex(folder);
			for (let i = 0; i < 60; i++) {
				const item = { ...label(`i${i}`), files: [], added: 0, lastUsed: 0 };
				const uses = Array.from({ length: 5 }, (_, at) => ({ used: { id: item.id, at } }));
				await index.change(() => [{ put: item }, ...uses]);
				acknowledged.push(item.id);
			}
		};
		const dry = new CrashFolder();
		await work(dry, []);
		expect(await dry.names('index')).not.toEqual(['1']);
		const random = seededRandom(seed);
		for (let crashAt = 1; crashAt <= dry.changes; crashAt++) {
			const folder = new CrashFolder(crashAt);
			const acknowledged: string[] = [];
			await expect(work(folder, acknowledged)).rejects.toBeInstanceOf(Crash);
			const after = await folder.restart(random);
			const context = `seed ${seed}, crash at change ${crashAt}`;
			// Twice: what a torn end leaves must not spoil what is written after it.
			for (const late of ['late', 'later']) {
				await new StoreIndex(after).change(() => [
					{ put: { ...label(late), files: [], added: 0, lastUsed: 0 } }
				]);
				acknowledged.push(late);
				await new StoreIndex(after).read(({ items, doubt }) => {
					expect([...items.keys()], context).toEqual(expect.arrayContaining(acknowledged));
					expect(doubt, context).toBe(false);
				});
			}
		}
	}, 60_000);
});
