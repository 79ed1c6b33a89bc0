import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Locator } from 'playwright';
import { expect, inject, onTestFinished, test } from 'vitest';
import { violations } from '#test/support/axe.ts';
import { visit } from '#test/support/visit.ts';
import { formatReceipt } from '#workers/attribution/receipts/receipt-file.ts';
import { makeEmptyReceipt } from '#workers/attribution/receipts/receipt.ts';
import { App } from './app.ts';
import { DatanetsApp, textFile, type Upload } from './datanets-app.ts';
import { seeing, seeWordsAndReceipt } from './panel.ts';
import { measured } from './receipts.ts';

const preferences = { reply: { maxNewTokens: 48, temperature: 0, seed: 1 } };

/** A reply of the finance adapter, measured. */
async function measuredReply(app: App, question = 'What is inflation?'): Promise<Locator> {
	await app.page.getByRole('button', { name: /^Adapter:/ }).waitFor();
	await app.chooseAdapter(1);
	await app.ask(question);
	await app.settled();
	const line = lineOf(app);
	await expect
		.poll(() => line.innerText(), { timeout: 90_000 })
		.toMatch(/from \d+ p|base model’s own|stands out/);
	return line;
}

const lineOf = (app: App) =>
	app.replies.first().getByRole('button', { name: /^Whose knowledge is in this answer/ });
const beside = (app: App) =>
	app.page.getByRole('complementary', { name: 'Whose knowledge is in this answer?' });

/** Words that are marked so. */
const marked = (app: App, kind: 'same-words' | 'pointed') =>
	app.page.evaluate((name) => [...(CSS.highlights.get(name)?.values() ?? [])].map(String), `reply-${kind}`);

/** Where the first marked words are drawn. */
const placeOf = (app: App, kind: 'same-words') =>
	app.page.evaluate((name) => {
		const [range] = CSS.highlights.get(name)?.values() ?? [];
		const { x, y, height } = (range as Range).getClientRects()[0] ?? new DOMRect();
		return { x, y, height };
	}, `reply-${kind}`);

