import { expect, test } from 'vitest';
import { contribution, pair } from '#test/support/datanet.ts';
import { openDatanet, rowsOf } from '#test/support/datanet-db.ts';
import { Session } from '../session.ts';
import { DatanetDb } from '../store/db.ts';
import { addRows, removeRows } from '../store/edits.ts';
import { localIdentity } from '../store/keys.ts';
import { lockDatanet } from '../store/locking.ts';
import { Vault } from '../store/vault.ts';
import { backup, restore } from './backup.ts';
import { decryptFile, encryptFile, isEncrypted } from './encrypt.ts';

const rows = Array.from({ length: 5 }, (_, i) => contribution(pair(`question ${i}`, `answer ${i}`)));
const signal = new AbortController().signal;
const quiet = () => undefined;

const neverAsked = () => Promise.reject(new Error('nothing is locked'));

async function device() {
	const access = await openDatanet();
	await addRows(access, rows, 'Add');
	const { db } = access;
	return { access, db, open: (id: string) => Session.open(db, id) };
}

test('a backup brings everything to an empty device, the key only under a passphrase', async () => {
	const { db, open, access } = await device();
	const { address } = await localIdentity(db);
	for (const passphrase of [undefined, 'correct horse']) {
		const { file, report } = await backup(db, passphrase, open, quiet, signal);
		expect(report).toEqual({ datanets: 1, leftOut: [] });
		const fresh = new DatanetDb(crypto.randomUUID());
		const own = await localIdentity(fresh);
		const noneHere = () => Promise.reject(new Error('nothing is here'));
		expect(await restore(fresh, file, passphrase, noneHere, neverAsked, quiet, signal)).toEqual({
			datanets: 1,
			leftOut: [],
			key: passphrase !== undefined
		});
		const copy = await Session.open(fresh, access.id);
		expect((await rowsOf(copy)).map((row) => row.id).sort()).toEqual(rows.map((row) => row.id).sort());
		expect((await localIdentity(fresh)).address).toBe(passphrase === undefined ? own.address : address);
		// Rows may bear the name of the key that this device made before.
		expect(await fresh.keys.get(own.address)).toBeDefined();
	}
});

test('restoring over newer data merges and loses nothing', async () => {
	const { db, open, access } = await device();
	const { file } = await backup(db, undefined, open, quiet, signal);
	const later = contribution(pair('later', 'row'));
	await addRows(access, [later], 'Add');
	await removeRows(access, [rows[0]?.id ?? '0x'], 'Remove');
	const before = await rowsOf(access);
	await restore(db, file, undefined, open, neverAsked, quiet, signal);
	expect(await rowsOf(access)).toEqual(before);
});

test('a locked Datanet is left out of a backup without a passphrase, and named', async () => {
	const { db, open, access } = await device();
	const { record } = await Vault.create('secret');
	await db.datanets.update(access.id, { vault: record });
	const { report } = await backup(db, undefined, open, quiet, signal);
	expect(report).toEqual({ datanets: 0, leftOut: ['Untitled Datanet'] });
});

test('a locked Datanet comes back locked, with its own passphrase, or not at all', async () => {
	const { db, open, access } = await device();
	const vault = await lockDatanet(await open(access.id), 'its secret');
	const opened = async () => {
		const session = new Session(db, access.id, vault);
		await session.refresh();
		return session;
	};
	const { file, report } = await backup(db, 'correct horse', opened, quiet, signal);
	expect(report).toEqual({ datanets: 1, leftOut: [] });
	const noneHere = () => Promise.reject(new Error('nothing is here'));
	const fresh = new DatanetDb(crypto.randomUUID());
	const asked: [string, boolean][] = [];
	const answers = ['wrong', 'its secret'];
	const unlock = (name: string, again: boolean) => {
		asked.push([name, again]);
		return Promise.resolve(answers.shift());
	};
	expect(await restore(fresh, file, 'correct horse', noneHere, unlock, quiet, signal)).toMatchObject({
		datanets: 1,
		leftOut: []
	});
	expect(asked).toEqual([
		['Untitled Datanet', false],
		['Untitled Datanet', true]
	]);
	for (const row of await fresh.rows.toArray()) expect('sealed' in row).toBe(true);
	expect(await fresh.indexes.count()).toBe(0);
	await expect(Session.open(fresh, access.id)).rejects.toMatchObject({ code: 'datanet/locked' });
	expect(await rowsOf(await Session.open(fresh, access.id, 'its secret'))).toHaveLength(rows.length);

	const skipped = new DatanetDb(crypto.randomUUID());
	const skip = () => Promise.resolve(undefined);
	expect(await restore(skipped, file, 'correct horse', noneHere, skip, quiet, signal)).toEqual({
		datanets: 0,
		leftOut: ['Untitled Datanet'],
		key: true
	});
	expect(await skipped.rows.count()).toBe(0);
});

test('an encrypted file shows nothing and opens with its passphrase alone, whole', async () => {
	const plain = new Blob(['secret bone '.repeat(300_000)]);
	const sealed = await encryptFile(plain, 'correct horse');
	expect([await isEncrypted(plain), await isEncrypted(sealed)]).toEqual([false, true]);
	expect(await sealed.text()).not.toContain('bone');
	expect(await (await decryptFile(sealed, 'correct horse')).text()).toBe(await plain.text());
	const bytes = new Uint8Array(await sealed.arrayBuffer());
	const flipped = bytes.slice();
	flipped[2_000_000] = (flipped[2_000_000] ?? 0) ^ 1;
	const frames = 1_000_016;
	const head = bytes.indexOf(10) + 1;
	const swapped = new Blob([
		bytes.slice(0, head),
		bytes.slice(head + frames, head + 2 * frames),
		bytes.slice(head, head + frames),
		bytes.slice(head + 2 * frames)
	]);
	for (const [file, passphrase] of [
		[sealed, 'wrong horse'],
		[new Blob([flipped]), 'correct horse'],
		[new Blob([bytes.slice(0, head + 2 * frames)]), 'correct horse'],
		[swapped, 'correct horse']
	] as const)
		await expect(decryptFile(file, passphrase)).rejects.toMatchObject({ code: 'datanet/locked' });
	for (const file of [
		new Blob(['hello']),
		new Blob(['{"format":"openledger-encrypted","iterations":1e99}\n'])
	])
		await expect(decryptFile(file, 'x')).rejects.toMatchObject({ code: 'datanet/malformed' });
});

test.each([
	'',
	'hello\n',
	'{"format":"openledger-backup","version":1,"entries":[{"name":"a","size":99}]}\nshort'
])('%j is no backup', async (text) => {
	const { db, open } = await device();
	await expect(
		restore(db, new Blob([text]), undefined, open, neverAsked, quiet, signal)
	).rejects.toMatchObject({
		code: 'datanet/malformed'
	});
});
