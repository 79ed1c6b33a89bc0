import 'fake-indexeddb/auto';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { makeContribution } from '#workers/datanets/contribution.ts';
import type { Hex } from '#workers/datanets/hash.ts';
import { makeVersion } from '#workers/datanets/version.ts';
import type { AdapterEntry } from '#workers/protocol.ts';
import { db as attribution } from '../attribution/db.ts';
import type { AttributionRecord } from '../attribution/records.ts';
import { db as datanets } from '../datanets/db.svelte.ts';
import { db as ledger } from '../ledger/db.ts';
import type { ReceiptRecord, SettlementRecord } from '../ledger/records.ts';
import { lineageOf } from './lineage.ts';
import { StoredMemory } from './stored.ts';

/** Of the page, as far as loading asks for it; no worker, whoever made one possible before. */
vi.hoisted(() => {
	vi.stubGlobal('localStorage', { getItem: () => null, setItem: () => undefined });
	vi.stubGlobal('Worker', undefined);
});
afterAll(() => void vi.unstubAllGlobals());

const ROWS = 700;
const REPLIES = 600;
const person: Hex = `0x${'a'.repeat(40)}`;
const weights = '7'.repeat(64);
const rows = Array.from({ length: ROWS }, (_, i) =>
	makeContribution({
		content: { kind: 'pair', prompt: `What is part ${i}?`, response: `Part ${i} is a bone.` },
		licence: 'CC0-1.0',
		source: 'test',
		language: 'en',
		tags: [],
		contributor: person,
		created: new Date(1e12 + i * 1000),
		parent: null,
		parentShare: 0
	})
);
const [hot] = rows;
const versions = [rows.slice(1), rows].map((some, i) => makeVersion(some, `Version ${i}`, new Date(2e12)));
const settlement = '00000000-0000-4000-8000-000000000001';
const receiptOf = (i: number) => `0x${i.toString(16).padStart(64, '0')}` as Hex;

/** The first row moved all replies, the others one or none. */
function replyOf(i: number): AttributionRecord {
	const moved = [rows[0], rows[i % ROWS]].flatMap((row) => row ?? []);
	const shares = moved.map(({ id }, k) => ({
		row: k,
		contribution: id,
		contributor: 1,
		score: 9 - k,
		share: 100 - k,
		text: 'words'
	}));
	return {
		id: `reply-${i}`,
		conversation: 'c',
		adapter: { id: weights, name: 'Bones', files: { config: '', weights } },
		model: { id: 'bundled:nano', sha256: '5'.repeat(64) },
		state: 'measured',
		text: `Answer ${i}`,
		from: 0,
		time: 3e12 + ((i * 7) % REPLIES),
		price: 0n,
		contributors: [{ id: 1, name: 'Ada', address: person, share: 199 }],
		rows: shares,
		contributions: shares.map(({ contribution }) => contribution),
		transcript: { salt: '0x', prompt: [], reply: [1], query: new Int8Array(0), entries: [] }
	};
}

beforeAll(async () => {
	const info = { name: 'Bones', summary: '', description: '', tags: [], licences: [], updated: 0 };
	await datanets.datanets.put({ ...info, id: 'd', created: 1, revision: 1, count: ROWS });
	await datanets.rows.bulkPut(rows.map((row) => ({ ...row, datanet: 'd' })));
	await datanets.versions.bulkPut(versions.map((version) => ({ ...version, datanet: 'd' })));
	await attribution.attributions.bulkPut(Array.from({ length: REPLIES }, (_, i) => replyOf(i)));
	const receipts = Array.from({ length: 60 }, (_, i) => receiptOf(i));
	await ledger.receipts.bulkPut(
		receipts.map(
			(id, i) =>
				({
					id,
					chain: 1,
					reply: `reply-${i}`,
					adapter: 'Bones',
					time: i,
					amount: 5n,
					receipt: { tokens: { reply: 1 } },
					settlement
				}) as ReceiptRecord
		)
	);
	const batches = [{ model: 1, host: 0, amount: 300n, nonce: 0, receipts }];
	await ledger.settlements.put({
		id: settlement,
		chain: 1,
		payer: person,
		batches,
		batch: 4,
		mode: 'private',
		time: 1
	} as unknown as SettlementRecord);
});

