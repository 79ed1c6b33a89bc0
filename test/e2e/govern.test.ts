import { expect, test } from 'vitest';
import { visit } from '#test/support/visit.ts';
import { App } from './app.ts';
import { looks } from './looks.ts';

const day = '+ 1 day';
const week = '+ 8 days';

test('wrap, delegate, propose, vote, queue, execute: the rules change, and the fee comes back', async () => {
	const app = await App.open({ path: '/ledger' });
	const { page } = app;
	const button = (name: string | RegExp) => page.getByRole('button', { name, exact: true });
	const dialog = page.getByRole('dialog');
	const go = (path: string) => visit(page, path);
	/** Moves the sandbox's clock on, and comes back. */
	const pass = async (step: string) => {
		await go('/settings');
		const height = page.getByText(/^\d+ blocks? so far$/);
		await height.waitFor();
		const before = await height.innerText();
		await button(step).click();
		await expect.poll(() => height.innerText()).not.toBe(before);
		await go('/govern');
	};
	const figure = (name: string) =>
		page
			.locator('dl > div', { has: page.getByText(name, { exact: true }) })
			.locator('dd')
			.first();

	// The fee of a proposal is taken from the prepaid balance.
	await button('Deposit').click();
	await dialog.getByLabel('Amount in OPEN').fill('60');
	await dialog.getByRole('button', { name: 'Deposit' }).click();
	await dialog.waitFor({ state: 'detached' });

	await go('/govern');
	await button('Wrap').click();
	await dialog.getByLabel('Amount in OPEN').fill('2000');
	await dialog.getByRole('button', { name: 'Wrap', exact: true }).click();
	await dialog.waitFor({ state: 'detached' });
	await expect.poll(() => figure('You hold').innerText()).toBe('2,000\u00a0gOPEN');
	// Delegated to oneself with the first wrapping.
	expect(await figure('Votes you have').innerText()).toBe('2,000');

	await button('Propose new rules').click();
	await dialog.getByLabel('What should change').fill('Less for one');
	await dialog.getByLabel('Why').fill('So that no single contributor takes too much.');
	await dialog.getByLabel('Most for one (%)').fill('150');
	expect(await dialog.getByRole('button', { name: /^Propose, for a fee/ }).isDisabled()).toBe(true);
	await dialog.getByLabel('Most for one (%)').fill('20');
	const change = dialog.getByRole('row', { name: /Most for one/ });
	const now = (await change.locator('del').innerText()).trim();
	expect(await change.locator('ins').innerText()).toBe('20 %');
	await dialog.getByRole('button', { name: 'Propose, for a fee of 50 OPEN' }).click();
	await dialog.waitFor({ state: 'detached' });

	const proposal = page.locator('.proposal', { hasText: 'Less for one' });
	await proposal.getByText('Begins soon').waitFor();
	await pass(day);
	await proposal.locator('header').getByText('Voting').waitFor();
	await proposal.getByRole('button', { name: 'For', exact: true }).click();
	await proposal.getByText('You have voted.').waitFor();
	expect(await proposal.getByRole('img').getAttribute('aria-label')).toBe('For 100 %, against 0 %');
	await pass(week);
	await proposal.locator('header').getByText('Accepted', { exact: true }).waitFor();
	await looks(app, 'govern');
	await proposal.getByRole('button', { name: 'Start its waiting time' }).click();
	await proposal.getByText('Accepted, waits').waitFor();
	expect(await proposal.getByRole('button', { name: 'Do it' }).count()).toBe(0);
	await pass(day);
	await proposal.getByRole('button', { name: 'Do it' }).click();
	await proposal.locator('header').getByText('Done').waitFor();
	await proposal.getByRole('button', { name: 'Return the fee' }).click();
	await proposal.getByRole('button', { name: 'Return the fee' }).waitFor({ state: 'detached' });

	// A day later anybody may put it in force; the history says what changed.
	await page.getByText('can take force on').waitFor();
	await pass(day);
	await button('Put it in force').click();
	await page.getByText('Version 2.').waitFor();
	const rule = page
		.getByRole('region', { name: 'Rules in force' })
		.getByRole('row', { name: /Most for one/ });
	expect(await rule.getByRole('cell').innerText()).toBe('20 %');
	const history = page.getByRole('region', { name: 'History' }).getByRole('row', { name: /Most for one/ });
	expect(await history.locator('del').innerText()).toBe(now);
	expect(await history.locator('ins').innerText()).toBe('20 %');

	// All of the deposit can be taken out again, and all of the votes.
	await button('Unwrap').click();
	await dialog.getByRole('button', { name: /^All/ }).click();
	await dialog.getByRole('button', { name: 'Unwrap', exact: true }).click();
	await dialog.waitFor({ state: 'detached' });
	await expect.poll(() => figure('You hold').innerText()).toBe('0\u00a0gOPEN');
	await go('/ledger');
	await page.getByRole('heading', { name: 'Your account' }).waitFor();
	expect(await figure('Free to spend').locator('.amount').getAttribute('data-wei')).toBe(
		`${60n * 10n ** 18n}`
	);
	await looks(app, 'ledger, new');

	// A stake on a model: in, unbonding for three weeks, and out again to the wei.
	const stakes = page.getByRole('region', { name: 'Your stakes' });
	await stakes.getByRole('button', { name: 'Stake' }).click();
	await dialog.getByLabel('Model’s number').fill('99');
	await dialog.getByText('There is none with this number.').waitFor();
	await dialog.getByLabel('Model’s number').fill('2');
	await dialog.getByLabel('Amount in OPEN').fill('10');
	await looks(app, 'stake', true);
	await dialog.getByRole('button', { name: 'Stake', exact: true }).click();
	await dialog.waitFor({ state: 'detached' });
	const stake = stakes.getByRole('row', { name: /model 2/ });
	await stake.getByRole('button', { name: 'Unbond' }).click();
	await dialog.getByRole('button', { name: /^All of it/ }).click();
	await dialog.getByRole('button', { name: 'Unbond', exact: true }).click();
	await dialog.waitFor({ state: 'detached' });
	await stake.getByText(/^until /).waitFor();
	expect(await stake.getByRole('button').count()).toBe(0);
	for (let i = 0; i < 3; i++) await pass(week);
	await go('/ledger');
	await stake.getByRole('button', { name: 'Take out' }).click();
	await stakes.getByText('You have staked nothing.').waitFor();
	expect(await figure('Free to spend').locator('.amount').getAttribute('data-wei')).toBe(
		`${60n * 10n ** 18n}`
	);
}, 300_000);
