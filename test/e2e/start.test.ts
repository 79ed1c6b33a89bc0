import { gzipSync } from 'node:zlib';
import type { Locator } from 'playwright';
import { expect, inject, test } from 'vitest';
import { App } from './app.ts';

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
	expect(await page.evaluate(() => crossOriginIsolated)).toBe(true);
	const bodies = await Promise.all(scripts.values());
	expect(bodies.length).toBeGreaterThan(10);
	expect(bodies.reduce((sum, body) => sum + gzipSync(body).length, 0)).toBeLessThanOrEqual(BUDGET);
});

test('a visitor on a phone gets a reply with attribution within three taps', async () => {
	const { page } = await App.open({
		phone: true,
		preferences: { reply: { maxNewTokens: 48, temperature: 0, seed: 1 } }
	});
	let taps = 0;
	const tap = async (target: Locator) => {
		await target.tap();
		taps++;
	};
	await tap(page.getByRole('button', { name: /^Adapter:/ }));
	await tap(page.getByRole('option', { name: /Finance/ }));
	// One of the questions that the page offers.
	await tap(page.getByRole('listitem').getByRole('button').first());
	const line = page.getByRole('button', { name: /^Whose knowledge is in this answer/ });
	await expect
		.poll(() => line.innerText().catch(() => ''), { timeout: 90_000 })
		.toMatch(/from \d+ p|base model’s own|stands out/);
	expect(taps).toBeLessThanOrEqual(3);
	// What a finger touched shows no tooltip, which would stay.
	await page.getByRole('textbox', { name: 'Message' }).fill('What is a loan?');
	await page.getByRole('button', { name: 'Send' }).tap();
	await page.waitForTimeout(1000);
	expect(await page.getByRole('tooltip').count()).toBe(0);
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