test('a bar arrives under the reply without moving anything, of shares that add up and name rows and people; each sentence says who moved it', async () => {
	// Greedy and without a penalty the adapter says what stands in its rows.
	const reply = { ...preferences.reply, repetitionPenalty: 1 };
	// Isolated: attribution takes several threads.
	const app = await App.open({ preferences: { reply }, url: inject('isolatedUrl') });
	await app.page.getByRole('button', { name: /^Adapter:/ }).waitFor();
	await app.chooseAdapter(0);
	// Where the reply's tools stand, in every frame from the first word to the measured bar.
	await app.page.evaluate(() => {
		const tops: number[] = [];
		Object.assign(window, { tops });
		const look = () => {
			const copy = document.querySelector('[aria-label="Copy reply"]');
			if (copy) tops.push(Math.round(copy.getBoundingClientRect().top));
			requestAnimationFrame(look);
		};
		look();
	});
	await app.ask('What is femoropatellar joint?');
	const line = lineOf(app);
	await expect.poll(() => line.innerText().catch(() => ''), { timeout: 90_000 }).toMatch(/from \d+ people/);
	expect(await line.getAttribute('aria-expanded')).toBe('false');
	expect(await line.ariaSnapshot()).toMatch(/It is: The base model \d+ %, .* \d+ %/);
	const tops = await app.page.evaluate(() => (window as unknown as { tops: number[] }).tops);
	expect(tops.length).toBeGreaterThan(10);
	expect([...new Set(tops)]).toHaveLength(1);

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

	const text = await app.text();
	const words = app.replies.first().locator('.markdown p').first();
	await words.hover({ position: { x: 20, y: 12 } });
	await expect.poll(() => line.innerText(), { timeout: 30_000 }).toBeTruthy();
	await expect
		.poll(
			async () => {
				await app.page.mouse.move(0, 0);
				await words.hover({ position: { x: 20, y: 12 } });
				return line.innerText();
			},
			{ timeout: 30_000 }
		)
		.toMatch(/This sentence: \w+ \w+ \d+ %/);
	const [sentence = ''] = await marked(app, 'pointed');
	expect(text).toContain(sentence);
	expect(sentence.length).toBeGreaterThan(10);

	// The renderer's own nodes are all there is: nothing was added to mark words.
	expect(await words.locator('*').count()).toBe(0);
	await words.click({ position: { x: 20, y: 12 } });
	await beside(app).getByRole('heading', { name: 'Who moved these words' }).waitFor();
	expect(await beside(app).innerText()).toContain(sentence.slice(0, 20));

	// Words that stand verbatim in rows are underlined; a tap on them opens the rows.
	await expect.poll(() => marked(app, 'same-words'), { timeout: 30_000 }).not.toEqual([]);
	const [same = ''] = await marked(app, 'same-words');
	expect(text).toContain(same);
	const where = await placeOf(app, 'same-words');
	await app.page.mouse.click(where.x + 2, where.y + where.height / 2);
	const elsewhere = beside(app).getByRole('region', { name: 'The same words elsewhere' });
	await elsewhere.getByText(same).first().waitFor();
	const source = elsewhere.getByRole('button').first();
	await source.click();
	await elsewhere.getByText('Licence').first().waitFor();
	const plain = (said: string) => said.toLowerCase().replace(/[^\p{L}\p{N}]+/gu, ' ');
	expect(plain(await elsewhere.innerText())).toContain(plain(same).trim());

	// Words that a person selects are asked for themselves.
	await app.page.keyboard.press('Escape');
	const box = await words.boundingBox();
	if (!box) throw new Error('no words');
	await app.page.mouse.move(box.x + 2, box.y + 10);
	await app.page.mouse.down();
	await app.page.mouse.move(box.x + 150, box.y + 10, { steps: 6 });
	await app.page.mouse.up();
	const selected = await app.page.evaluate(() => String(getSelection()));
	expect(selected.length).toBeGreaterThan(5);
	await expect.poll(() => line.innerText()).toContain('Ask who moved the words you selected');
	await line.click();
	await beside(app).getByRole('heading', { name: 'Who moved these words' }).waitFor();
	const quoted = await beside(app).getByText(/^“/).first().innerText();
	expect(plain(quoted)).toContain(plain(selected).trim().split(' ').slice(1, -1).join(' '));
	await expect
		.poll(
			() =>
				beside(app)
					.getByText(/^(Measuring|Searching)/)
					.count(),
			{ timeout: 30_000 }
		)
		.toBe(0);
	expect(
		await beside(app)
			.getByRole('region', { name: 'Who moved these words' })
			.locator('.figures, .value')
			.count()
	).toBeGreaterThan(0);
});

/** Lets go of a file over a place, as a person would. */
async function drop({ page, context }: App, target: Locator, text: string): Promise<void> {
	const folder = mkdtempSync(join(tmpdir(), 'receipt-'));
	onTestFinished(() => rmSync(folder, { recursive: true }));
	writeFileSync(join(folder, 'receipt.json'), text);
	await target.scrollIntoViewIfNeeded();
	const box = await target.boundingBox();
	const session = await context.newCDPSession(page);
	const data = { items: [], files: [join(folder, 'receipt.json')], dragOperationsMask: 1 };
	for (const type of ['dragEnter', 'dragOver', 'drop'] as const)
		await session.send('Input.dispatchDragEvent', { type, x: (box?.x ?? 0) + 5, y: (box?.y ?? 0) + 5, data });
}

