import { expect, test } from 'vitest';
import { BEN, contribution, KEYS, pair } from '#test/support/datanet.ts';
import { openDatanet, orphans, rowsOf } from '#test/support/datanet-db.ts';
import { Dice } from '#test/support/dice.ts';
import { localSigner } from '../identity.ts';
import { SegmentIndexBuilder } from '../search/segment-index.ts';
import { Session } from '../session.ts';
import { makeVersion } from '../version.ts';
import { redo, undo } from './change.ts';
import { deleteDatanet, describeDatanet } from './datanets.ts';
import { keepIndex } from './db.ts';
import { draftOf, keepDraft } from './drafts.ts';
import { addRows, edited, removeRows, replaceRows } from './edits.ts';
import { lockDatanet, unlockDatanet } from './locking.ts';
import { SEGMENT_ROWS } from './schema.ts';
import { stageRows, sweep } from './staging.ts';
import { Vault } from './vault.ts';
import { restoreVersion, signRows, storeVersion } from './versions.ts';

const rows = Array.from({ length: 10 }, (_, i) => contribution(pair(`question ${i}`, `answer ${i}`)));
const [first, second, third] = rows as [(typeof rows)[0], (typeof rows)[0], (typeof rows)[0]];
const ben = { contributor: BEN, parentShare: 6_000 };

test('rows are listed in the order in which they came, once each', async () => {
	const access = await openDatanet();
	await addRows(access, [first, second, first], 'Add rows');
	await addRows(access, [third, second], 'Add rows');
	expect(await rowsOf(access)).toEqual([first, second, third]);
});

test('an edited row stays in its place and shares credit with what it corrects', async () => {
	const access = await openDatanet();
	await addRows(access, rows, 'Add rows');
	const better = edited(second, { content: pair('question 1', 'better') }, ben, new Date());
	await replaceRows(access, [{ from: second.id, to: better }], 'Edit a row');
	expect((await rowsOf(access))[1]).toMatchObject({ id: better.id, parent: second.id, parentShare: 6_000 });
	const tagged = edited(better, { tags: ['bones'] }, ben, new Date());
	await replaceRows(access, [{ from: better.id, to: tagged }], 'Tag a row');
	expect((await rowsOf(access))[1]).toMatchObject({
		parent: better.id,
		parentShare: 10_000,
		tags: ['bones']
	});
	expect(await rowsOf(access)).toHaveLength(10);
});

test('every change can be undone and done again, also after a reload', async () => {
	const access = await openDatanet();
	const states = [await rowsOf(access)];
	const step = async (work: Promise<unknown>) => {
		await work;
		states.push(await rowsOf(access));
	};
	await step(addRows(access, rows, 'Add rows'));
	const better = edited(first, { content: pair('q', 'b') }, ben, new Date());
	await step(replaceRows(access, [{ from: first.id, to: better }], 'Edit a row'));
	await step(removeRows(access, [second.id, third.id], 'Remove rows'));
	const reloaded = access.another();
	for (let at = states.length - 2; at >= 0; at--) {
		expect(await undo(reloaded.db, reloaded.catalogue)).toBeDefined();
		expect(await rowsOf(access)).toEqual(states[at]);
	}
	expect(await undo(access.db, access.catalogue)).toBeUndefined();
	for (let at = 1; at < states.length; at++) {
		expect(await redo(access.db, access.catalogue)).toBeDefined();
		expect(await rowsOf(access)).toEqual(states[at]);
	}
	expect(await redo(access.db, access.catalogue)).toBeUndefined();
	await undo(access.db, access.catalogue);
	await addRows(access, [contribution(pair('new', 'line'))], 'Add a row');
	expect(await redo(access.db, access.catalogue)).toBeUndefined();
});

test('two tabs that edit different rows both succeed; on the same row the second is told', async () => {
	const one = await openDatanet();
	await addRows(one, rows, 'Add rows');
	const two = one.another();
	const edit = (row: typeof first, text: string) => ({
		from: row.id,
		to: edited(row, { content: pair('q', text) }, ben, new Date())
	});
	await Promise.all([
		replaceRows(one, [edit(first, 'by one')], 'Edit a row'),
		replaceRows(two, [edit(second, 'by two')], 'Edit a row')
	]);
	expect((await rowsOf(one)).slice(0, 2).map((row) => row.content)).toEqual([
		pair('q', 'by one'),
		pair('q', 'by two')
	]);
	await replaceRows(one, [edit(third, 'by one')], 'Edit a row');
	await expect(replaceRows(two, [edit(third, 'by two')], 'Edit a row')).rejects.toMatchObject({
		code: 'datanet/changed'
	});
	expect((await rowsOf(two))[2]?.content).toEqual(pair('q', 'by one'));
	expect(await orphans(one)).toEqual([]);
});

