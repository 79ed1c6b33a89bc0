import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Download } from 'playwright';
import { expect, onTestFinished } from 'vitest';
import { visit } from '#test/support/visit.ts';
import { formatReceipt } from '#workers/attribution/receipts/receipt-file.ts';
import type { Receipt, Transcript } from '#workers/attribution/receipts/receipt.ts';
import type { App } from './app.ts';

/** A reply's attribution, as the app keeps it. */
export interface Stored {
	state: string;
	reason?: string;
	text: string;
	parts?: { base: number; contributors: number; unattributed: number };
	contributors: { id: number; name?: string; share: number }[];
	rows: { contributor: number; share: number; text?: string; licence?: string; source?: string }[];
	receipt?: Receipt;
	/** The query vector as plain numbers. */
	transcript: Omit<Transcript, 'query'> & { query: number[] };
}

/** Records of replies, as the app keeps them. */
export function records(app: App): Promise<Stored[]> {
	return app.page.evaluate(
		() =>
			new Promise<Stored[]>((resolve, reject) => {
				const open = indexedDB.open('openledger-attribution');
				open.onerror = () => reject(open.error ?? new Error('no database'));
				open.onsuccess = () => {
					const database = open.result;
					if (!database.objectStoreNames.contains('attributions')) return resolve([]);
					const all = database.transaction('attributions').objectStore('attributions').getAll();
					all.onerror = () => reject(all.error ?? new Error('no records'));
					all.onsuccess = () => {
						database.close();
						const plain = (record: Stored) => {
							const { transcript } = record;
							return { ...record, transcript: { ...transcript, query: Array.from(transcript.query) } };
						};
						// Prices are bigints, which do not cross; nothing here asks for them.
						resolve((all.result as Stored[]).map((record) => ({ ...plain(record), price: undefined })));
					};
				};
			})
	);
}

/** Waits until nothing is left to measure. */
export async function measured(app: App, count: number): Promise<Stored[]> {
	const settled = ({ state }: Stored) => state === 'measured' || state === 'unmeasured';
	await expect
		.poll(async () => (await records(app)).filter(settled).length, { timeout: 100_000 })
		.toBe(count);
	return records(app);
}

/** Files of the adapter whose page offers them, as they are downloaded. */
export async function packageOf(app: App, adapter: string): Promise<Map<string, Buffer>> {
	const { page } = app;
	await visit(page, '/adapters');
	await page.getByRole('button', { name: `More about ${adapter}` }).click();
	const downloads: Download[] = [];
	page.on('download', (download) => downloads.push(download));
	await page.getByRole('menuitem', { name: 'Save the PEFT files' }).click();
	await expect.poll(() => downloads.length, { timeout: 30_000 }).toBe(4);
	const read = async (download: Download) =>
		[download.suggestedFilename(), await readFile(await download.path())] as const;
	return new Map(await Promise.all(downloads.map(read)));
}

/** Runs `npm run verify` on a receipt and a package in a folder of their own. */
export function verifyOutside(
	record: Stored,
	files: ReadonlyMap<string, Buffer>,
	change: Partial<Receipt> = {}
) {
	if (!record.receipt) throw new Error('no receipt');
	const folder = mkdtempSync(join(tmpdir(), 'receipt-'));
	onTestFinished(() => rmSync(folder, { recursive: true }));
	for (const [name, bytes] of files) writeFileSync(join(folder, name), bytes);
	const { transcript } = record;
	const opened = { ...transcript, query: Int8Array.from(transcript.query) };
	const receipt = { ...record.receipt, ...change };
	writeFileSync(join(folder, 'receipt.json'), formatReceipt({ receipt, transcript: opened }));
	const command = [
		'workers/attribution/receipts/verify.cli.ts',
		join(folder, 'receipt.json'),
		'--adapter',
		folder
	];
	const { status, stdout, stderr } = spawnSync(process.execPath, command, { encoding: 'utf8' });
	return { status, said: stdout + stderr };
}

/** An index of which one number of one row was changed. */
export function otherRow(index: Buffer): Buffer {
	const header = Number(index.readBigUInt64LE());
	const { rows } = JSON.parse(index.toString('utf8', 8, 8 + header)) as {
		rows: { data_offsets: [number, number] };
	};
	const changed = Buffer.from(index);
	const at = 8 + header + rows.data_offsets[0] + 5;
	changed[at] = (changed[at] ?? 0) ^ 1;
	return changed;
}
