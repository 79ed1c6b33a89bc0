import { violations } from '../../test/support/axe.ts';
import {
	datanetDialogs,
	datanetTour,
	moneyDialogs,
	otherDialogs,
	sharingDialogs,
	tour
} from '../../test/support/tour.ts';
import { openApp } from './app-in-browser.ts';

/** What axe finds on every page and dialog, by day and by night, on a desk and on a phone: how many rules are broken, and where. */
export async function axeViolations() {
	const found: Record<string, string[]> = {};
	let places = 0;
	for (const colorScheme of ['light', 'dark'] as const)
		for (const [width, height] of [
			[1280, 800],
			[390, 844]
		] as const)
			await openApp(
				async (context, url) => {
					const page = await context.newPage();
					page.setDefaultTimeout(120_000);
					await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
					await page.setViewportSize({ width, height });
					await page.goto(url);
					const see = async (name: string) => {
						places++;
						const broken = await violations(page);
						if (broken.length) found[`${name}, ${colorScheme}, ${width}`] = broken;
					};
					await tour(page, see);
					await moneyDialogs(page, see);
					await sharingDialogs(page, see);
					await datanetTour(page, see);
					await datanetDialogs(page, see);
					await otherDialogs(page, see);
				},
				{ serviceWorker: false }
			);
	for (const [where, broken] of Object.entries(found)) console.error(where, broken);
	return {
		axe_violations: Object.values(found).flat().length,
		axe_places: places,
		axe_where: Object.keys(found)
	};
}
