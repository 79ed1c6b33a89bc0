import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Page } from 'playwright';
import { visit } from '#test/support/visit.ts';
import { SANDBOX_CHAIN_ID } from '#workers/chain/network.ts';
import { callWorker, openApp, rendererOf } from './app-in-browser.ts';
import { corpusLines } from './datanets-corpus.ts';
import { chooseImport } from './choose-import.ts';

const ROWS = 10_000;
const REPLIES = 1_000;
/** Rows that moved a reply. The first moved every second reply. */
const MOVED = 32;
const SETTLEMENTS = 20;
/** Ids of receipts begin here. */
const RECEIPT = 1_000_000;
const CHAIN = SANDBOX_CHAIN_ID;
/** SHA-256 of its file. */
const NANO = 'b4435d0d096f02e6beec55eeb28f302c46b126466941dcd6064bea607673dc5e';

/**
 * How long lineage takes in a store of 10,000 rows in a Datanet of two versions, and 1,000 measured replies with receipts, paid in twenty
 * settlements: the processor time of the page with all its workers, in ms, until what was asked for stands there, by where one goes.
 */
export async function lineageAtScale() {
	const folder = mkdtempSync(join(tmpdir(), 'lineage-'));
	try {
		const file = join(folder, 'rows.jsonl');
		writeFileSync(file, await corpusLines(ROWS).bytes());
		return await openApp(
			async (context, url) => {
				const page = await context.newPage();
				page.setDefaultTimeout(120_000);
				const datanet = await importRows(page, url, file);
				const [, root] = await twoVersions(page, datanet);
				// Its databases come into being with the page that reads them.
				await page.goto(`${url}/lineage/usage`);
				await page.getByRole('navigation', { name: 'Adapters' }).waitFor();
				await page.waitForTimeout(3_000);
				await fill(page, datanet);
				// As on another day: nothing is known yet.
				await page.goto(`${url}/govern`);
				await page.getByRole('heading', { level: 1 }).waitFor();
				const walked = await walk(page, root ?? '');
				const worst = (of: (one: Walked) => number) => Math.max(...Object.values(walked).map(of));
				return {
					lineage_ms: worst(({ first }) => first),
					lineage_more_ms: worst(({ more = 0, table = 0 }) => Math.max(more, table)),
					lineage_walked: walked
				};
			},
			{ serviceWorker: false }
		);
	} finally {
		rmSync(folder, { recursive: true });
	}
}

async function importRows(page: Page, url: string, file: string): Promise<string> {
	await chooseImport(page, url, 'Large', file);
	await page.getByRole('button', { name: 'Import', exact: true }).click();
	await page.getByText(/rows added/).waitFor();
	return /datanets\/([0-9a-f]{32})/.exec(page.url())?.[1] ?? '';
}

/** Merkle roots of two versions of the Datanet, which hold the same rows but one. */
async function twoVersions(page: Page, datanet: string): Promise<string[]> {
	const roots: string[] = [];
	const row = {
		content: { kind: 'passage', text: 'One row more than the version before it has.' },
		licence: 'CC0-1.0',
		source: 'bench',
		language: 'en',
		tags: []
	};
	for (const i of [0, 1]) {
		const calls = [
			{ method: 'open', args: [datanet] },
			...(i > 0 ? [{ method: 'add', args: [datanet, [row]] }] : []),
			{ method: 'freeze', args: [datanet, `Version ${i + 1}`, `freeze-${i}`, 'listener'] }
		];
		const made = (await callWorker(page, 'datanets', calls)).at(-1)?.value as { root: string };
		roots.push(made.root);
	}
	return roots;
}

