import { createServer } from 'node:net';
import lighthouse from 'lighthouse';
import type { BrowserContext } from 'playwright';
import { datanetTour, pages } from '../../test/support/tour.ts';
import { openApp } from './app-in-browser.ts';

/** A score below this is measured again, since other work on the machine can only lower it. */
const GOOD = 0.95;
const TRIES = Number(process.env['TRIES'] ?? 3);
/** These alone, for a look: PAGES=/,/adapters. */
const PAGES = process.env['PAGES']?.split(',');

const CATEGORIES = ['performance', 'accessibility', 'best-practices'] as const;
type Scores = Record<(typeof CATEGORIES)[number], number>;

/**
 * Lighthouse's mobile preset (a slow phone and network, simulated) on every page, as on a first visit; pages of a Datanet have one. The
 * lowest score of all pages, of 100, for each category; a page's score is the middle one of three where the first was not good.
 */
export async function lighthouseScores() {
	const port = await freePort();
	const args = ['no-sandbox', 'disable-background-networking', 'disable-component-update', 'no-first-run'];
	const scores = await openApp((context, url) => everyPage(context, url, port), {
		args: [...args.map((name) => `--${name}`), `--remote-debugging-port=${port}`]
	});
	const lowest = (category: keyof Scores) =>
		Math.round(100 * Math.min(...Object.values(scores).map((page) => page[category])));
	return {
		lighthouse_performance_min: lowest('performance'),
		lighthouse_accessibility_min: lowest('accessibility'),
		lighthouse_best_practices_min: lowest('best-practices'),
		lighthouse_pages: scores
	};
}

async function everyPage(
	context: BrowserContext,
	url: string,
	port: number
): Promise<Record<string, Scores>> {
	const scores: Record<string, Scores> = {};
	for (const path of PAGES ?? ['/', ...pages.map(([path]) => path)])
		scores[path] = await score(url + path, port);
	if (PAGES) return scores;
	const page = await context.newPage();
	await page.goto(url);
	await datanetTour(page, () => Promise.resolve());
	const datanet = page.url().replace('/import', '');
	await page.close();
	for (const part of ['', '/rows', '/import', '/review', '/versions'])
		scores[`/datanets/…${part}`] = await score(datanet + part, port);
	return scores;
}

async function score(address: string, port: number): Promise<Scores> {
	const tries: Scores[] = [];
	do tries.push(await once(address, port));
	while (tries.length < TRIES && (tries[0]?.performance ?? 0) < GOOD);
	const middle = (category: keyof Scores) =>
		tries.map((one) => one[category]).sort((a, b) => a - b)[Math.floor(tries.length / 2)] ?? 0;
	const scores = Object.fromEntries(CATEGORIES.map((name) => [name, middle(name)])) as Scores;
	console.error(new URL(address).pathname, tries.map((one) => Object.values(one).join(' ')).join(' | '));
	return scores;
}

async function once(address: string, port: number): Promise<Scores> {
	const result = await lighthouse(address, {
		port,
		logLevel: 'silent',
		onlyCategories: [...CATEGORIES]
	});
	if (!result || result.lhr.runtimeError)
		throw new Error(`Lighthouse on ${address}: ${result?.lhr.runtimeError?.message ?? 'no result'}`);
	return Object.fromEntries(
		CATEGORIES.map((name) => [name, result.lhr.categories[name]?.score ?? 0])
	) as Scores;
}

function freePort(): Promise<number> {
	return new Promise((resolve, reject) => {
		const server = createServer().once('error', reject);
		server.listen(0, '127.0.0.1', () => {
			const address = server.address();
			server.close(() => resolve(typeof address === 'object' && address ? address.port : 0));
		});
	});
}
