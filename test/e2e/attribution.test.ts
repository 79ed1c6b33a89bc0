import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Download } from 'playwright';
import { expect, inject, onTestFinished, test } from 'vitest';
import { visit } from '#test/support/visit.ts';
import { formatReceipt } from '#workers/attribution/receipts/receipt-file.ts';
import type { Receipt, Transcript } from '#workers/attribution/receipts/receipt.ts';
import { App } from './app.ts';

const short = { reply: { maxNewTokens: 48, temperature: 0, seed: 1 } };

interface Stored {
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
function records(app: App): Promise<Stored[]> {
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
async function measured(app: App, count: number): Promise<Stored[]> {
	const settled = ({ state }: Stored) => state === 'measured' || state === 'unmeasured';
	await expect
		.poll(async () => (await records(app)).filter(settled).length, { timeout: 100_000 })
		.toBe(count);
	return records(app);
}

test('the first reply of an example adapter has shares that add up, and names rows and people', async () => {
	// Isolated: attribution takes several threads.
	const app = await App.open({ preferences: short, url: inject('isolatedUrl') });
	await app.page.getByRole('button', { name: /^Adapter:/ }).waitFor();
	await app.chooseAdapter(0);
	await app.ask('What is patella?');
	await app.settled();
	const [record] = await measured(app, 1);
	if (!record?.parts || !record.receipt) throw new Error('nothing was measured');
	expect(record).toMatchObject({ state: 'measured', receipt: { unmeasured: null } });
	const { base, contributors, unattributed } = record.parts;
	expect(base + contributors + unattributed).toBe(65_535);
	expect(record.contributors.reduce((sum, { share }) => sum + share, 0)).toBe(contributors);
	expect(record.rows.reduce((sum, { share }) => sum + share, 0)).toBe(contributors);
	expect(record.receipt.weights.reduce((sum, { weight }) => sum + weight, 0)).toBe(65_535);
	expect(record.receipt.lift).toBeGreaterThan(0);
	expect(contributors).toBeGreaterThan(0);
	for (const row of record.rows) {
		expect(row).toMatchObject({ licence: 'CC-BY-4.0', source: expect.stringContaining('OpenStax') });
		expect(row.text).toMatch(/^What is /);
	}
	for (const { name } of record.contributors) expect(name).toMatch(/\w+ \w+/);
});

test('chat comes first: a question ends the measuring, which begins again when it is quiet; what a closed tab left unmeasured is measured at the next visit', async () => {
	const app = await App.open({ preferences: short });
	await app.page.getByRole('button', { name: /^Adapter:/ }).waitFor();
	await app.chooseAdapter(0);
	await app.ask('What is tendon?');
	await app.settled();
	await expect
		.poll(async () => (await records(app)).map(({ state }) => state), { timeout: 60_000, interval: 20 })
		.toContain('measuring');
	await app.ask('What is trachea?');
	await app.settled(2);
	const both = await measured(app, 2);
	expect(both.map(({ state }) => state)).toEqual(['measured', 'measured']);

	await app.ask('What is sacrum?');
	await app.settled(3);
	await app.page.reload();
	const all = await measured(app, 3);
	expect(all.map(({ state }) => state)).toEqual(['measured', 'measured', 'measured']);
});

/** Files of the adapter whose page offers them, as they are downloaded. */
async function packageOf(app: App, adapter: string): Promise<Map<string, Buffer>> {
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
function verifyOutside(record: Stored, files: ReadonlyMap<string, Buffer>, change: Partial<Receipt> = {}) {
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
function otherRow(index: Buffer): Buffer {
	const header = Number(index.readBigUInt64LE());
	const { rows } = JSON.parse(index.toString('utf8', 8, 8 + header)) as {
		rows: { data_offsets: [number, number] };
	};
	const changed = Buffer.from(index);
	const at = 8 + header + rows.data_offsets[0] + 5;
	changed[at] = (changed[at] ?? 0) ^ 1;
	return changed;
}

test('a trained adapter gets its index; its replies are measured, and its package confirms their receipts elsewhere', async () => {
	const bones = ['humerus', 'radius', 'ulna', 'femur', 'tibia', 'fibula', 'patella', 'sternum'];
	const says = ['holds the arm', 'turns with the hand', 'makes the elbow', 'bears the body', 'is the shin'];
	const rows = bones.map(
		(bone, i) => `What is the ${bone}?\tThe ${bone} ${says[i % 5]}, and is bone ${i + 3}.`
	);
	const app = await App.open({ path: '/factory/new', preferences: short });
	const { page } = app;
	await page.getByRole('textbox', { name: 'Rows' }).fill(rows.join('\n'));
	await page.getByRole('button', { name: 'Use these rows' }).click();
	await page.getByText('Advanced settings, and several runs at once').click();
	const fill = (name: string, value: number) =>
		page.getByRole('spinbutton', { name, exact: true }).fill(String(value));
	await fill('Steps', 6);
	await fill('Tokens in a batch', 128);
	await fill('Steps between checks', 6);
	await page.getByRole('textbox', { name: 'Name' }).fill('Bones');
	await page.getByRole('button', { name: 'Train', exact: true }).click();
	await page.getByText('Finished', { exact: true }).waitFor({ timeout: 120_000 });
	await page.getByRole('button', { name: 'Save the adapter' }).click();
	await page.getByText(/\d+ rows are indexed/).waitFor({ timeout: 120_000 });
	await page.getByRole('button', { name: 'Use it in a chat' }).click();
	await page.getByRole('button', { name: 'Adapter: Bones' }).waitFor();
	await app.ask('What is the femur?');
	await app.settled();
	const [record] = await measured(app, 1);
	if (!record?.parts) throw new Error('nothing was measured');
	expect(record).toMatchObject({ state: 'measured' });
	expect(record.parts.base + record.parts.contributors + record.parts.unattributed).toBe(65_535);

	const files = await packageOf(app, 'Bones');
	expect([...files.keys()]).toContain('attribution.safetensors');
	const right = verifyOutside(record, files);
	expect(right.said).toContain('"confirmed"');
	expect(right.status).toBe(0);
	const edited = verifyOutside(record, files, { lift: (record.receipt?.lift ?? 0) + 1 });
	expect(edited).toMatchObject({ status: 1, said: expect.stringContaining('identity') });

	// A package whose index is cut, or another's, is refused in words; without one, nothing is guessed.
	const region = page.getByRole('region', { name: 'Adapters' });
	const pick = async (changed: ReadonlyMap<string, Buffer>) => {
		const chooser = page.waitForEvent('filechooser');
		await region.getByRole('button', { name: 'Import', exact: true }).click();
		const picked = [...changed].map(([name, buffer]) => ({
			name,
			mimeType: 'application/octet-stream',
			buffer
		}));
		await (await chooser).setFiles(picked);
	};
	const index = files.get('attribution.safetensors') ?? Buffer.from('');
	for (const [wrong, reason] of [
		[index.subarray(0, index.length - 50), /attribution index cannot be used/],
		[otherRow(index), /rows of this attribution index are not those that it names/],
		[await readFile('static/adapters/finance/attribution.safetensors'), /was made for another adapter/]
	] as const) {
		await pick(new Map([...files, ['attribution.safetensors', wrong]]));
		const alert = region.getByRole('alert');
		await alert.waitFor();
		expect(await alert.innerText()).toMatch(reason);
		await alert.getByRole('button', { name: 'Dismiss' }).click();
	}
}, 400_000);