test('by keyboard: the bar opens people, a person rows, a row its Datanet and licence; Escape goes back. Its receipt is downloaded, confirmed here and from its file; changed by hand it is refuted', async () => {
	const app = await App.open({ preferences });
	const line = await measuredReply(app);
	const { see, found } = seeing(app);
	await see('line');
	await line.focus();
	await app.page.keyboard.press('Enter');
	const panel = beside(app);
	await panel.getByText('What it would have said by itself.').waitFor();
	expect(
		await panel.getByRole('heading', { level: 2 }).evaluate((element) => element === document.activeElement)
	).toBe(true);
	const person = panel.getByRole('button', { name: /rows?\b.* %/ }).first();
	await person.focus();
	await app.page.keyboard.press('Enter');
	const rows = panel.getByRole('list', { name: /^Rows by / });
	await rows.getByRole('button').first().focus();
	await app.page.keyboard.press('Enter');
	await rows.getByText('CC BY 4.0').or(rows.getByText('CC-BY-4.0')).first().waitFor();
	await rows.getByText('OpenStax').first().waitFor();
	// What the shares are of: the parts add up, give or take rounding.
	const shares = (await panel.locator('.figures').allInnerTexts()).map((text) =>
		parseFloat(text.replace('under', ''))
	);
	expect(Math.abs(shares.reduce((sum, share) => sum + share, 0) - 100)).toBeLessThan(2);
	await see('people');
	await seeWordsAndReceipt(panel, see);
	expect(await app.page.evaluate(() => document.documentElement.scrollWidth)).toBe(1440);
	expect(found).toEqual({});
	await app.page.keyboard.press('Escape');
	await panel.waitFor({ state: 'detached' });
	expect(await line.evaluate((element) => element === document.activeElement)).toBe(true);

	await line.click();
	await panel.getByRole('radio', { name: 'Receipt' }).click();
	await panel.getByText(/Nothing is owed|Free:/).waitFor();
	await panel.getByRole('button', { name: 'Check it here' }).click();
	await panel.getByText('Confirmed', { exact: true }).waitFor({ timeout: 60_000 });
	const download = async () => {
		const [file] = await Promise.all([
			app.page.waitForEvent('download'),
			panel.getByRole('button', { name: 'Download' }).click()
		]);
		return { name: file.suggestedFilename(), text: readFileSync(await file.path(), 'utf8') };
	};
	const whole = await download();
	expect(whole.name).toMatch(/^receipt-.*\.json$/);
	await panel.getByRole('checkbox').uncheck();
	const closed = await download();
	expect(closed.text).not.toContain('transcript');

	await visit(app.page, '/ledger');
	const verdict = async (text: string) => {
		const [chooser] = await Promise.all([
			app.page.waitForEvent('filechooser'),
			app.page.getByRole('button', { name: 'Choose a receipt' }).click()
		]);
		await chooser.setFiles(textFile('receipt.json', text));
		const said = app.page.locator('.verdict, [role=alert]');
		await said.first().waitFor({ timeout: 60_000 });
		return said.first().innerText();
	};
	expect(await verdict(whole.text)).toMatch(/^Confirmed/);
	expect(await verdict(whole.text.replace(/"lift": \d/, '"lift": 7'))).toMatch(
		/^Refuted[\s\S]*It says[\s\S]*Found here/
	);
	expect(await verdict(closed.text)).toMatch(/^Cannot be checked here[\s\S]*Question and answer/);
	expect(await verdict('{"receipt": {}}')).toMatch(/no receipt/);
	// A file that is dropped on the page is checked as a chosen one is.
	await drop(app, app.page.getByRole('group', { name: 'Receipt to check' }), whole.text);
	await app.page.getByText('Confirmed', { exact: true }).waitFor({ timeout: 60_000 });
	expect(await violations(app.page)).toEqual([]);
}, 300_000);

test('a receipt of a reply that was not measured says so and why, and draws no shares', async () => {
	const served = { base: 'b'.repeat(64), adapter: null, host: 0, price: '0', time: 1.8e9 };
	const said = { salt: `0x${'5'.repeat(64)}` as const, prompt: [1], reply: [2, 3] };
	const { page } = await App.open({ path: '/ledger' });
	const section = page.getByRole('region', { name: 'Check a receipt' });
	const [chooser] = await Promise.all([
		page.waitForEvent('filechooser'),
		page.getByRole('button', { name: 'Choose a receipt' }).click()
	]);
	await chooser.setFiles(textFile('receipt.json', formatReceipt(makeEmptyReceipt(served, 'no-index', said))));
	await section.getByText('Could not be measured: no index of rows.').waitFor();
	await section.getByText('without the index that says').waitFor();
	await section.locator('.verdict').waitFor({ timeout: 60_000 });
	expect(await section.getByRole('img').count()).toBe(0);
	expect(await section.getByText('Nobody in particular').count()).toBe(0);
});

