import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { visit } from '#test/support/visit.ts';
import { App, endless, endlessQuestion } from './app.ts';

test('a first visitor taps a question: an adapter that came with the page answers, and the answer says whose data it is from', async () => {
	const app = await App.open();
	await app.page.getByRole('heading', { name: /^Ask nano/i }).waitFor();
	await app.page.getByText('often wrong').first().waitFor();
	// At once: nothing of the engine is there yet.
	await app.page
		.getByRole('listitem')
		.getByRole('button', { name: /Finance$/ })
		.first()
		.click();
	await app.settled();
	expect((await app.text()).length).toBeGreaterThan(10);
	const reply = app.replies.first();
	expect(await reply.innerText()).toMatch(/^nano\s*\+\s*Finance/i);
	expect(await reply.innerText()).toMatch(
		/tokens\/s[\s\S]*first token \d+\.\d\d s[\s\S]*\d+ in[\s\S]*\d+ out/
	);
	const line = reply.getByRole('button', { name: /^Whose knowledge is in this answer/ });
	await expect
		.poll(() => line.innerText().catch(() => ''), { timeout: 60_000 })
		.toMatch(/from \d+ p|base model’s own|stands out/);
});

test('the base alone names nobody, and says how an answer would', async () => {
	const app = await App.open({ preferences: { reply: { maxNewTokens: 12 } } });
	await app.ask('What is a mitochondrion?');
	await app.settled();
	await app.ask('And a cell?');
	await app.settled(2);
	expect(await app.page.getByText('names nobody').count()).toBe(1);
	expect(await app.replies.first().innerText()).toContain('names nobody');
});

test('a message may be sent before the model is ready; conversations survive a reload, and a second tab shows them as they grow', async () => {
	const app = await App.open({ preferences: { reply: { maxNewTokens: 32 } } });
	await app.ask('What is osmosis?');
	await app.settled();
	const first = await app.text();
	await app.page.reload();
	await app.replies.first().waitFor();
	expect(await app.text()).toBe(first);

	const other = await app.context.newPage();
	await other.goto(app.page.url());
	await other.getByRole('article', { name: 'Reply' }).waitFor();
	await app.ask('And what is diffusion?');
	await app.settled(2);
	await other.getByText('And what is diffusion?').waitFor();
	await other
		.getByRole('article', { name: 'Reply' })
		.nth(1)
		.getByRole('button', { name: 'Copy reply' })
		.waitFor();
	expect(await other.getByRole('article', { name: 'Reply' }).nth(1).locator('.markdown').innerText()).toBe(
		await app.text(1)
	);
});

test('a reply stops at once, what was written stays, and it can be continued', async () => {
	const app = await App.open({ preferences: endless });
	await app.ask(endlessQuestion);
	await app.writing();
	await app.page.getByRole('button', { name: 'Stop' }).click();
	await app.page.getByText('Stopped here.').waitFor();
	const stopped = await app.text();
	expect(stopped).not.toBe('');
	await app.page.waitForTimeout(500);
	expect(await app.text()).toBe(stopped);

	await app.page.getByRole('button', { name: 'Continue' }).click();
	await app.page.getByRole('button', { name: 'Stop' }).waitFor();
	await expect
		.poll(async () => (await app.text()).length, { timeout: 20_000 })
		.toBeGreaterThan(stopped.length);
	expect((await app.text()).slice(0, 10)).toBe(stopped.slice(0, 10));
	await app.page.getByRole('button', { name: 'Stop' }).click();
});

test('another reply is a branch beside the first, and both are kept; an edited question is one with a reply of its own', async () => {
	const app = await App.open({ preferences: { reply: { temperature: 1, maxNewTokens: 16 } } });
	await app.ask('What is inflation?');
	await app.settled();
	const first = await app.text();
	await app.page.getByRole('button', { name: 'Write another reply' }).click();
	await app.page.getByRole('group', { name: 'reply 2 of 2' }).waitFor();
	await app.settled();
	const second = await app.text();
	await app.page.getByRole('button', { name: 'Previous reply' }).click();
	await app.page.getByRole('group', { name: 'reply 1 of 2' }).waitFor();
	expect(await app.text()).toBe(first);
	await app.page.reload();
	await app.page.getByRole('button', { name: 'Next reply' }).click();
	await app.page.getByRole('group', { name: 'reply 2 of 2' }).waitFor();
	expect(await app.text()).toBe(second);

	const question = app.page.getByRole('article', { name: 'You' });
	await question.hover();
	await app.page.getByRole('button', { name: 'Ask differently' }).click();
	await app.page.getByRole('textbox', { name: 'Your question' }).fill('What is a muscle?');
	await app.page.getByRole('button', { name: 'Ask', exact: true }).click();
	await app.page.getByRole('group', { name: 'question 2 of 2' }).waitFor();
	await app.settled();
	expect(await question.innerText()).toContain('What is a muscle?');
	await app.page.getByRole('button', { name: 'Previous question' }).click();
	await expect.poll(() => question.innerText()).toContain('What is inflation?');
});

