import axe from 'axe-core';
import type { Page } from 'playwright';

/** What axe finds on a page as it stands, or in a part of it: `rule: elements`. */
export async function violations(page: Page, part = 'html'): Promise<string[]> {
	await page.evaluate(axe.source);
	const found = await page.evaluate(
		(selector) => (window as unknown as { axe: typeof axe }).axe.run(selector),
		part
	);
	return found.violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html).join('\n')}`);
}
