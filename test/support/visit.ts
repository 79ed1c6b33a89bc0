import type { Page } from 'playwright';

/**
 * Goes to another page of the app as by a link in it: what is loaded stays, unlike with `page.goto`, which begins anew.
 * @param path absolute, may have a query and a hash
 */
export async function visit(page: Page, path: string): Promise<void> {
	const url = new URL(path, page.url()).href;
	if (page.url() === url) return;
	await page.evaluate((href) => {
		const link = document.createElement('a');
		link.href = href;
		document.body.append(link);
		link.click();
		link.remove();
	}, url);
	await page.waitForURL(url);
}