/** Writes replies, receipts and settlements as the app keeps them. */
async function fill(page: Page, datanet: string): Promise<void> {
	await page.evaluate(
		async ({ datanet, replies, moved, settlements, adapter, chain, firstReceipt }) => {
			const open = (name: string) =>
				new Promise<IDBDatabase>((resolve, reject) => {
					const opening = indexedDB.open(name);
					opening.onerror = () => reject(opening.error);
					opening.onsuccess = () => resolve(opening.result);
				});
			const all = async <T>(name: string, store: string): Promise<T[]> => {
				const database = await open(name);
				const found = await new Promise<T[]>((resolve) => {
					const reading = database.transaction(store).objectStore(store).getAll();
					reading.onsuccess = () => resolve(reading.result as T[]);
				});
				database.close();
				return found;
			};
			const put = async (name: string, store: string, records: object[]) => {
				const database = await open(name);
				const writing = database.transaction(store, 'readwrite');
				for (const record of records) writing.objectStore(store).put(record);
				await new Promise((resolve, reject) => {
					writing.oncomplete = resolve;
					writing.onerror = () => reject(writing.error);
				});
				database.close();
			};
			const rows = (await all<{ id: string; contributor: string }>('openledger-datanets', 'rows')).slice(
				0,
				4_000
			);
			const hash = (i: number) => `0x${i.toString(16).padStart(64, '0')}`;
			const { name, config, weights, base } = adapter;
			const files = { config, weights };
			const time = (i: number) => Date.now() - (replies - i) * 600_000;
			const numbers = (count: number) => Array.from({ length: count }, (_, i) => (i * 37) % 2_000);
			const transcript = () => ({
				salt: hash(7),
				prompt: numbers(120),
				reply: numbers(48),
				query: new Int8Array(1_792),
				entries: []
			});
			const receipt = (i: number) => ({
				id: hash(firstReceipt + i),
				time: Math.floor(time(i) / 1000),
				tokens: { prompt: 120, reply: 48 },
				unmeasured: null
			});
			const place = (i: number, k: number) =>
				k === 0 && i % 2 === 0 ? 0 : 1 + ((i * 131 + k * 17) % (rows.length - 1));
			await put(
				'openledger-attribution',
				'attributions',
				Array.from({ length: replies }, (_, i) => {
					const chosen = [...new Set(Array.from({ length: moved }, (_, k) => place(i, k)))];
					const share = Math.floor(40_000 / chosen.length);
					const shares = chosen.map((at, k) => ({
						row: at,
						contribution: rows[at]?.id,
						contributor: 1,
						text: `Row ${at}: ${'some words of it '.repeat(12)}`,
						licence: 'CC0-1.0',
						source: 'bench',
						datanet: { name: 'Large', id: datanet },
						score: 100 - k,
						share
					}));
					const contributors = share * chosen.length;
					return {
						id: `reply-${i}`,
						conversation: `talk-${Math.floor(i / 4)}`,
						adapter: { id: weights, name, files },
						model: {
							id: 'bundled:nano',
							sha256: base
						},
						state: 'measured',
						text: `Answer ${i} says something. `.repeat(6),
						from: 0,
						time: time(i),
						price: 0n,
						parts: { base: 15_535, contributors, unattributed: 50_000 - contributors },
						contributors: [{ id: 1, name: 'You', address: rows[0]?.contributor, share: contributors }],
						rows: shares,
						contributions: shares.map(({ contribution }) => contribution),
						receipt: receipt(i),
						transcript: transcript()
					};
				})
			);
			await put(
				'openledger-ledger',
				'receipts',
				Array.from({ length: replies }, (_, i) => ({
					id: receipt(i).id,
					chain: chain,
					model: 2,
					host: 0,
					amount: 10n ** 15n,
					time: time(i),
					reply: `reply-${i}`,
					conversation: `talk-${Math.floor(i / 4)}`,
					adapter: name,
					receipt: receipt(i),
					transcript: transcript(),
					settlement: `00000000-0000-4000-8000-${String(i % settlements).padStart(12, '0')}`
				}))
			);
			await put(
				'openledger-ledger',
				'settlements',
				Array.from({ length: settlements }, (_, s) => {
					const receipts = Array.from(
						{ length: replies / settlements },
						(_, k) => receipt(k * settlements + s).id
					);
					const amount = BigInt(receipts.length) * 10n ** 15n;
					return {
						id: `00000000-0000-4000-8000-${String(s).padStart(12, '0')}`,
						chain: chain,
						payer: rows[0]?.contributor,
						nonce: s,
						batches: [{ model: 2, host: 0, amount, nonce: s, transcripts: '0x', leaves: '0x', receipts }],
						amount,
						mode: 'auditable',
						time: time(s * 50),
						since: 0,
						state: 'settled',
						batch: s + 1,
						final: 1
					};
				})
			);
		},
		{
			...{ datanet, replies: REPLIES, moved: MOVED, settlements: SETTLEMENTS },
			adapter: finance(),
			chain: CHAIN,
			firstReceipt: RECEIPT
		}
	);
}

