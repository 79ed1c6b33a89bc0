import { gzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { App } from './app.ts';

/** Bytes of script, gzip, that a visitor may have to fetch before asking. Workers and wasm come meanwhile and are not counted. */
const BUDGET = 170_000;

test('the app opens from a static host, isolated, on little script', async () => {
	const { page } = await App.open({ path: '/manifest.webmanifest' });
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