test(
	'a Datanet shows the models trained from it; one without an index gets it here, also when the tab is closed half way',
	{ timeout: 300_000 },
	async () => {
		const it = await DatanetsApp.open();
		const { page } = it;
		await it.create('Bones');
		// Twice as many as go through the graph at once: the build can be left half way.
		const lines = Array.from(
			{ length: 16 },
			(_, i) =>
				`What is part ${i}?,Part ${i} is a bone of the ${i % 2 ? 'arm' : 'leg'} that holds ${i * 7} others.`
		);
		await it.preview({
			...textFile('bones.csv', `prompt,response\n${lines.join('\n')}\n`),
			mimeType: 'text/csv'
		});
		await it.import();
		await it.tab('Overview');
		await page.getByText('None on this device yet.').waitFor();
		const datanet = /datanets\/([0-9a-f]{32})/.exec(page.url())?.[1] ?? '';

		await visit(page, '/adapters');
		await importAdapter(it, { name: 'Bone doctor', datanet });
		await visit(page, `/datanets/${datanet}`);
		const models = page.getByRole('region', { name: 'Models trained from it' });
		await models.getByRole('heading', { name: 'Bone doctor' }).waitFor();
		expect(await models.innerText()).toMatch(/2 rows of it[\s\S]*held-out loss 2\.10, base 3\.20/);
		await it.tab('Checks');
		await page.getByRole('button', { name: 'Ask the model' }).click();
		// It came without an index: that is said, and what to do.
		await page.getByText('no attribution index').waitFor();

		await visit(page, '/adapters');
		const row = page.getByRole('listitem').filter({ hasText: 'Bone doctor' });
		await row.getByText('Nobody can see yet whose rows').waitFor({ timeout: 60_000 });
		// Until then a reply is nobody's: nothing is paid on a guess.
		await row.getByRole('button', { name: 'Use Bone doctor' }).click();
		await visit(page, '/');
		await page.getByRole('button', { name: 'Adapter: Bone doctor' }).waitFor();
		await page.getByRole('textbox', { name: 'Message' }).fill('What is part 7?');
		await page.getByRole('button', { name: 'Send' }).click();
		const line = page.getByRole('button', { name: /^Whose knowledge is in this answer/ });
		await line.getByText('Could not be measured: no index of rows.').waitFor({ timeout: 60_000 });
		expect((await receipts(page)).map(credited)).toEqual([{ unmeasured: 'no-index', paid: 0 }]);
		await line.click();
		await page.getByText(/its rows can be indexed under Models/).waitFor();
		const conversation = page.url();

		// A manifest may name rows that are nowhere here: that is said, and only those that are can be indexed.
		await visit(page, '/adapters');
		const [known = ''] = await contributions(page);
		await importAdapter(it, { name: 'Bone nurse', datanet, rowIds: [known, `0x${'9'.repeat(64)}`] });
		const nurse = page.getByRole('listitem').filter({ hasText: 'Bone nurse' });
		await nurse.getByRole('button', { name: 'Index its rows' }).click({ timeout: 60_000 });
		const partly = page.getByRole('dialog', { name: 'Rows behind Bone nurse' });
		await partly.getByText('1 row that the adapter names cannot be found here').waitFor();
		await partly
			.getByText(/credited to nobody/)
			.first()
			.waitFor();
		// Of a second Datanet that it names too nothing is here.
		await partly.getByText('Not all of its Datanets are here').waitFor();
		await partly.getByRole('button', { name: 'Index 1 row' }).waitFor();
		await page.keyboard.press('Escape');

		await row.getByRole('button', { name: 'Index its rows' }).click();
		const dialog = page.getByRole('dialog', { name: 'Rows behind Bone doctor' });
		// The manifest names the Datanet, not its version.
		await dialog.getByText('The right Datanet, perhaps another version').waitFor();
		await dialog.getByText(/^About .* on this device/).waitFor({ timeout: 60_000 });
		expect(await violations(page)).toEqual([]);
		const begin = dialog.getByRole('button', { name: 'Index 16 rows' });
		const someDone = dialog.getByText(/, [1-9]\d* of 16 rows/);
		// Cancelled, nothing of it is kept; paused, what is done.
		await begin.click();
		await dialog.getByRole('button', { name: 'Cancel' }).click();
		await begin.and(page.locator(':enabled')).click({ timeout: 60_000 });
		await someDone.waitFor({ timeout: 60_000 });
		await dialog.getByRole('button', { name: 'Pause' }).click();
		await dialog.getByText('are done and kept').waitFor({ timeout: 100_000 });
		const kept = /(\d+) of\s+16\s+rows\s+are done and kept/.exec(await dialog.innerText())?.[1];
		expect(Number(kept)).toBeGreaterThan(0);
		expect(await violations(page)).toEqual([]);
		await page.keyboard.press('Escape');
		await visit(page, '/settings');
		const storage = page.getByRole('region', { name: 'Storage' });
		await storage.getByRole('row', { name: /^Bone doctor half built attribution index/ }).waitFor();
		await visit(page, '/adapters');
		await row.getByRole('button', { name: 'Go on' }).click();
		await dialog.getByRole('button', { name: 'Go on' }).click();
		await dialog.getByText(/, \d+ of 16 rows/).waitFor({ timeout: 60_000 });
		await page.reload();
		await row.getByText(/half built, \d+ of 16/).waitFor({ timeout: 60_000 });
		await row.getByRole('button', { name: 'Go on' }).click();
		await dialog.getByText('are done and kept').waitFor({ timeout: 100_000 });
		await dialog.getByRole('button', { name: 'Go on' }).click();
		await dialog.getByText(/16 rows are indexed/).waitFor({ timeout: 150_000 });
		await page.keyboard.press('Escape');
		await row.getByText('16 rows indexed').waitFor();

		// The reply from before is measured now, as those of an adapter that was trained here.
		await visit(page, conversation);
		await expect
			.poll(() => line.innerText().catch(() => ''), { timeout: 90_000 })
			.toMatch(/from \d+ p|base model’s own|stands out/);

		// A row says which answers it helped and how strongly; the model says which rows to look at.
		const [influential = ''] = await influencing(page);
		expect(influential).toMatch(/^0x[0-9a-f]{64}$/);
		await visit(page, `/datanets/${datanet}/rows?row=${influential}`);
		const helped = page.getByRole('region', { name: 'Answers it helped' });
		await helped.getByText('1 answer on this device').waitFor({ timeout: 30_000 });
		expect(await helped.getByRole('listitem').innerText()).toMatch(/“Bone doctor”[\s\S]*%/);
		await visit(page, `/datanets/${datanet}`);
		await it.tab('Checks');
		// Without the file of what words mean it does what it can, and says so.
		const damaged = page.getByText('What words mean was not used: its file is damaged.');
		await page.route('**/words/*', (route) => route.fulfill({ body: 'no words' }));
		await page.getByRole('button', { name: 'Ask the model' }).click();
		const list = page.getByRole('region', { name: 'Rows to look at' });
		await list.getByText(/rows? of 16 rows, the most/).waitFor({ timeout: 120_000 });
		await damaged.waitFor();
		await page.unroute('**/words/*');
		await page.getByRole('button', { name: 'Look again' }).click();
		await page.getByText('Reading rows').first().waitFor();
		await list.getByText(/rows? of 16 rows, the most/).waitFor({ timeout: 120_000 });
		expect(await damaged.count()).toBe(0);
		expect(await list.getByRole('listitem').first().innerText()).toMatch(/part \d+/i);
		expect(await violations(page)).toEqual([]);
	}
);

