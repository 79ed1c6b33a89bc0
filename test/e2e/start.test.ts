import { readdirSync, readFileSync } from 'node:fs';
import PO from 'pofile';
import { gzipSync } from 'node:zlib';
import type { Locator } from 'playwright';
import { expect, inject, onTestFinished, test } from 'vitest';
import { serve } from '../../.ci/serve.mjs';
import { App } from './app.ts';
import { seeing, seeWordsAndReceipt } from './panel.ts';

/** Bytes of script, gzip, that a visitor may have to fetch before asking. Workers and wasm come meanwhile and are not counted. */
const BUDGET = 170_000;

test('the app opens from a static host, isolated, on little script', async () => {
	const { page } = await App.open({ path: '/manifest.webmanifest', url: inject('isolatedUrl') });
	const scripts = new Map<string, Promise<Buffer>>();
	page.on('response', (response) => {
		const { pathname } = new URL(response.url());
		if (pathname.endsWith('.js') && !pathname.includes('/workers/')) scripts.set(pathname, response.body());
	});
	await page.goto(new URL('/', page.url()).href);
	await page.getByRole('heading', { name: 'Ask' }).waitFor();
	await page.locator('#opening').waitFor({ state: 'detached' });
	expect(await page.evaluate(() => crossOriginIsolated)).toBe(true);
	const bodies = await Promise.all(scripts.values());
	expect(bodies.length).toBeGreaterThan(5);
	expect(bodies.reduce((sum, body) => sum + gzipSync(body).length, 0)).toBeLessThanOrEqual(BUDGET);
});

test('a visitor on a phone gets a reply with attribution within three taps; axe finds nothing in its line or in any part of its panel, and nothing is wider than the screen', async () => {
	const app = await App.open({
		phone: true,
		preferences: { reply: { maxNewTokens: 48, temperature: 0, seed: 1 } }
	});
	const { page } = app;
	let taps = 0;
	const tap = async (target: Locator) => {
		await target.tap();
		taps++;
	};
	// One of the questions that the page offers.
	await tap(
		page
			.getByRole('listitem')
			.getByRole('button', { name: /Finance$/ })
			.first()
	);
	const line = page.getByRole('button', { name: /^Whose knowledge is in this answer/ });
	await expect
		.poll(() => line.innerText().catch(() => ''), { timeout: 90_000 })
		.toMatch(/from \d+ p|base model’s own|stands out/);
	expect(taps).toBeLessThanOrEqual(3);
	const { see, found } = seeing(app);
	await see('line');
	await line.tap();
	const panel = page.getByRole('dialog', { name: 'Whose knowledge is in this answer?' });
	await panel
		.getByRole('button', { name: /rows?\b.* %/ })
		.first()
		.click();
	await panel
		.getByRole('list', { name: /^Rows by / })
		.getByRole('button')
		.first()
		.click();
	await panel.getByText('Licence').first().waitFor();
	await see('people');
	await seeWordsAndReceipt(panel, see);
	expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(390);
	expect(found).toEqual({});
	await page.keyboard.press('Escape');
	await panel.waitFor({ state: 'detached' });
	// What a finger touched shows no tooltip, which would stay.
	await page.getByRole('textbox', { name: 'Message' }).fill('What is a loan?');
	await page.getByRole('button', { name: 'Send' }).tap();
	await page.waitForTimeout(1000);
	expect(await page.getByRole('tooltip').count()).toBe(0);
});

test('a page is seen before its scripts, in its theme; what is typed and pressed meanwhile is kept and done', async () => {
	const { context, page } = await App.open({ path: '/manifest.webmanifest', dark: true });
	const held = Promise.withResolvers<void>();
	await context.route('**/_app/immutable/entry/start*', async (route) => {
		await held.promise;
		await route.continue();
	});
	await page.goto(new URL('/', page.url()).href, { waitUntil: 'commit' });
	await page.getByRole('heading', { name: 'Ask Nano' }).waitFor();
	await page.getByRole('link', { name: 'Ledger' }).first().waitFor();
	const paper = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
	const dark = await paper();
	await page.getByRole('textbox', { name: 'Message' }).fill('What is a loan?');
	await page.getByRole('button', { name: /^Model:/ }).click();
	expect(await page.getByRole('dialog').count()).toBe(0);
	held.resolve();
	await page.getByRole('dialog').waitFor();
	expect(await page.getByRole('textbox', { name: 'Message' }).inputValue()).toBe('What is a loan?');
	expect(await paper()).toBe(dark);
	expect(dark).not.toBe('rgb(251, 252, 251)');
});

test('who reads another language, or opens a conversation, sees no words before that are not meant', async () => {
	for (const [preferences, path] of [
		[{ language: 'de' }, '/ledger'],
		[{}, '/?c=1']
	] as const) {
		const { context, page } = await App.open({ path: '/manifest.webmanifest', preferences });
		await context.route('**/_app/immutable/entry/start*', () => undefined);
		await page.goto(new URL(path, page.url()).href, { waitUntil: 'commit' });
		await page.getByRole('heading', { level: 1 }).first().waitFor();
		const onTop = await page.evaluate(
			() => document.elementFromPoint(innerWidth / 2, innerHeight / 2)?.closest('#opening')?.id
		);
		expect(onTop).toBe('opening');
	}
});

