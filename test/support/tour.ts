import type { Page } from 'playwright';
import { visit } from './visit.ts';

/** The addresses of all pages that need nothing to be there, and the heading that says that a page stands. */
export const pages = [
	['/datanets', 'Datanets'],
	['/factory', 'Factory'],
	['/factory/new', 'Train an adapter'],
	['/adapters', 'Models & adapters'],
	['/a', 'Open an adapter'],
	['/ledger', 'Ledger'],
	['/lineage', 'Lineage'],
	['/lineage/usage', 'Lineage'],
	['/lineage/mine', 'Lineage'],
	['/govern', 'Govern'],
	['/settings', 'Device & storage']
] as const;

/**
 * Walks a fresh profile through the chat, its panels, and every page; `see` is called wherever something new stands.
 * @param page of the app, at its start page
 */
export async function tour(page: Page, see: (name: string) => Promise<void>): Promise<void> {
	const button = (name: string | RegExp) => page.getByRole('button', { name });
	await page.getByRole('heading', { name: /^Ask nano/i }).waitFor();
	await see('empty chat');
	await page.getByRole('textbox', { name: 'Message' }).fill('What is a cell?');
	await button('Send').click();
	await page.getByRole('article', { name: 'Reply' }).waitFor();
	await button('Send').waitFor();
	await see('conversation');
	for (const panel of [/^Model:/, /^Adapter:/, 'How replies are written', 'More about this conversation']) {
		await button(panel).click();
		await see(String(panel));
		await page.keyboard.press('Escape');
	}
	await page.keyboard.press('Control+k');
	await page.getByRole('combobox').waitFor();
	await see('palette');
	await page.keyboard.press('Escape');
	if (await button('Conversations').isVisible()) {
		await button('Conversations').click();
		await see('history sheet');
		await page.keyboard.press('Escape');
	}
	for (const [path, heading] of pages) {
		await visit(page, path);
		await page.getByRole('heading', { level: 1, name: heading }).waitFor();
		await page.waitForTimeout(400);
		await see(path);
	}
}

/** The dialogs that ask about money, on the page of the ledger in the sandbox. */
export async function moneyDialogs(page: Page, see: (name: string) => Promise<void>): Promise<void> {
	await visit(page, '/ledger');
	const dialog = page.getByRole('dialog');
	await page
		.getByRole('button', { name: /play money$/ })
		.first()
		.click();
	await dialog.waitFor();
	await see('wallets');
	await page.keyboard.press('Escape');
	await page.getByRole('button', { name: 'Deposit', exact: true }).first().click();
	await dialog.waitFor();
	await see('deposit');
	await page.keyboard.press('Escape');
}

/** Makes the sample Datanet, and walks through its pages and dialogs. */
export async function datanetTour(page: Page, see: (name: string) => Promise<void>): Promise<void> {
	const button = (name: string | RegExp) => page.getByRole('button', { name });
	await visit(page, '/datanets');
	await button(/^Try the sample/).click();
	await page.getByRole('heading', { name: 'Whose knowledge this is' }).waitFor();
	await see('Datanet overview');
	const parts = page.getByRole('navigation', { name: 'Parts of this Datanet' });
	for (const part of ['Rows', 'Checks', 'Review', 'Versions']) {
		await parts.getByRole('link', { name: part }).click();
		await page.waitForTimeout(1000);
		await see(`Datanet ${part}`);
	}
	for (const item of ['Save as a file', 'Offer rows to a curator', 'Publish on Hugging Face']) {
		await button('Share').click();
		await page.getByRole('menuitem', { name: item }).click();
		await page.getByRole('dialog').waitFor();
		await see(item);
		await page.keyboard.press('Escape');
	}
	await visit(page, page.url().replace('/versions', '/import'));
	await button('Choose files').waitFor();
	await see('Datanet import');
}

/** What an adapter is shared, published and made an agent by, and the chat that stands in other pages. */
export async function sharingDialogs(page: Page, see: (name: string) => Promise<void>): Promise<void> {
	const dialog = page.getByRole('dialog');
	await visit(page, '/adapters');
	for (const item of ['Share a link', 'Make an agent', 'Publish or register']) {
		await page.getByRole('button', { name: 'More about Anatomy' }).click();
		await page.getByRole('menuitem', { name: item }).click();
		await dialog.waitFor();
		await see(item);
		if (item.startsWith('Publish'))
			for (const part of ['IPFS', 'Files', 'Register']) {
				await dialog.getByRole('radio', { name: part }).click();
				// The chain is read, which tells the costs.
				if (part === 'Register') await dialog.getByText(/^Registered on /).waitFor();
				await see(`${item}, ${part}`);
			}
		await page.keyboard.press('Escape');
		await dialog.waitFor({ state: 'detached' });
	}
	await page.goto(new URL('/embed', page.url()).href);
	await page.getByRole('textbox', { name: 'Message' }).waitFor();
	await see('/embed');
}
