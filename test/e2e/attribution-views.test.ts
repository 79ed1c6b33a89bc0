import { readFileSync } from 'node:fs';
import type { Locator } from 'playwright';
import { expect, test } from 'vitest';
import { violations } from '#test/support/axe.ts';
import { visit } from '#test/support/visit.ts';
import { App } from './app.ts';
import { DatanetsApp, textFile, type Upload } from './datanets-app.ts';

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

test('a bar arrives under the reply without moving anything; each sentence says who moved it', async () => {
	const app = await App.open({ preferences });
	await app.page.getByRole('button', { name: /^Adapter:/ }).waitFor();
	await app.chooseAdapter(1);
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
	await app.ask('What is inflation?');
	const line = lineOf(app);
	await expect.poll(() => line.innerText().catch(() => ''), { timeout: 90_000 }).toMatch(/from \d+ people/);
	expect(await line.getAttribute('aria-expanded')).toBe('false');
	expect(await line.ariaSnapshot()).toMatch(/It is: The base model \d+ %, .* \d+ %/);
	const tops = await app.page.evaluate(() => (window as unknown as { tops: number[] }).tops);
	expect(tops.length).toBeGreaterThan(10);
	expect([...new Set(tops)]).toHaveLength(1);

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
});

test('by keyboard: the bar opens people, a person rows, a row its Datanet and licence; Escape goes back', async () => {
	const app = await App.open({ preferences });
	const line = await measuredReply(app);
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
	await app.page.keyboard.press('Escape');
	await panel.waitFor({ state: 'detached' });
	expect(await line.evaluate((element) => element === document.activeElement)).toBe(true);
});

test(
	'a receipt is downloaded, confirmed here and from its file; changed by hand it is refuted',
	{ timeout: 300_000 },
	async () => {
		const app = await App.open({ preferences });
		const line = await measuredReply(app);
		await line.click();
		const panel = beside(app);
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
		expect(await violations(app.page)).toEqual([]);
	}
);

test.each([{ phone: true }, { phone: false }])(
	'axe finds nothing in the line or in any part of the panel, by day and by night; phone $phone',
	async ({ phone }) => {
		const app = await App.open({ phone, preferences });
		const line = await measuredReply(app);
		const seen: Record<string, string[]> = {};
		const see = async (name: string) => {
			for (const colorScheme of ['light', 'dark'] as const) {
				await app.page.emulateMedia({ colorScheme });
				seen[`${name}, ${colorScheme}`] = await violations(app.page);
			}
		};
		await see('line');
		await (phone ? line.tap() : line.click());
		const panel = phone
			? app.page.getByRole('dialog', { name: 'Whose knowledge is in this answer?' })
			: beside(app);
		const person = panel.getByRole('button', { name: /rows?\b.* %/ }).first();
		await person.click();
		await panel
			.getByRole('list', { name: /^Rows by / })
			.getByRole('button')
			.first()
			.click();
		await panel.getByText('Licence').first().waitFor();
		await see('people');
		await panel.getByRole('radio', { name: 'Words' }).click();
		await panel.getByRole('heading', { name: 'The same words elsewhere' }).waitFor();
		await expect.poll(() => panel.getByText(/^(Measuring|Searching)/).count(), { timeout: 30_000 }).toBe(0);
		await see('words');
		await panel.getByRole('radio', { name: 'Receipt' }).click();
		await panel.getByText('What it says').click();
		await see('receipt');
		expect(await app.page.evaluate(() => document.documentElement.scrollWidth)).toBe(phone ? 390 : 1440);
		expect(Object.fromEntries(Object.entries(seen).filter(([, found]) => found.length))).toEqual({});
		await app.page.keyboard.press('Escape');
		await panel.waitFor({ state: 'detached' });
	}
);

test(
	'a Datanet shows the models trained from it; one without an index gets it here, also when the tab is closed half way',
	{ timeout: 300_000 },
	async () => {
		const it = await DatanetsApp.open();
		const { page } = it;
		await it.create('Bones');
		const lines = Array.from(
			{ length: 40 },
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
		await importAdapter(it, datanet);
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
		await row.getByRole('button', { name: 'Index its rows' }).click();
		const dialog = page.getByRole('dialog', { name: 'Rows behind Bone doctor' });
		// The manifest names the Datanet, not its version.
		await dialog.getByText('The right Datanet, perhaps another version').waitFor();
		await dialog.getByText(/^About .* on this device/).waitFor({ timeout: 60_000 });
		await dialog.getByRole('button', { name: 'Index 40 rows' }).click();
		await dialog.getByText(/, \d+ of 40 rows/).waitFor({ timeout: 60_000 });
		await page.reload();
		await row.getByText(/half built, \d+ of 40/).waitFor({ timeout: 60_000 });
		await row.getByRole('button', { name: 'Go on' }).click();
		await dialog.getByText('are done and kept').waitFor();
		await dialog.getByRole('button', { name: 'Go on' }).click();
		await dialog.getByText(/40 rows are indexed/).waitFor({ timeout: 90_000 });
		await page.keyboard.press('Escape');
		await row.getByText('40 rows indexed').waitFor();

		// Its replies are measured as those of an adapter that was trained here.
		await row.getByRole('button', { name: 'Use Bone doctor' }).click();
		await visit(page, '/');
		await page.getByRole('button', { name: 'Adapter: Bone doctor' }).waitFor();
		await page.getByRole('textbox', { name: 'Message' }).fill('What is part 7?');
		await page.getByRole('button', { name: 'Send' }).click();
		const line = page.getByRole('button', { name: /^Whose knowledge is in this answer/ });
		await expect
			.poll(() => line.innerText().catch(() => ''), { timeout: 90_000 })
			.toMatch(/from \d+ p|base model’s own|stands out/);
	}
);

/** The example adapter's files under another name and scale, with a manifest that names a Datanet. */
async function importAdapter({ page }: DatanetsApp, datanet: string): Promise<void> {
	const folder = new URL('../../static/adapters/finance/', import.meta.url);
	const read = (name: string) => readFileSync(new URL(name, folder));
	const sha256 = async (bytes: Uint8Array<ArrayBuffer>) =>
		Buffer.from(await crypto.subtle.digest('SHA-256', bytes)).toString('hex');
	const config = Buffer.from(
		JSON.stringify({ ...(JSON.parse(read('adapter_config.json').toString()) as object), lora_alpha: 12 })
	);
	const weights = read('adapter_model.safetensors');
	const { base, hyperparameters } = JSON.parse(read('openledger.json').toString()) as Record<string, unknown>;
	const manifest = {
		...{ format: 'openledger-adapter/1', name: 'Bone doctor', base, hyperparameters },
		files: {
			'adapter_config.json': await sha256(new Uint8Array(config)),
			'adapter_model.safetensors': await sha256(new Uint8Array(weights))
		},
		datanets: [{ name: 'Bones', rows: 2, id: datanet }],
		evaluation: { metric: 'nats', heldOutRows: 1, heldOutTokens: 9, lossBefore: 3.2, lossAfter: 2.1 }
	};
	const upload = (name: string, buffer: Buffer): Upload => ({
		name,
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