test('two tabs that change at random end with every confirmed change and the same state', async () => {
	const dice = new Dice();
	const one = await openDatanet();
	const tabs = [one, one.another(), one.another()];
	const expected = new Set<string>();
	await Promise.all(
		Array.from({ length: 60 }, async (_, i) => {
			const row = contribution(pair(`q${i}`, `a${i}`));
			await addRows(dice.pick(tabs), [row], 'Add a row');
			expected.add(row.id);
			if (dice.next() < 0.4) {
				await removeRows(dice.pick(tabs), [row.id], 'Remove a row');
				expected.delete(row.id);
			}
		})
	);
	expect(new Set((await rowsOf(one)).map((row) => row.id))).toEqual(expected);
});

test('an import across several segments arrives whole, in order, with its index', async () => {
	const access = await openDatanet();
	await addRows(access, rows, 'Add rows');
	const many = Array.from({ length: SEGMENT_ROWS + 50 }, (_, i) => contribution(pair(`imported ${i}`, 'x')));
	const { result } = await stageRows(access, { label: 'Import' }, async (staging) => {
		let fresh = 0;
		for (const row of [...many, first, ...many.slice(0, 3)]) if (await staging.add(row)) fresh++;
		return fresh;
	});
	expect(result).toBe(many.length);
	await addRows(access, [contribution(pair('after', 'import'))], 'Add a row');
	const ids = (await rowsOf(access)).map((row) => row.id);
	expect(ids.slice(10, -1)).toEqual(many.map((row) => row.id));
	expect(await access.db.indexes.toArray()).toMatchObject([
		{ segment: 1, index: { count: SEGMENT_ROWS } },
		{ segment: 2, index: { count: 50 } }
	]);
	expect(await orphans(access)).toEqual([]);
	await undo(access.db, access.catalogue);
	await undo(access.db, access.catalogue);
	expect(await rowsOf(access)).toEqual(rows);
});

test('an import that fails leaves nothing behind', async () => {
	const access = await openDatanet();
	await addRows(access, rows, 'Add rows');
	const broken = stageRows(access, { label: 'Import' }, async (staging) => {
		for (let i = 0; i < 2_500; i++) await staging.add(contribution(pair(`lost ${i}`, 'x')));
		throw new Error('the file ends here');
	});
	await expect(broken).rejects.toThrow('the file ends here');
	expect(await access.db.rows.count()).toBe(rows.length);
	expect(await access.db.staging.count()).toBe(0);
	expect(await rowsOf(access)).toEqual(rows);
});

test('what a dead import has written is swept, and nothing else', async () => {
	const access = await openDatanet();
	await addRows(access, rows, 'Add rows');
	const dead = [contribution(pair('dead', 'row')), first];
	await access.db.rows.bulkPut(await access.rows.records(dead));
	const ids = new Uint8Array(dead.flatMap((row) => [...Buffer.from(row.id.slice(2), 'hex')]));
	await access.db.staging.add({ datanet: access.id, ids });
	expect(await orphans(access)).toHaveLength(1);
	await sweep(access.db, access.id);
	expect(await orphans(access)).toEqual([]);
	expect(await rowsOf(access)).toEqual(rows);
});

test('a version is stored only for the state it was computed from, and restores exactly it', async () => {
	const access = await openDatanet();
	await addRows(access, rows, 'Add rows');
	const version = makeVersion(rows, 'first', new Date());
	const { revision } = access.catalogue;
	expect(await storeVersion(access, revision, version)).toBe(true);
	await removeRows(access, [first.id], 'Remove a row');
	await addRows(access, [contribution(pair('later', 'row'))], 'Add a row');
	expect(await storeVersion(access, revision, makeVersion(rows.slice(1), '', new Date()))).toBe(false);
	await restoreVersion(access, version.root);
	expect(await rowsOf(access)).toEqual(rows);
	await undo(access.db, access.catalogue);
	expect(await rowsOf(access)).toHaveLength(10);
	await expect(restoreVersion(access, first.id)).rejects.toMatchObject({ code: 'datanet/not-found' });
});

