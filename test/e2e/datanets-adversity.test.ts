import { randomBytes } from 'node:crypto';
import { appendFileSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { expect, inject, onTestFinished, test } from 'vitest';
import { datanetFile } from '#test/support/bundles.ts';
import { contribution, pair } from '#test/support/datanet.ts';
import { Dice } from '#test/support/dice.ts';
import { fileArgument, listener, WorkerTab } from '#test/support/worker-tab.ts';
import { zip } from '#test/support/zip.ts';
import type { ImportReport } from '#workers/datanets/import/import.ts';
import type { Hex } from '#workers/datanets/hash.ts';
import { App } from './app.ts';
import { DatanetsApp, textFile } from './datanets-app.ts';
import { dump, listed, violations } from './datanets-store.ts';

const url = () => inject('appUrl');

/** A profile of its own with a worker in it, and nothing of the pages. */
async function worker() {
	const { context } = await App.open({ path: '/favicon.svg' });
	const another = () => WorkerTab.open(context, url(), 'datanets');
	const tab = await another();
	const { value: datanet } = await tab.call<string>('create', { name: 'Tried' });
	return { context, tab, datanet, another };
}

function importInto(tab: WorkerTab, datanet: string, ...files: ReturnType<typeof fileArgument>[]) {
	return tab.call<ImportReport>(
		'importFiles',
		datanet,
		{ files },
		{
			mapping: { kind: 'pair', prompt: ['prompt'], response: 'response' },
			defaults: { licence: 'CC0-1.0', source: '', language: '', tags: [] },
			skipDuplicates: true
		},
		'import',
		listener
	);
}

const jsonl = (rows: object[]) =>
	new TextEncoder().encode(rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
const numbered = (prefix: string, count: number) =>
	jsonl(
		Array.from({ length: count }, (_, i) => ({
			prompt: `${prefix} ${i}`,
			response: `${prefix} ${i} `.repeat(99)
		}))
	);

test('two tabs that change one Datanet at the same time lose nothing that either was told is saved', async () => {
	const { tab, datanet, another } = await worker();
	await importInto(tab, datanet, fileArgument('a.jsonl', numbered('row', 60)));
	const dice = new Dice();
	const tabs = [tab, await another()];
	const start = listed(await dump(tab.page), datanet);
	const present = new Set<Hex>();
	const absent = new Set<Hex>();
	let refused = 0;
	await Promise.all(
		tabs.map(async (one, n) => {
			for (let i = 0; i < 25; i++) {
				const id = dice.pick(start);
				try {
					if (i % 5 === 4) {
						const row = {
							content: pair(`tab ${n}`, `${i}`),
							licence: '',
							source: '',
							language: '',
							tags: []
						};
						const { value } = await one.call<Hex[]>('add', datanet, [row]);
						value.forEach((made) => present.add(made));
					} else {
						const { value } = await one.call<Hex>(
							'edit',
							datanet,
							id,
							{ content: pair(`tab ${n}, ${i}`, id) },
							0
						);
						absent.add(id);
						present.add(value);
					}
				} catch (error) {
					// The other tab was faster with this row: said, not lost.
					expect(String(error)).toContain('datanet/changed');
					refused++;
				}
			}
		})
	);
	const state = await dump(tab.page);
	expect(violations(state)).toEqual([]);
	const now = new Set(listed(state, datanet));
	expect([...present].filter((id) => !now.has(id))).toEqual([]);
	expect([...absent].filter((id) => now.has(id))).toEqual([]);
	expect(now.size).toBe(start.length + 10);
	expect(present.size + refused).toBe(50);
});

test('what one tab changes the other shows', async () => {
	const first = await DatanetsApp.open();
	await first.create('Shared');
	const page = await first.app.context.newPage();
	await page.goto(first.page.url());
	await first.page.getByRole('link', { name: /Write a row/ }).click();
	const dialog = first.page.getByRole('dialog');
	await dialog.getByRole('textbox', { name: 'Prompt' }).fill('What is a joint?');
	await dialog.getByRole('textbox', { name: 'Response' }).fill('Where two bones meet.');
	await first.button('Add', dialog).click();
	await page.getByRole('row').filter({ hasText: 'Where two bones meet.' }).waitFor();
	expect(await page.getByRole('row').count()).toBe(2);
});

test('a newer version of the app in another tab is not kept waiting, and the old tab says what to do', async () => {
	const old = await DatanetsApp.open();
	await old.create('Old');
	await old.preview(textFile('rows.jsonl', '{"prompt":"kept","response":"row"}\n'));
	await old.import();
	const newer = await old.app.context.newPage();
	await newer.goto(`${url()}/favicon.svg`);
	const upgraded = await newer.evaluate(
		() =>
			new Promise<string>((resolve, reject) => {
				const request = indexedDB.open('openledger-datanets', 1_000);
				request.onupgradeneeded = () => request.result.createObjectStore('of-a-later-version');
				request.onblocked = () => setTimeout(() => reject(new Error('kept waiting')), 5_000);
				request.onerror = () => reject(request.error);
				request.onsuccess = () => {
					const rows = request.result.transaction('rows').objectStore('rows').count();
					rows.onsuccess = () => resolve(`${rows.result} row`);
				};
			})
	);
	expect(upgraded).toBe('1 row');
	await old.page.getByText('A newer version of this app is open in another tab.').waitFor();
});

test('a full disk in the middle of an import is said, leaves nothing, and the import works once there is room', async () => {
	const { context, page } = await App.open({ path: '/favicon.svg' });
	const session = await context.newCDPSession(page);
	const origin = new URL(url()).origin;
	// Before anything is written: from then on Chromium goes by the room that it saw, for half a minute.
	await session.send('Storage.overrideQuotaForOrigin', { origin, quotaSize: 3_000_000 });
	const tab = await WorkerTab.open(context, url(), 'datanets');
	const { value: datanet } = await tab.call<string>('create', { name: 'Tried' });
	// Nothing that the browser could store smaller than it is.
	const rows = Array.from({ length: 5_000 }, (_, i) => ({
		prompt: `large ${i}`,
		response: randomBytes(900).toString('base64')
	}));
	const file = fileArgument('large.jsonl', jsonl(rows));
	await expect(importInto(tab, datanet, file)).rejects.toThrow('storage/full');
	await session.send('Storage.overrideQuotaForOrigin', { origin });
	const state = await dump(tab.page);
	expect(violations(state)).toEqual([]);
	expect(state.rows).toEqual([]);
	const small = fileArgument('small.jsonl', numbered('small', 500));
	expect((await importInto(tab, datanet, small)).value.added).toBe(500);
});

test('files made to do harm cost a sentence each, and the good file beside them goes in', async () => {
	const { tab, datanet } = await worker();
	const cell = 'x'.repeat(9_000_000);
	const { value } = await importInto(
		tab,
		datanet,
		fileArgument('cell.csv', new TextEncoder().encode(`prompt,response\na,${cell}\nb,good\n`)),
		fileArgument('bomb.docx', zip({ 'word/document.xml': new Uint8Array(110_000_000) })),
		fileArgument('bomb.jsonl.gz', gzipSync(Buffer.alloc(100_000_000, 32))),
		fileArgument('good.jsonl', jsonl([{ prompt: 'c', response: 'good' }]))
	);
	expect(value.added).toBe(2);
	expect(value.problems.map(({ file, at }) => [file, at])).toEqual([
		['cell.csv', 2],
		['bomb.docx', 0],
		['bomb.jsonl.gz', 1]
	]);
	expect(value.problems.map(({ reason }) => reason).join('\n')).toMatch(
		/longer than .*\n.*100 MB.*\nlonger than/s
	);
	expect(violations(await dump(tab.page))).toEqual([]);
});

test('a bundle that was changed is refused by the page in words, and nothing comes in', async () => {
	const person = await DatanetsApp.open();
	const rows = Array.from({ length: 3 }, (_, i) => contribution(pair(`question ${i}`, `answer ${i}`)));
	const whole = Buffer.from(await datanetFile('d'.repeat(32), 'Bones', rows));
	const text = gunzipSync(whole).toString();
	for (const [change, says] of [
		[text.replace(/"root":"0x../, '"root":"0x12'), 'A version does not add up to its root.'],
		[text.replace('answer 1', 'ANSWER 1'), 'A row cannot be read: its content does not match'],
		[text.slice(0, text.length / 2), 'This file cannot be used']
	] as const) {
		expect(change).not.toBe(text);
		const buffer = gzipSync(change);
		const file = { name: 'changed.datanet', mimeType: 'application/octet-stream', buffer };
		await person.choose(person.button(/^Start from files/), file);
		await person.page.getByText(says).waitFor();
		await person.button('Dismiss').first().click();
	}
	expect((await dump(person.page)).datanets).toEqual([]);
});

test('a bundle of a million rows is refused at once, and one that hides them behind a smaller number too', async () => {
	const person = await DatanetsApp.open();
	const folder = mkdtempSync(join(tmpdir(), 'million-'));
	onTestFinished(() => rmSync(folder, { recursive: true }));
	const rows = Array.from({ length: 1_000 }, (_, i) => contribution(pair(`question ${i}`, `answer ${i}`)));
	const [first = '', ...rest] = gunzipSync(await datanetFile('d'.repeat(32), 'Bones', rows))
		.toString()
		.split('\n');
	const lines = Buffer.from(`${rest.filter((line) => line.includes('"row"')).join('\n')}\n`);
	for (const [count, says] of [
		[1_000_000, 'This file holds more than one Datanet can.'],
		[1_000, 'it does not hold as many rows as it says']
	] as const) {
		const path = join(folder, `${count}.datanet`);
		writeFileSync(path, `${first.replace('"rows":1000', `"rows":${count}`)}\n`);
		for (let i = 0; i < 1_000; i++) appendFileSync(path, lines);
		expect(statSync(path).size).toBeGreaterThan(300_000_000);
		const [chooser] = await Promise.all([
			person.page.waitForEvent('filechooser'),
			person.button(/^Start from files/).click()
		]);
		await chooser.setFiles(path);
		await person.page.getByText(says).first().waitFor({ timeout: 20_000 });
		await person.button('Dismiss').first().click();
		rmSync(path);
	}
	const state = await dump(person.page);
	expect([state.datanets, state.rows, state.staging]).toEqual([[], [], 0]);
});

const SCRIPT =
	'<img src=x onerror="window.ran=1"><script>window.ran=1</script><a href="javascript:window.ran=1">x</a>';

test('HTML and script in every field are text, on every page', async () => {
	const person = await DatanetsApp.open();
	const row = contribution(
		{ kind: 'pair', prompt: `p ${SCRIPT}`, response: `r ${SCRIPT}`, system: `s ${SCRIPT}` },
		{ licence: `l ${SCRIPT}`, source: `o ${SCRIPT}`, language: 'en', tags: [`t ${SCRIPT}`.slice(0, 60)] }
	);
	const better = contribution(pair(`p2 ${SCRIPT}`, `r2 ${SCRIPT}`), { parent: row.id, parentShare: 5_000 });
	const id = 'e'.repeat(32);
	const buffer = Buffer.from(await datanetFile(id, `n ${SCRIPT}`, [row, better]));
	await person.choose(person.button(/^Start from files/), {
		name: 'hostile.datanet',
		mimeType: 'application/octet-stream',
		buffer
	});
	await person.page.waitForURL(new RegExp(id));
	await person.button('Edit').click();
	await person.page.getByRole('textbox', { name: 'In one sentence' }).fill(`u ${SCRIPT}`);
	await person.page
		.getByRole('textbox', { name: 'Description' })
		.fill(`d ${SCRIPT}\n\n[x](javascript:window.ran=1)`);
	await person.page.getByRole('textbox', { name: 'Licences that rows may have' }).fill(SCRIPT);
	await person.button('Save').click();
	await person.page.getByText(`u ${SCRIPT}`).waitFor();
	await person.tab('Checks');
	await person.button('Check all rows').click();
	await person.page.getByText('What was found').waitFor();
	await person.tab('Rows');
	await person.row(`p ${SCRIPT}`).waitFor();
	await person.row(`p2 ${SCRIPT}`).getByRole('gridcell').nth(1).click();
	await person.page.keyboard.press('o');
	await person.page.getByRole('region', { name: /^Row/ }).waitFor();
	await person.tab('Versions');
	await person.page.getByRole('list').first().waitFor();
	await person.page.goto(`${url()}/datanets`);
	await person.page.getByText(`n ${SCRIPT}`).waitFor();
	expect(await person.page.evaluate(() => (window as { ran?: number }).ran)).toBeUndefined();
});

test('right-to-left writing and emoji are shown, found and kept as they are', async () => {
	const person = await DatanetsApp.open();
	await person.create('كتاب 📗');
	const arabic = 'ما هو المفصل؟';
	const answer = 'حيث تلتقي عظمتان 👩‍🔬🦴';
	await person.preview(
		textFile(
			'rows.jsonl',
			`${JSON.stringify({ prompt: arabic, response: answer })}\n{"prompt":"other","response":"row"}\n`
		)
	);
	expect(await person.import()).toBe('2 rows added');
	await person.tab('Rows');
	const text = person.row(arabic).getByText(answer);
	await text.waitFor();
	expect(await text.evaluate((element) => getComputedStyle(element).direction)).toBe('rtl');
	await person.page.getByRole('searchbox', { name: 'Search rows' }).fill('المفصل');
	await person.row('other').waitFor({ state: 'detached' });
	const dialog = await person.share('Save as a file');
	await dialog.getByRole('radio', { name: /JSON Lines/ }).check();
	const file = await person.download(person.button('Save', dialog));
	expect(JSON.parse(file.buffer.toString().split('\n')[0] ?? '')).toMatchObject({
		prompt: arabic,
		response: answer
	});
});
