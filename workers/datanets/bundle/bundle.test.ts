import 'fake-indexeddb/auto';
import { gunzipSync, gzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { ADA, BEN, contribution, KEYS, pair } from '#test/support/datanet.ts';
import { rowsOf } from '#test/support/datanet-db.ts';
import { Dice } from '#test/support/dice.ts';
import type { Contribution } from '../contribution.ts';
import { linkWallet, localSigner } from '../identity.ts';
import { Session } from '../session.ts';
import { createDatanet } from '../store/datanets.ts';
import { allOf, DatanetDb } from '../store/db.ts';
import { addRows, edited, removeRows, replaceRows } from '../store/edits.ts';
import { storeLink } from '../store/keys.ts';
import { restoreVersion, signRows, storeVersion } from '../store/versions.ts';
import { makeVersion } from '../version.ts';
import { mergeBundle } from './merge.ts';
import { readBundle, readManifest } from './read.ts';
import {
	acceptEdited,
	acceptRows,
	closeReview,
	proposeRow,
	receiveBundle,
	rejectRows,
	reviewRows
} from './review.ts';
import { bundleRecords, bundleStream, type BundleOptions } from './write.ts';

const rows = Array.from({ length: 12 }, (_, i) => contribution(pair(`question ${i}`, `answer ${i}`)));
const [first, second, third] = rows as [Contribution, Contribution, Contribution];
const ada = localSigner(KEYS.ada);

async function device(datanet?: string): Promise<Session> {
	const db = new DatanetDb(crypto.randomUUID());
	const { id } = await createDatanet(db, { name: 'Bones' }, datanet);
	return Session.open(db, id);
}

async function bundleOf(session: Session, options: Partial<BundleOptions> = {}): Promise<Blob> {
	const records = bundleRecords(session, { purpose: 'datanet', from: 'Ada', ...options });
	return new Response(bundleStream(records)).blob();
}

async function merge(into: Session, file: Blob) {
	return mergeBundle(into, await readManifest(file), file, false);
}

/** A new device on which the Datanet has never been. */
async function restored(file: Blob): Promise<Session> {
	const manifest = await readManifest(file);
	const session = new Session(new DatanetDb(crypto.randomUUID()), manifest.datanet, undefined);
	await mergeBundle(session, manifest, file, true);
	return session;
}

async function freeze(session: Session, note: string) {
	const version = makeVersion(await rowsOf(session), note, new Date());
	await session.refresh();
	await storeVersion(session, session.catalogue.revision, version);
	return version;
}

const byId = (list: Contribution[]) => list.toSorted((a, b) => (a.id < b.id ? -1 : 1));

test('a bundle brings rows, signatures, versions, links and description to another device, losing nothing', async () => {
	const session = await device();
	await addRows(session, rows, 'Add');
	const version = await freeze(session, 'first');
	const batch = await signRows(session, rows, ada);
	await storeLink(session.db, await linkWallet(ada, localSigner(KEYS.ben), new Date()));
	const copy = await restored(await bundleOf(session));
	expect(byId(await rowsOf(copy))).toEqual(byId(rows));
	expect(await copy.db.batches.toArray()).toEqual([{ ...batch, datanet: session.catalogue.datanet }]);
	expect(await copy.db.versions.toArray()).toEqual([{ ...version, datanet: session.catalogue.datanet }]);
	expect(await copy.db.links.toArray()).toMatchObject([{ key: ADA, wallet: BEN }]);
	expect(await copy.db.datanets.toArray()).toMatchObject([{ name: 'Bones', count: 12 }]);
	const shown = await copy.show(copy.catalogue.listed());
	expect(shown.every((row) => row.signed)).toBe(true);
});

test('a bundle for sharing leaves out removed content; one with history can restore every version', async () => {
	const session = await device();
	await addRows(session, rows, 'Add');
	const version = await freeze(session, 'first');
	await removeRows(session, [first.id], 'Remove');
	const shared = gunzipSync(await (await bundleOf(session)).bytes()).toString();
	expect(shared).not.toContain('question 0');
	expect(shared).toContain('question 1');
	const copy = await restored(await bundleOf(session, { history: true }));
	expect(await rowsOf(copy)).toHaveLength(11);
	await restoreVersion(copy, version.root);
	expect(byId(await rowsOf(copy))).toEqual(byId(rows));
});

test('copies that changed apart merge to the same rows in any order and any number of times', async () => {
	const dice = new Dice();
	const origin = await device();
	await addRows(origin, rows.slice(0, 6), 'Add');
	const file = await bundleOf(origin);
	const copies = [origin, await restored(file), await restored(file)];
	for (const copy of copies) {
		for (let step = 0; step < 8; step++) {
			const row = dice.pick(rows);
			if (dice.next() < 0.5) await addRows(copy, [row], 'Add');
			else await removeRows(copy, [row.id], 'Remove');
		}
		await copy.refresh();
	}
	const bundles = await Promise.all(copies.map((copy) => bundleOf(copy)));
	const results = [];
	for (const copy of copies) {
		for (const bundle of dice.shuffle([...bundles, ...bundles])) await merge(copy, bundle);
		results.push((await rowsOf(copy)).map((row) => row.id).sort());
	}
	expect(results[1]).toEqual(results[0]);
	expect(results[2]).toEqual(results[0]);
});

test('a removal reaches a copy that never saw the row, and holds against a third that still has it', async () => {
	const one = await device();
	await addRows(one, [first, second], 'Add');
	const before = await bundleOf(one);
	await removeRows(one, [first.id], 'Remove');
	const copy = await restored(await bundleOf(one));
	await merge(copy, before);
	expect(await rowsOf(copy)).toEqual([second]);
	await addRows(one, [first], 'Add again');
	await merge(copy, await bundleOf(one));
	expect(byId(await rowsOf(copy))).toEqual(byId([first, second]));
	const shown = await copy.show(await copy.select('all', { text: 'question' }));
	expect(shown).toHaveLength(2);
});

test('credit can be followed in a copy to ancestors whose content did not travel', async () => {
	const session = await device();
	await addRows(session, [first], 'Add');
	const by = { contributor: BEN, parentShare: 6_000 };
	const better = edited(first, { content: pair('q', 'b') }, by, new Date());
	await replaceRows(session, [{ from: first.id, to: better }], 'Edit');
	const copy = await restored(await bundleOf(session));
	expect(await rowsOf(copy)).toEqual([better]);
	expect(await copy.db.headers.toArray()).toMatchObject([{ id: first.id, contributor: ADA }]);
});

test('the later description holds on both sides', async () => {
	const one = await device();
	await addRows(one, [first], 'Add');
	const copy = await restored(await bundleOf(one));
	await copy.db.datanets.update(copy.catalogue.datanet, { name: 'Skeleton', updated: Date.now() + 1_000 });
	const newer = await bundleOf(copy);
	await merge(copy, await bundleOf(one));
	await merge(one, newer);
	for (const { db } of [one, copy]) expect(await db.datanets.toArray()).toMatchObject([{ name: 'Skeleton' }]);
});

test('feedback waits as drafts in one queue, each once, and joins when it is accepted', async () => {
	const session = await device();
	await addRows(session, [first], 'Add');
	await session.refresh();
	expect(await proposeRow(session, contribution(first.content, { tags: ['again'] }), 'chat')).toBeUndefined();
	const place = await proposeRow(session, second, 'chat');
	expect(place?.index).toBe(0);
	expect((await proposeRow(session, third, 'chat'))?.index).toBe(1);
	expect(await proposeRow(session, contribution(second.content, { tags: ['again'] }), 'chat')).toEqual(place);
	expect(await rowsOf(session)).toEqual([first]);
	const [queue] = await session.db.reviews.toArray();
	expect(queue?.from).toBe('chat');
	expect((await reviewRows(session, queue?.id ?? '0x', 0, 9)).map((row) => row.id)).toEqual([
		second.id,
		third.id
	]);
	await rejectRows(session, queue?.id ?? '0x', [1], 'Taken back');
	await acceptRows(session, queue?.id ?? '0x');
	expect(await rowsOf(session)).toEqual([first, second]);
	// What was rejected may be said again.
	expect((await proposeRow(session, third, 'chat'))?.index).toBe(2);
});

async function offered(): Promise<{ curator: Session; review: `0x${string}`; bundle: Blob }> {
	const curator = await device('ab'.repeat(16));
	await addRows(curator, [first], 'Add');
	const contributor = await device('ab'.repeat(16));
	const correction = edited(
		first,
		{ content: pair('q', 'mine') },
		{ contributor: ADA, parentShare: 0 },
		new Date()
	);
	await addRows(contributor, [first, second, third, correction], 'Add');
	await signRows(contributor, [second, third, correction], ada);
	const bundle = await bundleOf(contributor, { purpose: 'contribution' });
	expect(await receiveBundle(curator, bundle)).toEqual({ waiting: 3, known: 1 });
	const [review] = await curator.db.reviews.toArray();
	if (!review) throw new Error('no review');
	return { curator, review: review.id, bundle };
}

test('rows that someone sends wait, and change nothing before the curator decides', async () => {
	const { curator, review, bundle } = await offered();
	expect(await rowsOf(curator)).toEqual([first]);
	await receiveBundle(curator, bundle);
	expect(await curator.db.reviews.count()).toBe(1);
	expect(await reviewRows(curator, review, 0, 10)).toHaveLength(3);
});

test('accepted rows join signed, a correction in the place of its parent; rejected ones stay out with a reason', async () => {
	const { curator, review } = await offered();
	const waiting = await reviewRows(curator, review, 0, 10);
	const correction = waiting.findIndex((row) => row.parent === first.id);
	const rejected = waiting.findIndex((row) => row.id === third.id);
	await rejectRows(curator, review, [rejected], 'Out of scope');
	expect(await acceptRows(curator, review)).toBe(2);
	expect(await acceptRows(curator, review)).toBe(0);
	const now = await rowsOf(curator);
	expect(now.map((row) => row.id)).toEqual([waiting[correction]?.id, second.id]);
	expect((await curator.show(curator.catalogue.listed())).every((row) => row.signed)).toBe(true);
	expect(await curator.db.reviews.toArray()).toMatchObject([{ reasons: { [rejected]: 'Out of scope' } }]);
	await closeReview(curator, review);
	expect(await allOf(curator.db.rows, curator.catalogue.datanet).primaryKeys()).toHaveLength(3);
	expect(await rowsOf(curator)).toEqual(now);
	await expect(reviewRows(curator, review, 0, 1)).rejects.toMatchObject({ code: 'datanet/not-found' });
});

test('a row accepted with an edit shares its credit with its contributor', async () => {
	const { curator, review } = await offered();
	const waiting = await reviewRows(curator, review, 0, 10);
	const index = waiting.findIndex((row) => row.id === second.id);
	const edit = { content: pair('question 1', 'a better answer') };
	await acceptEdited(curator, review, index, edit, { contributor: BEN, parentShare: 7_000 });
	expect((await rowsOf(curator)).at(-1)).toMatchObject({
		parent: second.id,
		parentShare: 7_000,
		contributor: BEN
	});
	await closeReview(curator, review);
	expect(await curator.db.headers.toArray()).toMatchObject([{ id: second.id, contributor: ADA }]);
});

/** The lines of a good bundle, changed and packed again. */
async function tampered(change: (lines: string[]) => string[]): Promise<Blob> {
	const session = await device();
	await addRows(session, rows, 'Add');
	await freeze(session, 'first');
	await signRows(session, rows, ada);
	const lines = gunzipSync(await (await bundleOf(session)).bytes())
		.toString()
		.trimEnd()
		.split('\n');
	return new Blob([gzipSync(change(lines).join('\n'))]);
}

const onLine = (kind: string, change: (line: string) => string) => (lines: string[]) => {
	expect(lines.some((line) => line.startsWith(`{"${kind}"`))).toBe(true);
	return lines.map((line) => (line.startsWith(`{"${kind}"`) ? change(line) : line));
};

test.each<[string, string, (lines: string[]) => string[]]>([
	[
		'a bad signature',
		'datanet/bad-signature',
		onLine('batch', (line) => line.replace(/"signature":"0x../, '"signature":"0x12'))
	],
	[
		'a batch of another root',
		'datanet/wrong-root',
		onLine('batch', (line) => line.replace(/"root":"0x../, '"root":"0x12'))
	],
	[
		'a version of another root',
		'datanet/wrong-root',
		onLine('version', (line) => line.replace(/"root":"0x../, '"root":"0x12'))
	],
	['changed content', 'datanet/malformed', onLine('row', (line) => line.replace('answer', 'ANSWER'))],
	['a row less', 'datanet/malformed', (lines) => lines.filter((line) => !line.includes('"question 3"'))],
	['no end', 'datanet/malformed', (lines) => lines.slice(0, -1)],
	[
		'more after its end',
		'datanet/malformed',
		(lines) => [...lines, lines.find((line) => line.includes('question 3')) ?? '']
	],
	['no beginning', 'datanet/malformed', (lines) => lines.slice(1)],
	['two beginnings', 'datanet/malformed', (lines) => [lines[0] ?? '', ...lines]],
	[
		'a removal without end',
		'datanet/malformed',
		(lines) => [...lines.slice(0, -1), `{"removed":"${first.id}","length":1e300}`, lines.at(-1) ?? '']
	],
	[
		'something unknown',
		'datanet/malformed',
		(lines) => [lines[0] ?? '', '{"__proto__":{"x":1}}', ...lines.slice(1)]
	],
	[
		'1,000,000 rows',
		'datanet/too-large',
		(lines) => lines.map((line) => line.replace(/"rows":12/, '"rows":1000000'))
	]
])('a bundle with %s is refused and leaves nothing', async (_, code, change) => {
	const file = await tampered(change);
	const session = await device();
	await addRows(session, [first], 'Add');
	const manifest = { purpose: 'datanet', datanet: session.catalogue.datanet } as never;
	await expect(mergeBundle(session, manifest, file, false)).rejects.toMatchObject({ code });
	expect(await rowsOf(session)).toEqual([first]);
	for (const table of ['staging', 'batches', 'versions', 'headers', 'reviews'] as const)
		expect(await session.db[table].count(), table).toBe(0);
	expect(await session.db.rows.count()).toBe(1);
});

test('a file that is no bundle, or only half of one, is refused', async () => {
	const whole = new Uint8Array(await (await tampered((lines) => lines)).arrayBuffer());
	for (const file of [
		new Blob([]),
		new Blob(['hello']),
		new Blob([whole.slice(0, 700)]),
		new Blob([new Uint8Array(99)])
	])
		await expect(async () => {
			await Array.fromAsync(readBundle(file));
		}).rejects.toMatchObject({ code: 'datanet/malformed' });
});

test('a file that unpacks without end is stopped', async () => {
	const head = (await tampered((lines) => lines.slice(0, 1))).bytes();
	const zeros = gzipSync(new Uint8Array(64_000_000).fill(32));
	const file = new Blob([
		await head,
		gzipSync('\n'),
		...Array<Uint8Array<ArrayBuffer>>(40).fill(new Uint8Array(zeros))
	]);
	expect(file.size).toBeLessThan(3_000_000);
	const started = performance.now();
	await expect(async () => {
		await Array.fromAsync(readBundle(file));
	}).rejects.toMatchObject({ code: expect.stringMatching(/too-large|malformed/) });
	expect(performance.now() - started).toBeLessThan(30_000);
}, 60_000);