interface Measured {
	contributions: string[];
	receipt?: { unmeasured: string | null; weights: { id: number; weight: number }[] };
}

/** All that a database of the app has in a store. */
const stored = <T>(page: DatanetsApp['page'], database: string, store: string): Promise<T[]> =>
	page.evaluate(
		([database, store]) =>
			new Promise<never[]>((resolve, reject) => {
				const open = indexedDB.open(database);
				open.onerror = () => reject(open.error);
				open.onsuccess = () => {
					const all = open.result.transaction(store).objectStore(store).getAll();
					all.onsuccess = () => {
						open.result.close();
						resolve(all.result as never[]);
					};
				};
			}),
		[database, store] as const
	);

const receipts = (page: DatanetsApp['page']) =>
	stored<Measured>(page, 'openledger-attribution', 'attributions');
const credited = ({ receipt }: Measured) => ({
	unmeasured: receipt?.unmeasured,
	paid: receipt?.weights.reduce((sum, { id, weight }) => (id === 0 ? sum : sum + weight), 0)
});

/** Contributions that moved the replies, as the app keeps them. */
const influencing = async (page: DatanetsApp['page']) =>
	(await receipts(page)).flatMap(({ contributions }) => contributions);

/** Ids of the rows on this device. */
const contributions = async (page: DatanetsApp['page']) =>
	(await stored<{ id: string }>(page, 'openledger-datanets', 'rows')).map(({ id }) => id);