interface Walked {
	/** Processor time in ms from a link to what it leads to, the first time and the second. */
	first: number;
	again: number;
	/** The same for all neighbours of a kind, and for their table; absent where there are no more than stand there at once. */
	more?: number;
	table?: number;
}

async function walk(page: Page, root: string): Promise<Record<string, Walked>> {
	const { row, person } = await firstRow(page);
	const { weights, base } = finance();
	const places = Object.entries({
		start: '/lineage',
		answer: '/lineage?of=reply:reply-500',
		row: `/lineage?of=row:${row}`,
		person: `/lineage?of=contributor:${person}`,
		version: `/lineage?of=datanet:${root}`,
		adapter: `/lineage?of=adapter:${weights}`,
		base: `/lineage?of=base:${base}`,
		receipt: `/lineage?of=receipt:${hash(RECEIPT + 400)}`,
		payment: `/lineage?of=settlement:${CHAIN}.7`,
		mine: '/lineage/mine',
		use: '/lineage/usage'
	});
	const pid = await rendererOf(page);
	const found: Record<string, Walked> = {};
	for (const [name, path] of places) {
		const shown = path.includes('of=')
			? '[data-lineage]'
			: path === '/lineage'
				? 'main a[href*="of="]'
				: 'main table:visible';
		const go = async () => {
			await visit(page, '/govern');
			await page.waitForTimeout(1_500);
			return cost(pid, async () => {
				await visit(page, path);
				await page.locator(shown).first().waitFor();
			});
		};
		const walked: Walked = { first: await go(), again: await go() };
		found[name] = walked;
		const more = page.getByRole('button', { name: /^More of/ });
		if ((await more.count()) > 0) {
			const before = await page.locator(shown).count();
			walked.more = await cost(pid, async () => {
				await more.first().click();
				await page.waitForFunction(
					(many) => document.querySelectorAll('[data-lineage]').length > many,
					before
				);
			});
			walked.table = await cost(pid, async () => {
				await page.getByRole('radio', { name: 'Table' }).click();
				await page.getByRole('table').waitFor();
			});
		}
		console.error(name, walked);
	}
	return found;
}

/** What a process computes meanwhile, in ms, on all its threads. */
async function cost(pid: number, work: () => Promise<void>): Promise<number> {
	const used = () => {
		const [, fields = ''] = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ');
		const [user, system] = fields.split(' ').slice(11, 13);
		return (Number(user) + Number(system)) * 10;
	};
	const before = used();
	await work();
	return used() - before;
}

async function firstRow(page: Page): Promise<{ row: string; person: string }> {
	return page.evaluate(
		() =>
			new Promise((resolve) => {
				const opening = indexedDB.open('openledger-datanets');
				opening.onsuccess = () => {
					const reading = opening.result.transaction('rows').objectStore('rows').getAll(undefined, 1);
					reading.onsuccess = () => {
						opening.result.close();
						const [{ id: row, contributor: person }] = reading.result as [
							{ id: string; contributor: string }
						];
						resolve({ row, person });
					};
				};
			})
	);
}

/** The example adapter: it wrote all replies. */
function finance() {
	const manifest = JSON.parse(
		readFileSync(new URL('../../static/adapters/finance/openledger.json', import.meta.url), 'utf8')
	) as { name: string; files: Record<string, string> };
	const { 'adapter_config.json': config = '', 'adapter_model.safetensors': weights = '' } = manifest.files;
	return { name: manifest.name, config, weights, base: NANO };
}

const hash = (i: number) => `0x${i.toString(16).padStart(64, '0')}`;