test('signing stores one batch for all rows', async () => {
	const access = await openDatanet();
	const batch = await signRows(access, rows, localSigner(KEYS.ada));
	expect(await access.db.batches.toArray()).toEqual([{ ...batch, datanet: access.id }]);
});

test('rows behind a passphrase rest encrypted and read the same', async () => {
	const { vault, record } = await Vault.create('correct horse');
	const access = await openDatanet(vault);
	await addRows(access, rows, 'Add rows');
	await stageRows(access, { label: 'Import' }, (staging) =>
		staging.add(contribution(pair('secret', 'bone')))
	);
	expect(await rowsOf(access)).toHaveLength(11);
	expect(JSON.stringify(await access.db.rows.toArray())).not.toContain('question');
	expect([await access.db.indexes.count(), await access.db.words.count()]).toEqual([0, 0]);
	await expect(Vault.unlock(record, 'wrong horse')).rejects.toMatchObject({ code: 'datanet/locked' });
	const reopened = await Vault.unlock(record, 'correct horse');
	expect(await reopened.open(await vault.seal({ a: 1 }))).toEqual({ a: 1 });
});

test('locking waits for an import in another tab, and then nothing of it lies in the clear', async () => {
	const access = await openDatanet();
	const begun = Promise.withResolvers<void>();
	const gate = Promise.withResolvers<void>();
	const importing = stageRows(access, { label: 'Import' }, async (staging) => {
		for (const row of rows) await staging.add(row);
		begun.resolve();
		await gate.promise;
	});
	await begun.promise;
	const other = access.another();
	const session = await Session.open(other.db, access.id);
	await keepDraft(session, 'new', { prompt: 'a question of mine' });
	const locking = lockDatanet(session, 'correct horse');
	// Twice as long as the lock itself takes.
	for (let i = 0; i < 2; i++) await Vault.create('correct horse');
	expect((await other.db.datanets.get(access.id))?.vault).toBeUndefined();
	gate.resolve();
	await importing;
	const vault = await locking;
	const opened = await Session.open(other.db, access.id, 'correct horse');
	expect((await opened.show(opened.catalogue.listed())).map(({ row }) => row)).toEqual(rows);
	expect((await draftOf(opened, 'new'))?.body).toEqual({ prompt: 'a question of mine' });
	// A tab that had it open before writes nothing more, neither rows nor what is derived from them.
	const late = contribution(pair('late question', 'bone'));
	await expect(addRows(access, [late], 'Add')).rejects.toMatchObject({ code: 'datanet/locked' });
	await expect(stageRows(access, {}, (staging) => staging.add(late))).rejects.toMatchObject({
		code: 'datanet/locked'
	});
	await expect(keepDraft(access, 'new', 'late question')).rejects.toMatchObject({ code: 'datanet/locked' });
	const index = new SegmentIndexBuilder();
	index.add(late);
	await keepIndex(access.db, access.id, 0, index.finish());
	for (const table of other.db.tables)
		expect(JSON.stringify(await table.toArray()), table.name).not.toContain('question');
	expect([await other.db.indexes.count(), await other.db.words.count()]).toEqual([0, 0]);
	// Under a lock of the same passphrase that is not the same lock, nothing can be written either.
	await unlockDatanet(opened);
	expect((await draftOf(access, 'new'))?.body).toEqual({ prompt: 'a question of mine' });
	await lockDatanet(await Session.open(other.db, access.id), 'correct horse');
	expect(vault.salt).not.toEqual((await other.db.datanets.get(access.id))?.vault?.salt);
	await expect(addRows(opened, [late], 'Add')).rejects.toMatchObject({ code: 'datanet/locked' });
});

test('a deleted Datanet leaves nothing, and changing it says so', async () => {
	const access = await openDatanet();
	await addRows(access, rows, 'Add rows');
	await deleteDatanet(access.db, access.id);
	for (const table of access.db.tables) expect(await table.count(), table.name).toBe(0);
	await expect(addRows(access, rows, 'Add rows')).rejects.toMatchObject({ code: 'datanet/not-found' });
	await expect(describeDatanet(access.db, access.id, { name: 'x' })).rejects.toMatchObject({
		code: 'datanet/not-found'
	});
});
