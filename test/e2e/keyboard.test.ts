import type { Page } from 'playwright';
import { expect, test } from 'vitest';
import { App } from './app.ts';

test('the whole of a chat works from the keyboard; a screen reader hears that a reply begins and what it says, not every token', async () => {
	const app = await App.open({ preferences: { reply: { maxNewTokens: 12 } } });
	const { page } = app;
	await page.getByRole('heading', { name: /^Ask nano/i }).waitFor();
	await page.evaluate(() => {
		const heard: string[] = [];
		Object.assign(window, { heard });
		const region = document.querySelector('.visually-hidden[aria-live]');
		if (region)
			// Silence is no announcement: the app writes it when it takes over the page's markup.
			new MutationObserver(() => region.textContent && heard.push(region.textContent)).observe(region, {
				characterData: true,
				childList: true,
				subtree: true
			});
	});
	await page.keyboard.type('What is a cell?');
	await page.keyboard.press('Enter');
	await app.settled();
	const text = await app.text();
	await expect
		.poll(() => page.evaluate(() => (window as unknown as { heard: string[] }).heard))
		.toEqual(['A reply is being written.', expect.stringContaining(text.slice(0, 10))]);

	// The palette: an adapter by its name, then a new chat.
	const adapter = await firstAdapter(page);
	await page.keyboard.press('Control+k');
	await expect.poll(() => page.evaluate(() => document.activeElement?.role)).toBe('combobox');
	await page.keyboard.type(adapter.slice(0, 4));
	await page.getByRole('option', { name: adapter }).waitFor();
	await page.keyboard.press('Enter');
	await page.getByRole('button', { name: `Adapter: ${adapter}` }).waitFor();

	// Focus is back where one writes.
	await expect.poll(() => page.evaluate(() => document.activeElement?.tagName)).toBe('TEXTAREA');
	await page.keyboard.type('And a tissue?');
	await page.keyboard.press('Enter');
	await app.settled(2);
	expect(await app.replies.nth(1).innerText()).toContain(adapter);

	await page.keyboard.press('Control+Shift+O');
	await page.getByRole('heading', { name: /^Ask nano/i }).waitFor();
	expect(new URL(page.url()).search).toBe('');

	// A dialog begins at its first field.
	await page.keyboard.press('Control+k');
	await page.getByRole('combobox').fill('Models');
	await page.keyboard.press('Enter');
	await page.getByRole('button', { name: `More about ${adapter}` }).focus();
	await page.keyboard.press('Enter');
	await page.getByRole('menuitem', { name: 'Make an agent' }).waitFor();
	await page.keyboard.press('M');
	await page.keyboard.press('Enter');
	await page.getByRole('dialog').waitFor();
	await page.keyboard.type('Tutor');
	expect(await page.getByLabel('Name', { exact: true }).inputValue()).toBe('Tutor');
});

async function firstAdapter(page: Page): Promise<string> {
	await page.getByRole('button', { name: /^Adapter:/ }).focus();
	await page.keyboard.press('Enter');
	const option = page.getByRole('option').filter({ hasNotText: 'Base only' }).first();
	const name = (await option.locator('.picker-label').innerText()).trim();
	await page.keyboard.press('Escape');
	return name;
}
