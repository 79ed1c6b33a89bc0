import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, expect, onTestFinished, test } from 'vitest';
import { fullError } from '#workers/models/store/folder.ts';
import { MemoryFolder } from '#workers/models/store/memory-folder.ts';
import { NodeFolder } from '#workers/models/store/node-folder.ts';
import { buildSpanIndex } from './build.ts';
import { SpanStore } from './span-store.ts';

const rows = ['The femur is the bone of the thigh.', 'The tibia is the larger bone of the shin.', ''];
const version = (digit: string) => `0x${digit.repeat(64)}` as const;
const ADAPTER = 'a'.repeat(64);

let path: string;
let built = 0;
const texts =
	(said = rows) =>
	() => (built++, said);
beforeEach(() => {
	path = mkdtempSync(join(tmpdir(), 'spans-'));
	built = 0;
	onTestFinished(() => rmSync(path, { recursive: true }));
});
const store = () => new SpanStore(new NodeFolder(path));
const stored = () => readdirSync(join(path, 'spans'));

test('is built once, and read after that as it was built', async () => {
	const first = await store().open(ADAPTER, version('1'), texts());
	expect(built).toBe(1);
	expect(await store().open(ADAPTER, version('1'), texts())).toEqual(first);
	expect(first).toEqual(await buildSpanIndex(rows));
	expect(built).toBe(1);
	expect(stored()).toHaveLength(1);
});

test('of another version of the rows it is built anew, in place of the old one; other adapters keep theirs', async () => {
	await store().open('b'.repeat(64), version('1'), texts());
	await store().open(ADAPTER, version('1'), texts());
	const changed = await store().open(ADAPTER, version('2'), texts([...rows, 'A new row of four words.']));
	expect(built).toBe(3);
	expect(changed.rowStarts).toHaveLength(4);
	expect(stored().map((name) => name.slice(0, 66))).toEqual([`${ADAPTER}.2`, `${'b'.repeat(64)}.1`]);
	await store().keepOnly(new Set([ADAPTER]));
	expect(stored()).toHaveLength(1);
	await store().remove(ADAPTER);
	expect(stored()).toEqual([]);
});

test('a damaged or torn file is no index: it is built anew', async () => {
	for (const spoil of [(bytes: Buffer) => bytes.fill(7, 90, 91), (bytes: Buffer) => bytes.subarray(0, 60)]) {
		const good = await store().open(ADAPTER, version('1'), texts());
		const file = join(path, 'spans', stored()[0] ?? '');
		writeFileSync(file, spoil(readFileSync(file)));
		built = 0;
		expect(await store().open(ADAPTER, version('1'), texts())).toEqual(good);
		expect(built).toBe(1);
	}
});

test('without room for it, it is built each time', async () => {
	const folder = new MemoryFolder();
	folder.openToWrite = () => Promise.reject(fullError());
	const full = new SpanStore(folder);
	for (let i = 0; i < 2; i++)
		expect(await full.open(ADAPTER, version('1'), texts())).toEqual(await buildSpanIndex(rows));
	expect(built).toBe(2);
});
