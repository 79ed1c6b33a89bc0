import type { Page } from 'playwright';
import { expect } from 'vitest';
import { violations } from '#test/support/axe.ts';
import { smallTargets } from '#test/support/touch.ts';
import type { App } from './app.ts';

/** A folder to put a picture of each page into, for whoever wants to look. */
const PICTURES = process.env.PICTURES;

/** Takes a picture, where somebody wants to look. */
async function picture(page: Page, name: string): Promise<void> {
	if (PICTURES) await page.screenshot({ path: `${PICTURES}/${name.replaceAll(' ', '-')}.png` });
}

/**
 * axe on the page as it stands, or only on the dialog that is open, on a desk and on a phone, by day and by night; nothing is
 * wider than the screen, or smaller than a finger on a phone.
 * @param name of the page's state, for the pictures
 */
export async function looks({ page }: App, name: string, dialog = false): Promise<void> {
	const seen: Record<string, string[]> = {};
	for (const colorScheme of ['light', 'dark'] as const)
		for (const [width, height] of [
			[1280, 800],
			[390, 844]
		] as const) {
			await page.emulateMedia({ colorScheme });
			await page.setViewportSize({ width, height });
			const view = `${name} ${colorScheme} ${width}`;
			seen[view] = await violations(page, dialog ? '[role=dialog]' : undefined);
			if (width < 500) seen[view].push(...(await smallTargets(page)));
			expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(width);
			if (PICTURES) {
				await page.setViewportSize({ width, height: dialog ? height : 2600 });
				await picture(page, view);
				await page.setViewportSize({ width, height });
			}
		}
	await page.emulateMedia({ colorScheme: 'light' });
	await page.setViewportSize({ width: 1440, height: 900 });
	expect(Object.fromEntries(Object.entries(seen).filter(([, found]) => found.length))).toEqual({});
}
