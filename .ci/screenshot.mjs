import { chromium } from 'playwright';
import { chromiumArguments, findChromium } from './chromium.mjs';
import { serve } from './serve.mjs';

/** Takes the README's picture anew, docs/screenshot.png, from what lies in build/: `node .ci/screenshot.mjs`. */
const preferences = { reply: { temperature: 0, maxNewTokens: 64 } };
const server = await serve();
const browser = await chromium.launch({ executablePath: findChromium(), args: chromiumArguments });
try {
	const context = await browser.newContext({
		viewport: { width: 1440, height: 900 },
		reducedMotion: 'reduce',
		serviceWorkers: 'block'
	});
	await context.addInitScript((text) => {
		if (location.protocol !== 'about:') localStorage.setItem('openledger.preferences', text);
	}, JSON.stringify(preferences));
	const page = await context.newPage();
	page.setDefaultTimeout(300_000);
	await page.goto(server.url);
	await page.getByRole('button', { name: 'Adapter: No adapter' }).click();
	await page.getByRole('option', { name: /Anatomy/ }).click();
	await page.getByRole('textbox', { name: 'Message' }).fill('What is a tendon?');
	await page.getByRole('button', { name: 'Send' }).click();
	const replies = page.getByRole('article', { name: /^(Reply|Two replies)/ });
	await replies.first().waitFor();
	await page.getByRole('button', { name: 'Send' }).waitFor();
	// Where the answer comes from is measured after it.
	await page.waitForTimeout(20_000);
	await page.mouse.move(700, 650);
	await page.screenshot({ path: new URL('../docs/screenshot.png', import.meta.url).pathname });
} finally {
	await browser.close();
	await server.close();
}