test('of a thousand conversations the list holds what is seen and a little more, down to the first', async () => {
	const app = await App.open({ preferences: { reply: { maxNewTokens: 4 } } });
	await app.ask('Why?');
	await app.settled();
	const { page } = app;
	await page.evaluate(
		() =>
			new Promise<void>((resolve, reject) => {
				const opening = indexedDB.open('openledger-chat');
				opening.onerror = () => reject(opening.error);
				opening.onsuccess = () => {
					const writing = opening.result.transaction('conversations', 'readwrite');
					for (let i = 0; i < 1000; i++)
						writing.objectStore('conversations').put({
							id: `old-${i}`,
							title: `Number ${i}`,
							createdAt: i,
							updatedAt: 1_700_000_000_000 + i * 3_600_000,
							leaf: null
						});
					writing.onerror = () => reject(writing.error);
					writing.oncomplete = () => {
						opening.result.close();
						resolve();
					};
				};
			})
	);
	await page.reload();
	const links = page.getByRole('region', { name: 'Conversations' }).getByRole('link');
	await page.getByRole('link', { name: 'Number 999', exact: true }).waitFor();
	expect(await links.count()).toBeLessThan(100);
	// The end of what there is, again and again.
	for (let tries = 0; tries < 60 && (await links.count()) < 1001; tries++) {
		await links.last().scrollIntoViewIfNeeded();
		await page.waitForTimeout(30);
	}
	await page.getByRole('link', { name: 'Number 0', exact: true }).waitFor();
	expect(await links.count()).toBe(1001);
});

test('a conversation is renamed, found by its words, saved, deleted and brought back', async () => {
	const app = await App.open({ preferences: { reply: { maxNewTokens: 8 } } });
	for (const subject of ['neuron', 'market', 'planet', 'enzyme', 'treaty']) {
		await visit(app.page, '/');
		await app.ask(`Define ${subject}.`);
		await app.settled();
	}
	const list = app.page.getByRole('region', { name: 'Conversations' });
	await app.page.getByRole('searchbox', { name: 'Search conversations' }).fill('plan');
	await expect.poll(() => list.getByRole('link').count()).toBe(1);
	await list.getByRole('link', { name: 'Define planet.' }).click();

	await app.page.getByRole('button', { name: 'More about this conversation' }).click();
	await app.page.getByRole('menuitem', { name: 'Rename' }).click();
	await app.page.getByRole('textbox', { name: 'Name of the conversation' }).fill('Planets');
	await app.page.keyboard.press('Enter');
	await app.page.getByRole('heading', { name: 'Planets' }).waitFor();

	await app.page.getByRole('button', { name: 'More about this conversation' }).click();
	const [file] = await Promise.all([
		app.page.waitForEvent('download'),
		app.page.getByRole('menuitem', { name: 'Save as Markdown' }).click()
	]);
	expect(file.suggestedFilename()).toBe('Planets.md');
	expect(await readFile(await file.path(), 'utf8')).toMatch(
		/^# Planets\n[\s\S]*\*\*You\*\*\n\nDefine planet\.\n\n\*\*nano\*\*/i
	);

	await app.page.getByRole('button', { name: 'More about this conversation' }).click();
	await app.page.getByRole('menuitem', { name: 'Delete' }).click();
	await app.page.getByText('“Planets” was deleted.').waitFor();
	await expect.poll(() => list.getByRole('link', { name: 'Planets' }).count()).toBe(0);
	await app.page.getByRole('button', { name: 'Undo' }).click();
	await app.page.getByRole('heading', { name: 'Planets' }).waitFor();
});
