import axe from 'axe-core';
import type { Page } from 'playwright';

/** What axe finds on a page as it stands, or in a part of it: `rule: elements`. */
export async function violations(page: Page, part = 'html'): Promise<string[]> {
	await still(page);
	const has = await page.evaluate(() => 'axe' in window);
	if (!has) await page.evaluate(axe.source);
	// Only what was found leaves the page: all that was looked at is megabytes.
	return page.evaluate(async (selector) => {
		const here = (window as unknown as { axe: typeof axe }).axe;
		const { violations } = await here.run(selector, { resultTypes: ['violations'] });
		return violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join('\n')}`);
	}, part);
}

/** Waits until whatever appears or changes its colour has done so: half-transparent text has no contrast. */
async function still(page: Page): Promise<void> {
	await page.waitForTimeout(100);
	await page.evaluate(async () => {
		// Looked at again and again: what is replaced while it moves never says that it has finished.
		const soon = () => new Promise((go) => setTimeout(go, 30));
		const moves = ({ effect, playState }: Animation) =>
			playState === 'running' && effect?.getComputedTiming().endTime !== Infinity;
		await soon();
		for (let tries = 0; tries < 100 && document.getAnimations().some(moves); tries++) await soon();
	});
}
