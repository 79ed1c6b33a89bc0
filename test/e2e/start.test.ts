import { chromium } from 'playwright';
import { expect, inject, test } from 'vitest';
import { chromiumArguments, findChromium } from '../../.ci/chromium.mjs';

test('the app opens from a static host', async () => {
	const browser = await chromium.launch({ executablePath: findChromium(), args: chromiumArguments });
	try {
		const page = await browser.newPage();
		await page.goto(inject('appUrl'));
		await page.getByRole('heading', { name: 'Ask' }).waitFor();
		expect(await page.evaluate(() => crossOriginIsolated)).toBe(true);
	} finally {
		await browser.close();
	}
});
