import { expect, test } from 'vitest';
import { peftFiles } from '#test/support/peft.ts';
import { App } from './app.ts';
import { nanoRepo, startHub } from './hub.ts';

const repo = 'someone/tiny';

/** How often the page asked the browser to keep everything. */
declare let asked: number;

test('the first visit shows what is stored, what the browser allows, and asks it to keep everything', async () => {
	const app = await App.open({ path: '/settings' });
	const storage = app.page.getByRole('region', { name: 'Storage' });
	await storage.getByText('The browser may clear this when the disk is nearly full.').waitFor();
	await storage.getByRole('row', { name: /^Nano model \d\.\d MB/ }).waitFor();
	await storage.getByText(/\d MB in use by this app[\s\S]*The browser allows up to\s+\d/).waitFor();
	await storage.getByRole('button', { name: 'Ask it to keep everything' }).click();
	await app.page.getByText('The browser did not agree.').waitFor();

	const session = await app.context.newCDPSession(app.page);
	const { targetInfo } = await session.send('Target.getTargetInfo');
	await session.send('Browser.grantPermissions', {
		browserContextId: targetInfo.browserContextId,
		origin: new URL(app.page.url()).origin,
		permissions: ['durableStorage']
	});
	await storage.getByRole('button', { name: 'Ask it to keep everything' }).click();
	await storage.getByText('The browser keeps everything here until you delete it.').waitFor();
	await app.page.reload();
	await storage.getByText('The browser keeps everything here until you delete it.').waitFor();
	expect(await app.page.evaluate(() => navigator.storage.persisted())).toBe(true);
});

test('a stored model and an adapter are deleted, after the chance to undo it, and their bytes come back', async () => {
	const hub = await startHub({ [repo]: nanoRepo() });
	const app = await App.open({ path: '/adapters', preferences: { hubUrl: hub.url } });
	// The browser is asked to keep what there is once there is something to lose, and not before.
	await app.context.addInitScript(() => {
		Object.assign(globalThis, { asked: 0 });
		if (!globalThis.StorageManager) return;
		const { persist } = StorageManager.prototype;
		StorageManager.prototype.persist = function () {
			asked++;
			return persist.call(this);
		};
	});
	await app.page.reload();
	await app.lookUp(repo);
	expect(await app.page.evaluate(() => asked)).toBe(0);
	await app.page.getByRole('button', { name: 'Download tiny' }).click();
	await app.page.getByText('tiny is ready.').waitFor();
	await expect.poll(() => app.page.evaluate(() => asked)).toBe(1);
	await app.page.getByRole('button', { name: 'Use Nano' }).click();
	await app.page.getByText('Nano is ready.').waitFor();

	const chooser = app.page.waitForEvent('filechooser');
	await app.page.getByRole('button', { name: 'Import', exact: true }).click();
	const files = Object.entries(peftFiles());
	await (
		await chooser
	).setFiles(
		files.map(([name, bytes]) => ({ name, mimeType: 'application/octet-stream', buffer: Buffer.from(bytes) }))
	);
	await app.page.getByText(/^Adapter [0-9a-f]{8} is ready to use\.$/).waitFor();

	await app.page.getByRole('link', { name: 'Device & storage' }).click();
	const storage = app.page.getByRole('region', { name: 'Storage' });
	const used = async () => {
		const [, figure] = /([\d.]+) MB in use/.exec(await storage.innerText()) ?? [];
		return Number(figure);
	};
	const tiny = storage.getByRole('row', { name: /^tiny model/ });
	await tiny.waitFor();
	expect(await storage.getByRole('button', { name: 'In use: load another model first' }).isDisabled()).toBe(
		true
	);
	const before = await used();
	await storage.getByRole('button', { name: 'Delete tiny' }).click();
	await app.page.getByRole('button', { name: 'Undo' }).click();
	await tiny.waitFor();
	expect(await used()).toBe(before);

	await storage.getByRole('button', { name: 'Delete tiny' }).click();
	await storage.getByRole('button', { name: /^Delete Adapter [0-9a-f]{8}$/ }).click();
	// The examples belong to the app.
	expect(await storage.getByRole('button', { name: 'Comes with the app' }).first().isDisabled()).toBe(true);
	expect(await tiny.count()).toBe(0);
	// The deletions are carried out when their messages leave.
	await expect.poll(used, { timeout: 20_000 }).toBeLessThan(before - 6);
	await app.page.reload();
	await storage.getByRole('row', { name: /^Nano model/ }).waitFor();
	expect(await tiny.count()).toBe(0);
	await app.page.getByRole('link', { name: 'Chat', exact: true }).click();
	await app.ask('What is a cell?');
	await app.settled();
});
