import { once } from 'node:events';
import { appendFile, cp, mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, inject, onTestFinished, test } from 'vitest';
import { serve } from '../../.ci/serve.mjs';
import { App, endless, endlessQuestion } from './app.ts';

/** Resolves once the service worker has everything and answers for this page. */
async function installed(app: App): Promise<unknown> {
	// A sign of a hand: the engine, and what comes after it, waits no longer.
	await app.page.mouse.move(9, 9);
	return app.page.waitForFunction(() => navigator.serviceWorker.controller?.state === 'activated', null, {
		timeout: 80_000
	});
}

/** The built app from a host that answers some paths late, or as if they were others. */
async function hostWhere(pathFor: (path: string) => Promise<string>): Promise<string> {
	const server = createServer(async ({ url = '/' }, response) => {
		const answer = await fetch(inject('appUrl') + (await pathFor(url)));
		response.setHeader('Content-Type', answer.headers.get('Content-Type') ?? 'text/plain');
		response.end(Buffer.from(await answer.arrayBuffer()));
	}).listen(0, '127.0.0.1');
	await once(server, 'listening');
	onTestFinished(() => void server.close());
	return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

test('after one visit the app opens, chats with an adapter and shows every room without a network', async () => {
	const preferences = { reply: { maxNewTokens: 12 } };
	const app = await App.open({ offline: true, url: inject('isolatedUrl'), preferences });
	await installed(app);
	await app.context.setOffline(true);
	await app.page.reload();
	expect(await app.page.evaluate(() => crossOriginIsolated)).toBe(true);
	await app.chooseAdapter();
	await app.ask('What is a bone?');
	await app.settled();
	expect(await app.text()).not.toBe('');
	for (const room of ['Datanets', 'Models & adapters', 'Device & storage']) {
		await app.page.getByRole('link', { name: room }).first().click();
		await app.page.getByRole('heading', { level: 1, name: room }).waitFor();
	}
	// Another language: its words came with the first visit too.
	await app.page.getByRole('radio', { name: 'Deutsch' }).click();
	await app.page.getByRole('button', { name: 'Reload' }).click();
	await app.page.getByRole('heading', { level: 1, name: 'Gerät & Speicher' }).waitFor();
	// What a module says for all time as well: it is evaluated after the words.
	await app.page.getByRole('link', { name: 'Werkstatt' }).first().waitFor();
	await app.page.getByRole('radio', { name: 'English' }).click();
	await app.page.getByRole('button', { name: 'Neu laden' }).click();
	await app.page.getByRole('heading', { level: 1, name: 'Device & storage' }).waitFor();
	// A file import needs what only the Datanets worker loads.
	await app.page.goto(new URL('/datanets', app.page.url()).href);
	await app.page.getByRole('heading', { level: 1, name: 'Datanets' }).waitFor();
});

test('the first version takes over pages that came while it was being installed, and tells none of an update', async () => {
	const held = Promise.withResolvers<void>();
	// What only the installation fetches.
	const url = await hostWhere(async (path) => {
		if (path.endsWith('.rows')) await held.promise;
		return path;
	});
	const first = await App.open({ offline: true, url });
	await first.page.mouse.move(9, 9);
	await first.page.waitForFunction(
		async () => (await navigator.serviceWorker.getRegistration())?.installing ?? false
	);
	await first.context.addInitScript(() => {
		// `about:blank` comes first, and has no workers.
		if (location.protocol === 'about:') return;
		const { register } = ServiceWorkerContainer.prototype;
		ServiceWorkerContainer.prototype.register = async function (...given) {
			const registration = await register.apply(this, given);
			document.documentElement.dataset.registered = 'true';
			return registration;
		};
	});
	const second = await first.tab('/settings');
	await second.page.mouse.move(9, 9);
	await second.page.locator('[data-registered]').waitFor();
	held.resolve();
	for (const app of [first, second]) await installed(app);
	// Told after the event that has just been.
	await second.page.waitForTimeout(500);
	expect(await second.page.getByText('OpenLedger was updated').count()).toBe(0);
});

test('what a host answers in place of a file that it has not yet is not kept: the app is installed once the file is there', async () => {
	let isWhole = false;
	const missing: string[] = [];
	const url = await hostWhere(async (path) => {
		if (isWhole || !/nodes\/.*\.js$/.test(path)) return path;
		missing.push(path);
		return '/';
	});
	// A page that needs none of them.
	const app = await App.open({ offline: true, url, path: '/licences.txt' });
	const install = () =>
		app.page.evaluate(async () => {
			const { installing } = await navigator.serviceWorker.register('/service-worker.js');
			return new Promise<string>((resolve) => {
				const look = () =>
					/redundant|activated/.test(installing?.state ?? 'redundant') &&
					resolve(installing?.state ?? 'none');
				installing?.addEventListener('statechange', look);
				look();
			});
		});
	expect(await install()).toBe('redundant');
	expect(missing.length).toBeGreaterThan(0);
	isWhole = true;
	expect(await install()).toBe('activated');
	await app.context.setOffline(true);
	await app.page.goto(`${url}/govern`);
	await app.page.getByRole('heading', { level: 1, name: 'Govern' }).waitFor();
});

test('an update waits for a person, and for the reply that is being written', async () => {
	const directory = await mkdtemp(join(tmpdir(), 'openledger-update-'));
	await cp('build', directory, { recursive: true });
	let server = await serve({ directory });
	onTestFinished(async () => {
		await server.close();
		await rm(directory, { recursive: true });
	});
	const app = await App.open({ offline: true, url: server.url, preferences: endless });
	await installed(app);
	const other = await app.tab('/settings');
	await installed(other);
	await server.close();
	await appendFile(join(directory, 'service-worker.js'), '\n// the next version\n');
	server = await serve({ directory, port: Number(new URL(server.url).port) });
	await app.page.evaluate(async () => (await navigator.serviceWorker.getRegistration())?.update());
	let reloads = 0;
	app.page.on('domcontentloaded', () => reloads++);
	const update = app.page.getByRole('button', { name: 'Update' });
	await update.waitFor();
	// A reply is over in seconds: it begins when all else is ready.
	await app.page.bringToFront();
	await app.ask(endlessQuestion);
	await app.writing();
	await update.click();
	await app.page.getByText('when nothing is being written').waitFor();
	const before = await app.text();
	await expect
		.poll(async () => (await app.text()).length, { timeout: 20_000 })
		.toBeGreaterThan(before.length + 20);
	expect(reloads).toBe(0);
	await app.page.getByRole('button', { name: 'Stop' }).click();
	await expect.poll(() => reloads, { timeout: 20_000 }).toBe(1);
	await other.page.getByText('updated in another tab').waitFor();
	await app.page.getByRole('button', { name: 'Send' }).waitFor();
	expect((await app.text()).length).toBeGreaterThan(before.length);
});
