import type { BrowserContext, Page } from 'playwright';
import { gzipSync } from 'node:zlib';
import { openApp } from './app-in-browser.ts';

/** Visits of each kind, of which the middle one counts. */
const VISITS = 3;

/**
 * What a first visit costs, and what is there without a network afterwards; each visit in a profile of its own, loopback, no GPU.
 * `js_kb` is in kB (1000 bytes) after gzip; the others are ms as the page's own clock has them: from the start of the navigation
 * to the first word of a reply to a question that is asked as soon as the page can be asked, and from a reload without a network to
 * a message box that takes text. `offline_reply` says that a question asked then was answered.
 */
export async function firstVisit() {
	const visits: Awaited<ReturnType<typeof visitOnce>>[] = [];
	for (let visit = 0; visit < VISITS; visit++) visits.push(await openApp(visitOnce));
	const middle = (of: (one: (typeof visits)[number]) => number) =>
		visits.map(of).sort((a, b) => a - b)[Math.floor(VISITS / 2)] ?? NaN;
	return {
		js_kb: middle(({ script }) => script / 1000),
		first_token_ms: middle(({ firstToken }) => firstToken),
		offline_ready_ms: middle(({ offline }) => offline),
		offline_reply: visits.every(({ answered }) => answered)
	};
}

async function visitOnce(context: BrowserContext, url: string) {
	const page = await context.newPage();
	page.setDefaultTimeout(120_000);
	const scripts = new Map<string, Promise<Buffer>>();
	page.on('response', (response) => {
		const { pathname } = new URL(response.url());
		if (pathname.endsWith('.js') && !pathname.includes('/workers/')) scripts.set(pathname, response.body());
	});
	await page.goto(url, { waitUntil: 'commit' });
	await page.locator('#opening').waitFor({ state: 'detached' });
	// What opens at a tap comes with the first sign of a hand, and is not waited for.
	const bodies = [...scripts.values()];
	await ask(page, 'What is inflation?');
	const firstToken = await firstWord(page);
	const script = (await Promise.all(bodies)).reduce((sum, body) => sum + gzipSync(body).length, 0);
	await page.getByRole('button', { name: 'Send' }).waitFor();
	await page.waitForFunction(() => navigator.serviceWorker.controller?.state === 'activated');
	await context.setOffline(true);
	await page.goto(url, { waitUntil: 'commit' });
	await page.getByRole('textbox', { name: 'Message' }).waitFor();
	const offline = await page.evaluate(() => performance.now());
	await ask(page, 'What is a tendon?');
	const answered = (await firstWord(page)) > 0;
	return { script, firstToken, offline, answered };
}

async function ask(page: Page, question: string): Promise<void> {
	await page.getByRole('textbox', { name: 'Message' }).fill(question);
	await page.getByRole('button', { name: 'Send' }).click();
}

/** The page's clock at the first word of the newest reply, in ms. */
async function firstWord(page: Page): Promise<number> {
	await page.waitForFunction(() =>
		[...document.querySelectorAll('article .markdown')].at(-1)?.textContent?.trim()
	);
	return page.evaluate(() => performance.now());
}
