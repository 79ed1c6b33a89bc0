import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { violations } from '#test/support/axe.ts';
import { App } from './app.ts';

const PICTURES = process.env.PICTURES;

test('the guided path: three rows, trained on, priced, asked, seen, paid for and claimed; left and taken up again on the way', async () => {
	const started = Date.now();
	const app = await App.open({ preferences: { reply: { temperature: 0, maxNewTokens: 48 } } });
	const { page } = app;
	const path = page.getByRole('complementary', { name: 'Guided path' });
	const button = (name: string | RegExp) => page.getByRole('button', { name });
	let pictures = 0;
	const at = async (step: string, seconds = 60) => {
		await path.getByRole('heading', { name: step }).waitFor({ timeout: seconds * 1000 });
		if (!PICTURES) return;
		for (const [width, height] of [
			[390, 844],
			[1280, 800]
		] as const)
			for (const colorScheme of ['light', 'dark'] as const) {
				await page.setViewportSize({ width, height });
				await page.emulateMedia({ colorScheme });
				await page.waitForTimeout(200);
				await page.screenshot({ path: `${PICTURES}/${pictures}-${step}-${width}-${colorScheme}.png` });
			}
		pictures++;
		await page.setViewportSize({ width: 1440, height: 900 });
	};
	const act = (name: string) => path.getByRole('button', { name, exact: true }).click();

	// What the base alone says of it; also such an answer has a lineage.
	await app.ask('What is a wumple?');
	await app.settled();
	expect(await app.text()).not.toContain('blue lamp');
	await page.getByRole('link', { name: 'Lineage of this answer' }).click();
	await page.getByRole('heading', { level: 2, name: /\S/ }).first().waitFor();
	await page.getByRole('link', { name: /^Base model.*nano/i }).click();
	// Both ends tell of it: the base lists what it wrote.
	await page
		.getByRole('link', { name: /^Answer/ })
		.first()
		.waitFor();
	// Who has given nothing is told where to begin.
	await page.getByRole('link', { name: 'My data', exact: true }).click();
	await page.getByText('You have given no rows yet.').waitFor();
	await page.getByText('This account earns nothing yet.').waitFor({ timeout: 60_000 });
	await page.goto(new URL('/', page.url()).href);

	await button(/^Walk the whole loop/).click();
	await at('Give three rows');
	await act('Start a Datanet');
	await button(/^Take three facts/).click();

	await at('Train on them');
	await act('Set up the training');
	// It leads to the very button.
	await expect
		.poll(() => page.evaluate(() => document.activeElement?.textContent?.trim()), { timeout: 90_000 })
		.toBe('Train');
	// One main button a screen: the page's own.
	expect((await page.locator('.button.primary:visible').allInnerTexts()).map((text) => text.trim())).toEqual([
		'Train'
	]);
	await page.keyboard.press('Enter');
	await path.getByRole('button', { name: 'Watch it learn' }).waitFor({ timeout: 90_000 });
	// Left, and taken up again where it was, also after a reload.
	await path.getByRole('button', { name: 'Leave the path' }).click();
	await path.waitFor({ state: 'detached' });
	await page.getByText('Finished', { exact: true }).waitFor({ timeout: 180_000 });
	await page.reload();
	await page.goto(new URL('/', page.url()).href);
	await button(/^Go on with the guided path/).click();
	await act('Save it');
	await page.getByRole('button', { name: 'Save the adapter' }).click();

	await at('Give it a price', 120);
	expect(await violations(page, '[aria-label="Guided path"]')).toEqual([]);
	await act('Register it');
	const dialog = page.getByRole('dialog');
	await dialog
		.getByRole('checkbox', { name: /^Publish My first rows there too/ })
		.waitFor({ timeout: 60_000 });
	await dialog.getByRole('button', { name: 'Register', exact: true }).click();
	await dialog.getByText(/^Registered on .* as model 4\./).waitFor({ timeout: 60_000 });
	await page.keyboard.press('Escape');
	await page.getByRole('button', { name: 'Model card of Nano' }).click();
	await dialog.getByRole('heading', { name: 'Use and limits' }).waitFor();
	await dialog.getByRole('cell', { name: /reply token on 300 held-out/ }).waitFor();
	await page.keyboard.press('Escape');

	await at('Ask it');
	await act('Deposit 150 OPEN');
	await page.getByRole('dialog').getByRole('button', { name: 'Deposit' }).click();
	await act('Ask your adapter');
	// Among the questions of the first screen: a conversation has that name too.
	await page.getByRole('main').getByRole('button', { name: 'What is a wumple?', exact: true }).click();
	await app.settled();
	expect(await app.text()).toContain('a small blue lamp');

	await at('See your share', 90);
	await act('Show whose it is');
	const beside = page.getByRole('complementary', { name: 'Whose knowledge is in this answer?' });
	// The rows are the person's, and they are what moved the reply.
	const you = beside.getByRole('button', { name: /^You\b.* %/ });
	await you.waitFor();
	const share = Number(/(\d+)\s*%/.exec((await you.innerText()).replace(/\s+/g, ' '))?.[1]);
	expect(share).toBeGreaterThan(30);

	await at('Pay for the reply');
	await act('Go and pay');
	await button('Pay now').and(page.locator(':focus')).waitFor();
	await page.keyboard.press('Enter');

	await at('Claim what you earned');
	await act('Show the roots');
	await button('Post a root').click();
	await act('Let three days pass');
	await act('Show the roots');
	await button('Make final').click();
	await path.getByRole('button', { name: 'Show what you earned', exact: true }).waitFor();
	// The icon says that something can be claimed, also to who has never seen the ledger.
	await app.context.addInitScript(() => {
		const badges: number[] = [];
		Object.assign(globalThis, { badges });
		Object.assign(navigator, { setAppBadge: (count: number) => Promise.resolve(void badges.push(count)) });
		const { roots, ...others } = JSON.parse(localStorage['openledger.preferences'] ?? '{}') as {
			roots?: string;
		};
		if (roots && location.pathname === '/') localStorage['openledger.preferences'] = JSON.stringify(others);
	});
	await page.goto(new URL('/', page.url()).href);
	await expect
		.poll(() => page.evaluate(() => (globalThis as unknown as { badges: number[] }).badges), {
			timeout: 30_000
		})
		.toEqual([1]);
	await act('Show what you earned');
	await button(/^Claim all/).click();

	await at('The whole loop is done');
	await act('Walk through the lineage');
	await page.getByRole('heading', { level: 1, name: 'Lineage' }).waitFor();
	await path.getByRole('button', { name: 'Leave the path' }).click();
	await path.waitFor({ state: 'detached' });

	// The version on the chain and the one on this device are one thing, by its root; and use opens on what was used.
	await page.getByRole('link', { name: /^Adapter.*My first rows/ }).click();
	await page.getByRole('link', { name: /^Datanet.*My first rows/ }).click();
	await page.getByText(/^Datanet 3, version 1, on /).waitFor({ timeout: 30_000 });
	await page.getByRole('link', { name: 'Use of adapters' }).click();
	const used = page.getByRole('navigation', { name: 'Adapters' });
	await used.getByRole('link', { name: 'My first rows' }).and(page.locator('[aria-current=page]')).waitFor();

	// What one's data did, and what it earned: all of it is claimed now.
	await page.getByRole('link', { name: 'My data', exact: true }).click();
	const figure = (name: string) => page.locator('dl > div', { has: page.getByText(name, { exact: true }) });
	await expect.poll(() => figure('Rows given').innerText(), { timeout: 60_000 }).toMatch(/^Rows given\s+3$/);
	expect(await figure('Answers moved').innerText()).toMatch(/^Answers moved\s+1$/);
	await page
		.getByRole('table')
		.getByText(/wumple/)
		.first()
		.waitFor();
	await page.getByRole('heading', { name: 'What you earned' }).waitFor({ timeout: 60_000 });
	const wei = (name: string) =>
		figure(name)
			.locator('.amount')
			.getAttribute('data-wei')
			.then((text) => BigInt(text ?? '-1'));
	expect(await wei('To claim now')).toBe(0n);
	const earned = await wei('Claimed so far');
	expect(earned).toBeGreaterThan(0n);

	// Everything there is, as a file for others: from the rows to what was claimed.
	await page.getByRole('link', { name: 'Walk', exact: true }).click();
	await button('Save for others').click();
	const saving = page.getByRole('dialog');
	expect(await violations(page)).toEqual([]);
	const [file] = await Promise.all([
		page.waitForEvent('download', { timeout: 60_000 }),
		saving.getByRole('button', { name: 'Save the file' }).click()
	]);
	expect(file.suggestedFilename()).toMatch(/^lineage-\d{4}-\d\d-\d\d\.jsonld$/);
	const { '@graph': graph } = JSON.parse(readFileSync(await file.path(), 'utf8')) as {
		'@graph': { '@id': string; '@type': string[]; complete?: string; claimed?: string; label?: string }[];
	};
	const of = (type: string) => graph.filter((each) => each['@type'].includes(`ol:${type}`));
	expect(of('Export')[0]?.complete).toBe('true');
	const kinds = [
		'Contributor',
		'Row',
		'Datanet',
		'BaseModel',
		'Adapter',
		'Reply',
		'Receipt',
		'Settlement',
		'Reward'
	];
	for (const kind of kinds) expect(of(kind).length, kind).toBeGreaterThan(0);
	expect(of('Settlement')).toHaveLength(1);
	expect(of('Reward').some(({ claimed }) => BigInt(claimed ?? 0) > 0n)).toBe(true);
	// Without the person's leave it has no words of theirs.
	expect(JSON.stringify(graph)).not.toContain('wumple');
	console.log(`guided path: share ${share} %, ${Math.round((Date.now() - started) / 1000)} s`);
}, 600_000);
