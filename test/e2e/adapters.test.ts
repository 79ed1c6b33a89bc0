import { expect, test } from 'vitest';
import { visit } from '#test/support/visit.ts';
import { App } from './app.ts';

const preferences = { reply: { maxNewTokens: 24 } };

test('an adapter is swapped in the middle of a conversation, and every reply says who wrote it, also one that was asked before the model was there; base and adapter answer one question side by side, and the chat goes on from the chosen one; two adapters are blended with weights', async () => {
	const app = await App.open({ preferences });
	await app.ask('What is a joint?');
	await app.settled(1);
	const first = await app.chooseAdapter(0);
	await app.ask('And a ligament?');
	await app.settled(2);
	const second = await app.chooseAdapter(1);
	await app.ask('And capital?');
	await app.settled(3);
	const labels = await Promise.all(
		[0, 1, 2].map((place) => app.replies.nth(place).locator('.label').innerText())
	);
	expect(
		labels.map((label) =>
			label
				.split(/\s*\n\s*/)
				.slice(1)
				.join(' ')
		)
	).toEqual(['', `+ ${first}`, `+ ${second}`]);
	expect(first).not.toBe(second);

	await app.page.goto(new URL('/', app.page.url()).href);
	await app.ask('What is capital?');
	await app.settled(1);
	expect(await app.replies.first().locator('.label').innerText()).toContain(second);

	// Base and adapter side by side.
	await visit(app.page, '/');
	const name = await app.chooseAdapter(0);
	await app.page.getByRole('button', { name: 'Compare with the base, side by side' }).click();
	await app.ask('What is an artery?');
	await app.settled();
	const columns = app.replies.first().getByRole('region');
	expect(await columns.count()).toBe(2);
	const [base, adapter] = [columns.nth(0), columns.nth(1)];
	expect(await base.getAttribute('aria-label')).toMatch(/^nano$/i);
	expect(await adapter.getAttribute('aria-label')).toMatch(new RegExp(`^nano \\+ ${name}$`, 'i'));
	expect(await base.locator('.markdown').innerText()).not.toBe(
		await adapter.locator('.markdown').innerText()
	);
	await adapter.getByText('The chat goes on from here').waitFor();
	await base.getByRole('button', { name: 'Go on from here' }).click();
	await base.getByText('The chat goes on from here').waitFor();
	await app.page.getByRole('button', { name: 'Compare with the base, side by side' }).click();
	await app.ask('And a vein?');
	await app.settled(2);

	await app.page.getByRole('button', { name: /^Adapter:/ }).click();
	await app.page.getByRole('button', { name: 'Blend with another' }).click();
	await app.page.getByRole('option').first().click();
	const slider = app.page.getByRole('slider');
	expect(await slider.getAttribute('aria-valuenow')).toBe('50');
	await slider.focus();
	await app.page.keyboard.press('ArrowRight');
	await app.page.keyboard.press('ArrowRight');
	await app.page.keyboard.press('Escape');
	await app.ask('What is a price?');
	await app.settled(3);
	expect(await app.replies.nth(2).innerText()).toContain(`60 % ${name}`);
});