/** The example adapter's files under another name and scale, with a manifest that names a Datanet. */
async function importAdapter(
	{ page }: DatanetsApp,
	{ name, datanet, rowIds }: { name: string; datanet: string; rowIds?: string[] }
): Promise<void> {
	const folder = new URL('../../static/adapters/finance/', import.meta.url);
	const read = (file: string) => readFileSync(new URL(file, folder));
	const sha256 = async (bytes: Uint8Array<ArrayBuffer>) =>
		Buffer.from(await crypto.subtle.digest('SHA-256', bytes)).toString('hex');
	const config = Buffer.from(
		JSON.stringify({
			...(JSON.parse(read('adapter_config.json').toString()) as object),
			lora_alpha: rowIds ? 13 : 12
		})
	);
	const weights = read('adapter_model.safetensors');
	const { base, hyperparameters } = JSON.parse(read('openledger.json').toString()) as Record<string, unknown>;
	const manifest = {
		...{ format: 'openledger-adapter/1', name, base, hyperparameters },
		files: {
			'adapter_config.json': await sha256(new Uint8Array(config)),
			'adapter_model.safetensors': await sha256(new Uint8Array(weights))
		},
		datanets: [
			{ name: 'Bones', rows: 2, id: datanet, rowIds },
			...(rowIds ? [{ name: 'Muscles', rows: 2, id: 'f'.repeat(32) }] : [])
		],
		evaluation: { metric: 'nats', heldOutRows: 1, heldOutTokens: 9, lossBefore: 3.2, lossAfter: 2.1 }
	};
	const upload = (file: string, buffer: Buffer): Upload => ({
		name: file,
		mimeType: 'application/octet-stream',
		buffer
	});
	const [chooser] = await Promise.all([
		page.waitForEvent('filechooser'),
		page
			.getByRole('region', { name: 'Adapters' })
			.getByRole('button', { name: 'Import', exact: true })
			.click()
	]);
	await chooser.setFiles([
		upload('adapter_config.json', config),
		upload('adapter_model.safetensors', weights),
		upload('openledger.json', Buffer.from(JSON.stringify(manifest)))
	]);
	await page.getByRole('heading', { name: 'Bone doctor' }).waitFor();
}

test('the use of adapters says that there is none only once their list was read', async () => {
	const app = await App.open();
	const { page } = app;
	await page.addInitScript(() => {
		const said: string[] = [];
		Object.assign(globalThis, { said });
		new MutationObserver(() => {
			const found = /There is no adapter on this device/.exec(
				document.querySelector('main')?.textContent ?? ''
			);
			if (found) said.push(found[0]);
		}).observe(document, { childList: true, subtree: true, characterData: true });
	});
	await page.goto(new URL('/lineage/usage', page.url()).href);
	await page.getByRole('link', { name: 'Anatomy', exact: true }).waitFor();
	expect(await page.evaluate(() => (globalThis as unknown as { said: string[] }).said)).toEqual([]);
});
