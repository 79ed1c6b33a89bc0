import { readFileSync } from 'node:fs';
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

/** Buttons by their whole name, of several the first. */
const buttonsOf = (page: Page) => (name: string | RegExp) =>
	page.getByRole('button', { name, exact: true }).first();

/** Asks for whatever opens a dialog, looks at it and leaves it. */
async function look(
	page: Page,
	see: (name: string) => Promise<void>,
	name: string,
	open: () => Promise<void>
): Promise<void> {
	const dialog = page.getByRole('dialog');
	await open();
	await dialog.waitFor();
	await see(name);
	await page.keyboard.press('Escape');
	await dialog.waitFor({ state: 'detached' });
}

/** The dialogs that ask about money, on the page of the ledger in the sandbox. */
export async function moneyDialogs(page: Page, see: (name: string) => Promise<void>): Promise<void> {
	await visit(page, '/ledger');
	const button = buttonsOf(page);
	await look(page, see, 'wallets', () => button(/play money$/).click());
	await look(page, see, 'deposit', () => button('Deposit').click());
}

/** The dialogs of the chat, of models and adapters, of lineage, of the ledger and of votes that the other tours leave out. */
export async function otherDialogs(page: Page, see: (name: string) => Promise<void>): Promise<void> {
	const button = buttonsOf(page);
	const choose = async (menu: string, item: string) => {
		await button(menu).click();
		await page.getByRole('menuitem', { name: item }).click();
	};
	await visit(page, '/');
	await page.getByRole('textbox', { name: 'Message' }).fill('What is a joint?');
	await button('Send').click();
	await button('Send').waitFor();
	await look(page, see, 'rename', () => choose('More about this conversation', 'Rename'));
	await look(page, see, 'correction', () => button('This is wrong, it should be …').click());
	await visit(page, '/adapters');
	await look(page, see, 'model card', () => button('Model card of Nano').click());
	await look(page, see, 'rows behind an adapter', () => choose('More about Anatomy', 'Rows behind it'));
	await visit(page, '/lineage');
	await look(page, see, 'lineage for others', () => button('Save for others').click());
	await visit(page, '/ledger');
	await button('Register as a contributor').click();
	await look(page, see, 'hand over', () => button('Hand over').click());
	await button('Deposit').click();
	await page.getByLabel('Amount in OPEN').fill('5');
	await page.getByRole('dialog').getByRole('button', { name: 'Deposit' }).click();
	await page.getByRole('dialog').waitFor({ state: 'detached' });
	for (const name of ['Withdraw', 'Stake']) await look(page, see, name, () => button(name).click());
	await visit(page, '/govern');
	for (const name of ['Propose new rules', 'Wrap', 'Delegate'])
		await look(page, see, name, () => button(name).click());
}

/** The dialogs of a Datanet and of all of them that `datanetTour` leaves out; after it, on a page of the sample. */
export async function datanetDialogs(page: Page, see: (name: string) => Promise<void>): Promise<void> {
	const button = buttonsOf(page);
	const parts = page.getByRole('navigation', { name: 'Parts of this Datanet' });
	const part = (name: string) => parts.getByRole('link', { name }).click();
	await part('Overview');
	await look(page, see, 'lock', () => button('Lock').click());
	await look(page, see, 'forget', () => button('Forget').click());
	await look(page, see, 'delete', () => button('Delete').click());
	await part('Rows');
	await look(page, see, 'new row', () => button('Row').click());
	// A phone has one row at a time.
	if (await page.getByRole('checkbox').count()) {
		await page.getByRole('checkbox').nth(1).click();
		await look(page, see, 'edit rows', () => button('Edit').click());
	}
	const dialog = page.getByRole('dialog');
	// One's own row is what one offers.
	await button('Row').click();
	await dialog.getByRole('textbox', { name: 'Prompt' }).fill('What is a joint?');
	await dialog.getByRole('textbox', { name: 'Response' }).fill('Where two bones meet.');
	await dialog.getByRole('button', { name: 'Add', exact: true }).click();
	await dialog.waitFor({ state: 'detached' });
	await button('Share').click();
	await page.getByRole('menuitem', { name: 'Offer rows to a curator' }).click();
	await dialog.getByRole('textbox', { name: /Your name/ }).fill('Ben');
	await dialog.getByRole('button', { name: 'Sign and make the file' }).click();
	const [download] = await Promise.all([
		page.waitForEvent('download'),
		dialog.getByRole('button', { name: /^(Share|Save) the file/ }).click()
	]);
	const offered = {
		name: download.suggestedFilename(),
		mimeType: 'application/octet-stream',
		buffer: readFileSync(await download.path())
	};
	await page.keyboard.press('Escape');
	await dialog.waitFor({ state: 'detached' });
	const openFile = async () => {
		const [chooser] = await Promise.all([page.waitForEvent('filechooser'), button('Open a file').click()]);
		await chooser.setFiles(offered);
	};
	await visit(page, '/datanets');
	await look(page, see, 'new Datanet', () => button('New Datanet').click());
	await look(page, see, 'backup', async () => {
		await button('Back up and restore').click();
		await page.getByRole('menuitem', { name: 'Back up everything' }).click();
	});
	await look(page, see, 'receive', openFile);
	await look(page, see, 'link a wallet', () => button('Link a wallet').click());
	// One that has not these rows yet.
	await button('New Datanet').click();
	await dialog.getByRole('textbox', { name: 'Name' }).fill('Another');
	await dialog.getByRole('button', { name: 'Create' }).click();
	await dialog.waitFor({ state: 'detached' });
	await part('Review');
	await openFile();
	await look(page, see, 'reject', () => button('Reject').click());
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
	for (const item of ['Save as a file', 'Offer rows to a curator', 'Publish on Hugging Face'])
		await look(page, see, item, async () => {
			await button('Share').click();
			await page.getByRole('menuitem', { name: item }).click();
		});
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
