import type { Locator } from 'playwright';
import { expect } from 'vitest';
import { violations } from '#test/support/axe.ts';
import type { App } from './app.ts';

/** axe on what is there, by day and by night; `found` is what it did not like. */
export function seeing({ page }: App) {
	const found: Record<string, string[]> = {};
	const see = async (name: string) => {
		for (const colorScheme of ['light', 'dark'] as const) {
			await page.emulateMedia({ colorScheme });
			const here = await violations(page);
			if (here.length) found[`${name}, ${colorScheme}`] = here;
		}
	};
	return { see, found };
}

/** Goes through the panel's other parts. */
export async function seeWordsAndReceipt(
	panel: Locator,
	see: (name: string) => Promise<void>
): Promise<void> {
	await panel.getByRole('radio', { name: 'Words' }).click();
	await panel.getByRole('heading', { name: 'The same words elsewhere' }).waitFor();
	await expect.poll(() => panel.getByText(/^(Measuring|Searching)/).count(), { timeout: 30_000 }).toBe(0);
	await see('words');
	await panel.getByRole('radio', { name: 'Receipt' }).click();
	await panel.getByText('What it says').click();
	await see('receipt');
}
