import { mkdirSync, writeFileSync } from 'node:fs';
import { chromium } from 'playwright';
import { chromiumArguments, findChromium } from './chromium.mjs';
import { serve } from './serve.mjs';

/** Takes the pictures of README and docs anew, docs/pictures, from what lies in build/: `npm run screenshots`. */

const folder = new URL('../docs/pictures/', import.meta.url);
/** Per cent; text stays sharp, and a picture weighs some tens of kilobytes. */
const quality = 82;
const preferences = { reply: { temperature: 0, maxNewTokens: 64, seed: 1 } };
const desk = { width: 1280, height: 800 };
const phone = { width: 390, height: 844 };

/** @typedef {import('playwright').Page} Page */

/** @param {Page} page @param {string} name */
const button = (page, name) => page.getByRole('button', { name });

/** A reply of the Anatomy adapter, measured. @param {Page} page */
async function ask(page) {
	await button(page, 'Adapter: No adapter').click();
	await page.getByRole('option', { name: /Anatomy/ }).click();
	await page.getByRole('textbox', { name: 'Message' }).fill('What is a tendon?');
	await button(page, 'Send').click();
	await page.getByRole('article', { name: /^Reply/ }).waitFor();
	await page.getByText(/from \d+ people/).waitFor();
}

/** The sample Datanet. @param {Page} page */
async function sample(page) {
	await page.goto(new URL('/datanets', page.url()).href);
	await page.getByRole('button', { name: /^Try the sample/ }).click();
	await page.getByRole('heading', { name: 'Whose knowledge this is' }).waitFor();
}

/**
 * Each with the screen, the theme and the way there.
 * @type {{ name: string, screen: { width: number, height: number }, dark?: boolean, go: (page: Page) => Promise<void> }[]}
 */
const pictures = [
	{
		name: 'chat',
		screen: desk,
		async go(page) {
			await ask(page);
			await page.getByRole('button', { name: /^Whose knowledge is in this answer/ }).click();
			await page.getByText('What it would have said by itself.').waitFor();
		}
	},
	{ name: 'chat-phone', screen: phone, dark: true, go: ask },
	{ name: 'datanet', screen: desk, dark: true, go: sample },
	{
		name: 'factory',
		screen: desk,
		async go(page) {
			await sample(page);
			const id = new URL(page.url()).pathname.split('/').at(-1);
			await page.goto(new URL(`/factory/new?datanet=${id}&ask=What is the patella?`, page.url()).href);
			await page.getByText(/^about \d+ (s|min)$/).waitFor();
		}
	},
	{
		name: 'lineage',
		screen: desk,
		async go(page) {
			await ask(page);
			await page.getByRole('button', { name: /^Whose knowledge is in this answer/ }).click();
			await page.getByRole('link', { name: /Lineage of this answer/ }).click();
			await page.getByText('Reading the books').first().waitFor({ state: 'detached' });
		}
	},
	{
		name: 'ledger-phone',
		screen: phone,
		async go(page) {
			await page.goto(new URL('/ledger', page.url()).href);
			await page.getByRole('heading', { name: 'Your account' }).waitFor();
		}
	},
	{
		name: 'path-phone',
		screen: phone,
		async go(page) {
			await page.getByRole('button', { name: /^Walk the whole loop/ }).click();
			await button(page, 'Start a Datanet').click();
			await page.getByRole('button', { name: /^Take three facts/ }).click();
			await page.getByRole('heading', { name: 'Train on them' }).waitFor();
		}
	}
];

mkdirSync(folder, { recursive: true });
const server = await serve();
const browser = await chromium.launch({ executablePath: findChromium(), args: chromiumArguments });
const wanted = process.argv.slice(2);
try {
	for (const { name, screen, dark, go } of pictures.filter(
		({ name }) => wanted.length === 0 || wanted.includes(name)
	)) {
		const context = await browser.newContext({
			viewport: screen,
			deviceScaleFactor: screen === phone ? 1.5 : 1,
			hasTouch: screen === phone,
			isMobile: screen === phone,
			colorScheme: dark ? 'dark' : 'light',
			reducedMotion: 'reduce',
			serviceWorkers: 'block'
		});
		await context.addInitScript((text) => {
			if (location.protocol !== 'about:' && !localStorage.getItem('openledger.preferences'))
				localStorage.setItem('openledger.preferences', text);
		}, JSON.stringify(preferences));
		const page = await context.newPage();
		page.setDefaultTimeout(300_000);
		await page.goto(server.url);
		await page.getByRole('textbox', { name: 'Message' }).waitFor();
		await go(page);
		await page.mouse.move(screen.width / 2, screen.height - 4);
		await page.waitForTimeout(1500);
		// Playwright writes no WebP; the browser does.
		const devtools = await context.newCDPSession(page);
		const { data } = await devtools.send('Page.captureScreenshot', { format: 'webp', quality });
		const file = Buffer.from(data, 'base64');
		writeFileSync(new URL(`${name}.webp`, folder), file);
		console.log(`${name}: ${Math.round(file.length / 1000)} kB`);
		await context.close();
	}
} finally {
	await browser.close();
	await server.close();
}
