import { describe, expect, test } from 'vitest';
import { violations } from '#test/support/axe.ts';
import { moneyDialogs, otherDialogs, pages, tour } from '#test/support/tour.ts';
import { smallTargets } from '#test/support/touch.ts';
import { visit } from '#test/support/visit.ts';
import { App } from './app.ts';

describe.each([
	{ phone: false, dark: false },
	{ phone: true, dark: true }
])('phone $phone, dark $dark', (look) => {
	test('axe finds nothing on any page or panel, a finger hits every control, and headings are where that of the last page was', async () => {
		const app = await App.open({ ...look, preferences: { reply: { maxNewTokens: 12 } } });
		const { page } = app;
		const seen: Record<string, string[]> = {};
		const headings = new Map<string, string[]>();
		const check = async (name: string) => {
			seen[name] = await violations(page);
			if (look.phone) seen[name].push(...(await smallTargets(page)));
			if (pages.some(([path]) => path === name)) {
				const { x = 0, y = 0 } = (await page.getByRole('heading', { level: 1 }).boundingBox()) ?? {};
				// On a phone the way back has a line of its own.
				const place = look.phone ? String(x) : `${x}, ${y}`;
				headings.set(place, [...(headings.get(place) ?? []), name]);
			}
			// What scrolls stands within the page. A panel that has not found its place yet would move all of it.
			const scrolls = () => document.documentElement.scrollHeight > document.documentElement.clientHeight;
			if (await page.evaluate(scrolls)) seen[name].push('the page itself scrolls');
		};
		await tour(page, check);
		expect(Object.fromEntries(headings)).toEqual({
			[look.phone ? '16' : '376, 48']: pages.map(([path]) => path)
		});
		await moneyDialogs(page, check);
		if (look.phone) await otherDialogs(page, check);
		expect(Object.fromEntries(Object.entries(seen).filter(([, found]) => found.length))).toEqual({});
	});
});

test('on a phone the bar below leads to every room, and nothing is wider than the screen; on the narrowest one can still write, send and read', async () => {
	const app = await App.open({ phone: true, preferences: { reply: { maxNewTokens: 12 } } });
	await app.ask('What is a cell?');
	await app.settled();
	const isNarrow = async () =>
		expect(await app.page.evaluate(() => document.documentElement.scrollWidth)).toBe(390);
	for (const room of ['Datanets', 'Factory', 'Ledger', 'Govern', 'Chat']) {
		await app.page
			.getByRole('navigation', { name: 'Rooms' })
			.getByRole('link', { name: room, exact: true })
			.tap();
		await app.page.waitForTimeout(300);
		await isNarrow();
	}
	// The menu has the others.
	for (const room of ['Models & adapters', 'Device & storage', 'Chat']) {
		await app.page.getByRole('button', { name: 'Conversations' }).tap();
		await app.page
			.getByRole('navigation', { name: 'All rooms' })
			.getByRole('link', { name: room, exact: true })
			.tap();
		await app.page.waitForTimeout(300);
		await isNarrow();
	}
	await visit(app.page, '/');
	await app.page.setViewportSize({ width: 320, height: 568 });
	const inView = (name: string) =>
		app.page.getByRole('button', { name }).evaluate((element) => {
			const { left, right, top, bottom } = element.getBoundingClientRect();
			return left >= 0 && right <= innerWidth && top >= 0 && bottom <= innerHeight;
		});
	await app.page.getByRole('heading', { name: /^Ask nano/i }).waitFor();
	await app.message.fill('What is a cell?');
	for (const name of ['Send', 'How replies are written']) expect(await inView(name)).toBe(true);
	await app.page.getByRole('button', { name: 'Send' }).tap();
	await app.settled();
	expect(await app.page.evaluate(() => document.documentElement.scrollWidth)).toBe(320);
});

test('the dark theme is there before the first paint, and the choice is kept', async () => {
	const app = await App.open({ dark: true, path: '/settings' });
	const background = () =>
		app.page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor);
	expect(await background()).toBe('rgb(17, 22, 20)');
	await app.page.getByRole('radio', { name: 'Light' }).click();
	await expect.poll(background).toBe('rgb(251, 252, 251)');
	await app.page.reload({ waitUntil: 'commit' });
	await app.page.waitForFunction(() => document.documentElement.dataset.theme);
	expect(await app.page.evaluate(() => document.documentElement.dataset.theme)).toBe('light');
});

/** English that no German sentence has. What a person or a model wrote says so with its own `lang`. */
const english = /\b(the|of|and|your|with|this|are|you|which|nothing|rows|yet|from|it|its|is)\b/i;

test('in German, on a phone, no page says an English sentence or is wider than the screen', async () => {
	const { page } = await App.open({ phone: true, preferences: { language: 'de' } });
	await page.getByRole('heading', { name: 'Frag Nano' }).waitFor();
	const found: Record<string, unknown> = {};
	for (const [path, heading] of [
		['/', 'Frag Nano'],
		['/datanets', 'Datanets'],
		['/factory', 'Werkstatt'],
		['/ledger', 'Abrechnung'],
		['/lineage', 'Herkunft'],
		['/govern', 'Abstimmen'],
		['/a#heart', 'Adapter öffnen'],
		['/settings', 'Gerät & Speicher']
	] as const) {
		await visit(page, path);
		await page.getByRole('heading', { name: heading, level: 1 }).waitFor();
		// The books of the sandbox are read.
		if (path === '/ledger') await page.getByRole('heading', { name: 'Was du schuldest' }).waitFor();
		if (path === '/govern') await page.getByRole('heading', { name: 'Geltende Regeln' }).waitFor();
		// A sentence of a worker, with its reason.
		if (path === '/a#heart') await page.getByText('Das ist kein Link zu einem Adapter: er nennt').waitFor();
		const said = await page.evaluate(() => {
			const texts = [document.title];
			const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_ELEMENT | NodeFilter.SHOW_TEXT);
			for (let node = walker.nextNode(); node; node = walker.nextNode()) {
				const element = node instanceof Element ? node : node.parentElement;
				if (element?.closest('script, style, noscript, [lang=en]')) continue;
				if (node instanceof Element)
					texts.push(...['aria-label', 'title', 'placeholder'].map((name) => node.getAttribute(name) ?? ''));
				else texts.push(node.textContent ?? '');
			}
			return texts;
		});
		found[path] = {
			language: await page.evaluate(() => document.documentElement.lang),
			english: said.filter((text) => english.test(text)),
			width: await page.evaluate(() => document.documentElement.scrollWidth)
		};
		expect(said.length).toBeGreaterThan(20);
	}
	expect(found).toEqual(
		Object.fromEntries(Object.keys(found).map((path) => [path, { language: 'de', english: [], width: 390 }]))
	);

	// Back to English: offered here, done when the page is loaded again.
	await page.getByRole('radio', { name: 'English' }).click();
	await page.getByRole('button', { name: 'Neu laden' }).click();
	await page.getByRole('heading', { name: 'Device & storage', level: 1 }).waitFor();
	expect(await page.evaluate(() => document.documentElement.lang)).toBe('en');
});
