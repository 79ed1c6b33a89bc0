import type { Page } from 'playwright';

/** Makes an empty Datanet in the page and chooses a file of rows for it; what is left is to press Import. */
export async function chooseImport(page: Page, url: string, name: string, file: string): Promise<void> {
	await page.goto(`${url}/datanets`);
	await page.getByRole('button', { name: 'Start empty' }).click();
	await page.getByRole('textbox', { name: 'Name' }).fill(name);
	await page.getByRole('button', { name: 'Create' }).click();
	await page.waitForURL(/\/rows/);
	await page.goto(page.url().replace('/rows', '/import'));
	const [chooser] = await Promise.all([
		page.waitForEvent('filechooser'),
		page.getByRole('button', { name: 'Choose files' }).click()
	]);
	await chooser.setFiles(file);
}