const group = async (
	kind: 'row' | 'datanet' | 'settlement',
	id: string,
	relation: string,
	most: number,
	memory = new StoredMemory([], undefined)
) => {
	const { makers = [], made = [] } = (await lineageOf({ kind, id }, memory, most)) ?? {};
	const found = [...makers, ...made].find((each) => each.relation === relation);
	if (!found) throw new Error(`${kind} has no ${relation}`);
	return found;
};

test.each([8, 500])(
	'of hundreds of neighbours %i are told, the newest answers first, and that there are more',
	async (most) => {
		const answers = await group('row', hot?.id ?? '', 'moved', most);
		expect([answers.links.length, answers.more]).toEqual([most, true]);
		const times = answers.links.map(({ node }) => (node.kind === 'reply' ? node.facts.time : 0));
		expect(times).toEqual(times.toSorted((a, b) => b - a));
		expect(times[0]).toBe(3e12 + REPLIES - 1);

		const inside = await group('datanet', versions[1]?.root ?? '', 'holds', most);
		expect([inside.links.length, inside.more]).toEqual([most, true]);
		for (const { node } of inside.links)
			expect(node.kind === 'row' && node.facts.text, node.id).toMatch(/^What is part \d+\?/);

		const paid = await group('settlement', '1.4', 'paid', most);
		expect([paid.links.length, paid.more]).toEqual([Math.min(most, 60), most < 60]);
	}
);

test('a reply that was not measured has no shares, rather than nobody’s', async () => {
	const parts = { base: 0, contributors: 0, unattributed: 65_535 };
	const record = { ...replyOf(0), id: 'unmeasured', rows: [], contributions: [], time: 1, parts };
	const memory = new StoredMemory([], undefined);
	await attribution.attributions.put(record);
	expect((await memory.reply(record.id))?.parts).toEqual(parts);
	await attribution.attributions.put({ ...record, state: 'unmeasured', reason: 'failed' });
	expect((await memory.reply(record.id))?.parts).toBeUndefined();
	await attribution.attributions.delete(record.id);
});

test('all there are, where that is not more than asked for', async () => {
	const { links, more } = await group('row', hot?.id ?? '', 'moved', REPLIES);
	expect([links.length, more]).toEqual([REPLIES, false]);
	expect((await group('datanet', versions[0]?.root ?? '', 'holds', ROWS)).links).toHaveLength(ROWS - 1);
});

test('a row stands in every version that holds it; the versions are read once, not for each row', async () => {
	const reading = vi.spyOn(datanets.versions, 'where');
	const memory = new StoredMemory([], undefined);
	const [first, second] = [rows[0]?.id ?? '', rows[1]?.id ?? ''];
	const places = async (id: string) => (await memory.row(id))?.datanets.map(({ note }) => note).sort();
	expect(await places(first)).toEqual(['Version 1']);
	expect(await places(second)).toEqual(['Version 0', 'Version 1']);
	for (const { id } of rows.slice(2, 40)) await memory.row(id);
	expect(reading).toHaveBeenCalledTimes(1);
	reading.mockRestore();
});

test('what goes on from an adapter stands behind that one, by its weights, and where the manifest names it by its id alone', async () => {
	const entry = (id: string, hash: string, parents: Partial<AdapterEntry['parents'][number]>[] = []) =>
		({
			...{ id, name: id, files: { config: '', weights: hash }, base: 'nano' },
			...{ baseHashes: ['5'.repeat(64)], datanets: [], parents }
		}) as unknown as AdapterEntry;
	const parent = { name: 'first', datanets: [] };
	const entries = [
		entry('first', 'a'),
		entry('second', 'b', [{ ...parent, id: 'first', weights: 'a' }]),
		entry('third', 'c', [{ ...parent, id: 'first' }]),
		entry('fourth', 'd', [{ ...parent, id: 'gone', name: 'gone' }])
	];
	const linksOf = async (id: string) => {
		const lineage = await lineageOf({ kind: 'adapter', id }, new StoredMemory(entries, undefined), 9);
		const ends = [lineage?.makers, lineage?.made].map((side) =>
			side?.find(({ relation }) => relation === 'continued')?.links.map(({ node }) => node.id)
		);
		return { before: ends[0] ?? [], after: ends[1] ?? [] };
	};
	expect(await linksOf('a')).toEqual({ before: [], after: ['b', 'c'] });
	expect(await linksOf('b')).toEqual({ before: ['a'], after: [] });
	expect(await linksOf('c')).toEqual({ before: ['a'], after: [] });
	expect(await linksOf('d')).toEqual({ before: ['gone'], after: [] });
});
