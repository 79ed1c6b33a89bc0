import { expect, test } from 'vitest';
import { App, endless, endlessQuestion } from './app.ts';

test('when the engine dies in mid-reply, the text stays, the engine restarts and the reply goes on; one that dies while nothing is written is back for the next question', async () => {
	const app = await App.open({ preferences: endless });
	/** By the key, which asks for no button: a reply that goes on in other words than the seed's may have come to its end. */
	const stop = async (replies = 1) => {
		await app.message.press('Escape');
		await app.settled(replies);
	};
	await app.ask(endlessQuestion);
	await app.writing();
	await app.killEngine();
	await app.page.getByText('Interrupted here; nothing written was lost.').waitFor();
	const kept = await app.text();
	expect(kept).not.toBe('');
	await app.page.getByRole('button', { name: 'Continue' }).click();
	await expect.poll(async () => (await app.text()).length, { timeout: 30_000 }).toBeGreaterThan(kept.length);
	await stop();

	await app.killEngine();
	await app.ask(endlessQuestion);
	await app.replies.nth(1).waitFor();
	await expect.poll(() => app.text(1), { timeout: 30_000 }).not.toBe('');
	await stop(2);
});

test('a tab that is killed in mid-reply loses at most the last second', async () => {
	const app = await App.open({ preferences: endless });
	await app.ask(endlessQuestion);
	await app.writing();
	await app.page.waitForTimeout(900);
	const before = await app.text();
	const url = app.page.url();
	// No unload handlers run: this is a kill, not a goodbye.
	await app.page.close({ runBeforeUnload: false });
	const page = await app.context.newPage();
	await page.goto(url);
	await page.getByText('Interrupted here; nothing written was lost.').waitFor();
	const after = await page.locator('.markdown').first().innerText();
	expect(after.length).toBeGreaterThan(before.length * 0.4);
	await page.getByRole('button', { name: 'Continue' }).waitFor();
});