test('no script that is evaluated before a language’s words has words', () => {
	const folder = 'build/_app/immutable';
	const entries = readdirSync(`${folder}/entry`).filter((name) => name.endsWith('.js'));
	// SvelteKit's own, which the first entry imports as it needs it, comes before the words too.
	const files = new Set(entries.map((name) => `entry/${name}`));
	for (const file of files) {
		const script = readFileSync(`${folder}/${file}`, 'utf8');
		const isStart = file.startsWith('entry/start');
		for (const [, name] of script.matchAll(/(?:from|import)\s*["']\.[^"']*\/([\w-]+\.js)["']/g))
			files.add(`chunks/${name}`);
		if (isStart)
			for (const [, name] of script.matchAll(/import\(`\.[^`]*\/([\w-]+\.js)`\)/g))
				files.add(`chunks/${name}`);
	}
	expect(files.size).toBeGreaterThan(entries.length);
	const all = Array.from(files, (file) => readFileSync(`${folder}/${file}`, 'utf8')).join('\n');
	const words = PO.parse(readFileSync('src/locales/de.po', 'utf8')).items.map(({ msgid }) => msgid);
	const said = words.filter((text) => /\w+ \w+ \w+/.test(text) && !text.includes('{') && all.includes(text));
	expect(said).toEqual([]);
});

test('the lineage of one thing says before any script that it is being looked up, with the way to the others', async () => {
	const { context, page } = await App.open({ path: '/manifest.webmanifest', phone: true });
	const held = Promise.withResolvers<void>();
	await context.route('**/_app/immutable/entry/start*', async (route) => {
		await held.promise;
		await route.continue();
	});
	await page.goto(new URL('/lineage?of=reply%3Anone', page.url()).href, { waitUntil: 'commit' });
	await page.getByText('Looking it up …').waitFor();
	await page.getByRole('link', { name: 'My data' }).waitFor();
	// What stands there for who asks for nothing in particular.
	expect(await page.getByText('From any answer back').isVisible()).toBe(false);
	const seen = () =>
		page.evaluate(() => document.elementFromPoint(innerWidth / 2, innerHeight / 2)?.closest('#opening'));
	expect(await seen()).toBeNull();
	held.resolve();
	await page.getByText('This answer is not known here').waitFor();
	expect(await page.getByText('Looking it up …').isVisible()).toBe(false);
	await page.getByRole('link', { name: 'All', exact: true }).click();
	await page.getByText('From any answer back').waitFor();
});

test('a page of a Datanet shows its frame before any script, with links of that Datanet; who reads German sees no English', async () => {
	const { context, page } = await App.open({ path: '/manifest.webmanifest', phone: true });
	const held = Promise.withResolvers<void>();
	await context.route('**/_app/immutable/entry/start*', async (route) => {
		await held.promise;
		await route.continue();
	});
	const address = new URL('/datanets/none/rows', page.url()).href;
	await page.goto(address, { waitUntil: 'commit' });
	const tabs = page.getByRole('navigation', { name: 'Parts of this Datanet' });
	await tabs.waitFor();
	expect(await tabs.getByRole('link', { name: 'Rows' }).getAttribute('aria-current')).toBe('page');
	expect(await tabs.getByRole('link', { name: 'Overview' }).getAttribute('aria-current')).toBeNull();
	expect(await tabs.getByRole('link', { name: 'Checks' }).getAttribute('href')).toBe('/datanets/none/checks');
	await page.getByText('A Datanet rests on this device alone').waitFor();
	// Pressed in the frame, done in the page.
	await page.getByRole('button', { name: /play money$/ }).click();
	held.resolve();
	await page.getByRole('dialog').waitFor();
	await page.keyboard.press('Escape');
	await page.getByText('not on this device').first().waitFor();
	expect(await page.locator('#frame').count()).toBe(0);

	const german = await App.open({ path: '/manifest.webmanifest', preferences: { language: 'de' } });
	await german.context.route('**/_app/immutable/entry/start*', () => undefined);
	await german.page.goto(address, { waitUntil: 'commit' });
	await german.page.locator('#opening .name').waitFor();
	expect(await german.page.locator('#frame').count()).toBe(0);
});

test('a host that answers everything with the start page opens the page that was asked', async () => {
	const server = await serve({ fallback: 'index.html', isolated: false });
	onTestFinished(() => server.close());
	const { page } = await App.open({ url: server.url, path: '/datanets/none/rows' });
	await page.getByText('not on this device').first().waitFor();
	expect(await page.getByRole('heading', { name: /^Ask/ }).count()).toBe(0);
});

test('where scripts are blocked the page says so', async () => {
	const { context, page } = await App.open({ path: '/manifest.webmanifest' });
	// Never answered.
	await context.route('**/_app/immutable/entry/start*', () => undefined);
	await page.goto(new URL('/', page.url()).href, { waitUntil: 'commit' });
	await page.getByText('JavaScript modules').waitFor({ timeout: 20_000 });
	const silent = await context.browser()?.newContext({ javaScriptEnabled: false });
	const still = await silent?.newPage();
	await still?.goto(page.url());
	expect(await still?.locator('#blocked').isVisible()).toBe(true);
	await silent?.close();
});

test('an address of no page says so', async () => {
	const { page } = await App.open({ path: '/lineage/nowhere' });
	await page.getByRole('heading', { level: 1, name: 'There is no such page' }).waitFor();
	expect(await page.title()).toMatch('No such page');
	await page.getByRole('link', { name: 'Go to the chat' }).click();
	await page.getByRole('heading', { name: 'Ask' }).waitFor();
});
