import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import type { Download } from 'playwright';
import { expect, test } from 'vitest';
import { pastedBones } from '#test/support/bones.ts';
import { visit } from '#test/support/visit.ts';
import { App } from './app.ts';
import { DatanetsApp } from './datanets-app.ts';
import { measured, otherRow, packageOf, verifyOutside } from './receipts.ts';

/** The form of a new run, with the rows in it. */
async function newRun(preferences: object = {}, rows = pastedBones): Promise<App> {
	const app = await App.open({ path: '/factory/new', preferences });
	const { page } = app;
	await page.getByRole('textbox', { name: 'Rows' }).fill(rows);
	await page.getByRole('button', { name: 'Use these rows' }).click();
	await page.getByText(/^Pasted rows, \d+ rows?$/).waitFor();
	return app;
}

/** Where what comes out does not matter. */
const eight = pastedBones.split('\n').slice(0, 8).join('\n');

/** What the first run leaves to the second person. */
let manifest: Buffer | undefined;

/** Small steps: what a page shows does not depend on their size. */
async function setSteps(app: App, steps: number, tokens = 64): Promise<void> {
	await app.page.getByText('Advanced settings, and several runs at once').click();
	const fill = (name: string, value: number) =>
		app.page.getByRole('spinbutton', { name, exact: true }).fill(String(value));
	await fill('Steps', steps);
	await fill('Tokens in a batch', tokens);
	await fill('Steps between checks', Math.min(steps, 5));
}

/** In the page: how far each layout shift moved things. */
declare const moved: number[];

/** Every wake lock that the page was given. */
declare const locks: WakeLockSentinel[];

/** Steps done, as the page of a run says. */
const stepOf = async ({ page }: App) =>
	Number(/Step ([\d,]+) of/.exec(await page.locator('main').innerText())?.[1]?.replaceAll(',', '') ?? 0);

/**
 * Resolves once the page has shown such a text, for however short a time: four steps are through in a third of a second, and
 * Playwright looks every half. Call it before what leads there; it holds until the page is loaded anew.
 */
function shown({ page }: App, text: RegExp): Promise<void> {
	return page.evaluate(
		(wanted) =>
			new Promise((resolve) => {
				const observer = new MutationObserver(() => {
					if (!wanted.test(document.querySelector('main')?.innerText ?? '')) return;
					observer.disconnect();
					resolve();
				});
				observer.observe(document.body, { subtree: true, childList: true, characterData: true });
			}),
		text
	);
}

test('pasted rows become an adapter, which a person judges without seeing which is which, saves, and asks in the chat; it gets its index, its replies are measured, and its package confirms their receipts elsewhere', async () => {
	const app = await newRun({ reply: { maxNewTokens: 16, temperature: 0, seed: 1 } }, eight);
	const { page } = app;
	await setSteps(app, 4);
	await page.getByRole('textbox', { name: 'Your own test questions' }).fill('What is the femur?');
	await page.getByRole('textbox', { name: 'Name' }).fill('Bones');
	// Measured before anything starts.
	await page.getByText(/^about \d+ (s|min)$/).waitFor({ timeout: 60_000 });
	await page.getByText(/^about \d+ MB$/).waitFor();
	const figures = shown(app, /^Step \d of 4 · [\d,]+ tokens\/s · \d+ s left$/m);
	await page.getByRole('button', { name: 'Train', exact: true }).click();

	await page.getByRole('heading', { name: 'Bones', exact: true }).waitFor();
	await figures;
	await page.getByText('Finished', { exact: true }).waitFor({ timeout: 90_000 });
	await page.getByRole('img', { name: /^Loss over the steps/ }).waitFor();
	expect(await page.locator('path[d^="M"]').count()).toBeGreaterThan(0);
	await page.getByText('What is the femur?', { exact: true }).first().waitFor();

	await page.getByRole('button', { name: 'Compare with the base' }).click();
	await page.getByRole('row', { name: /^Perplexity/ }).waitFor({ timeout: 60_000 });
	const pair = page
		.getByRole('listitem')
		.filter({ has: page.getByRole('heading', { name: 'What is the femur?' }) });
	expect(await pair.getByText(/^(Base|Adapter)/).count()).toBe(0);
	await pair.getByRole('button', { name: 'Reply 1 is better' }).click();
	await pair.getByText(/^(Base|Adapter), chosen$/).waitFor();
	await page.getByText(/^Adapter [01], ties 0, base [01]$/).waitFor();

	const downloads: Download[] = [];
	page.on('download', (download) => downloads.push(download));
	await page.getByRole('button', { name: 'Only the PEFT files' }).click();
	await expect.poll(() => downloads.length, { timeout: 30_000 }).toBe(3);
	const file = downloads.find((download) => download.suggestedFilename() === 'openledger.json');
	manifest = readFileSync((await file?.path()) ?? '');

	await page.getByRole('textbox', { name: 'What it knows, in a sentence' }).fill('Ten bones');
	await page.getByRole('button', { name: 'Save the adapter' }).click();
	await page.getByText(/\d+ rows are indexed/).waitFor({ timeout: 120_000 });
	await page.getByRole('button', { name: 'Use it in a chat' }).click();
	await page.getByRole('button', { name: 'Adapter: Bones' }).waitFor();
	await app.ask('What is the femur?');
	await app.settled();
	expect(await app.replies.first().locator('.label').innerText()).toMatch(/^Nano\s*\+\s*Bones$/);
	expect(await app.text()).not.toBe('');

	const [record] = await measured(app, 1);
	if (!record?.parts) throw new Error('nothing was measured');
	expect(record).toMatchObject({ state: 'measured' });
	expect(record.parts.base + record.parts.contributors + record.parts.unattributed).toBe(65_535);

	const files = await packageOf(app, 'Bones');
	expect([...files.keys()]).toContain('attribution.safetensors');
	const right = verifyOutside(record, files);
	expect(right.said).toContain('"confirmed"');
	expect(right.status).toBe(0);
	const edited = verifyOutside(record, files, { lift: (record.receipt?.lift ?? 0) + 1 });
	expect(edited).toMatchObject({ status: 1, said: expect.stringContaining('identity') });

	// A package whose index is cut, or another's, is refused in words; without one, nothing is guessed.
	const region = page.getByRole('region', { name: 'Adapters' });
	const pick = async (changed: ReadonlyMap<string, Buffer>) => {
		const chooser = page.waitForEvent('filechooser');
		await region.getByRole('button', { name: 'Import', exact: true }).click();
		const picked = [...changed].map(([name, buffer]) => ({
			name,
			mimeType: 'application/octet-stream',
			buffer
		}));
		await (await chooser).setFiles(picked);
	};
	const index = files.get('attribution.safetensors') ?? Buffer.from('');
	for (const [wrong, reason] of [
		[index.subarray(0, index.length - 50), /attribution index cannot be used/],
		[otherRow(index), /rows of this attribution index are not those that it names/],
		[await readFile('static/adapters/finance/attribution.safetensors'), /was made for another adapter/]
	] as const) {
		await pick(new Map([...files, ['attribution.safetensors', wrong]]));
		const alert = region.getByRole('alert');
		await alert.waitFor();
		expect(await alert.innerText()).toMatch(reason);
		await alert.getByRole('button', { name: 'Dismiss' }).click();
	}
}, 300_000);

test('a second person makes an adapter again from its manifest, and is told that the same came out', async () => {
	if (!manifest) throw new Error('the run before left no manifest');
	const { page } = await newRun({}, eight);
	const chosen = page.waitForEvent('filechooser');
	await page.getByRole('button', { name: 'Make an adapter again, to check it' }).click();
	const file = { name: 'openledger.json', mimeType: 'application/json', buffer: manifest };
	await (await chosen).setFiles([file]);
	await page.getByText('It makes “Bones” again').waitFor();
	await page.getByRole('button', { name: 'Train', exact: true }).click();
	const verdict = page.getByText(/^(The same|Something else) came out/);
	await verdict.waitFor({ timeout: 120_000 });
	expect(await verdict.innerText()).toMatch(/^The same came out/);
}, 240_000);

test('while it trains the screen stays on, leaving asks first, a tab in the background goes on and the chat answers; paused, it goes on after a reload', async () => {
	const app = await newRun({ reply: { maxNewTokens: 32 } });
	const { page } = app;
	// Of the size of real ones: a chat that waited for them would stand still.
	await setSteps(app, 4000, 256);
	await page.evaluate(() => {
		Object.assign(globalThis, { locks: [] });
		const { request } = WakeLock.prototype;
		WakeLock.prototype.request = async function (...type) {
			const lock = await request.apply(this, type);
			locks.push(lock);
			return lock;
		};
	});
	await page.getByRole('button', { name: 'Train', exact: true }).click();
	await expect.poll(() => stepOf(app), { timeout: 180_000 }).toBeGreaterThan(0);

	const asked = new Promise<string>((resolve) =>
		page.once('dialog', (dialog) => {
			resolve(dialog.type());
			void dialog.dismiss();
		})
	);
	// Browsers ask only on a page that a person has touched.
	await page.mouse.click(5, 5);
	void page.close({ runBeforeUnload: true });
	expect(await asked).toBe('beforeunload');

	// The browser takes the lock back when the page is hidden.
	expect(await page.evaluate(() => locks.map(({ released }) => released))).toEqual([false]);
	await page.evaluate(async () => {
		await locks[0]?.release();
		document.dispatchEvent(new Event('visibilitychange'));
	});
	const held = () => page.evaluate(() => locks.map(({ released }) => !released));
	await expect.poll(held).toEqual([false, true]);

	// A tab in the background whose page stands still altogether: no timers, no events.
	const began = { step: await stepOf(app), time: Date.now() };
	await expect.poll(() => stepOf(app), { timeout: 60_000 }).toBeGreaterThan(began.step + 1);
	const frozen = await stepOf(app);
	const rest = (4 * (Date.now() - began.time)) / (frozen - began.step);
	const devtools = await app.context.newCDPSession(page);
	await devtools.send('Page.setWebLifecycleState', { state: 'frozen' });
	await new Promise((resolve) => setTimeout(resolve, rest));
	await devtools.send('Page.setWebLifecycleState', { state: 'active' });
	expect(await stepOf(app)).toBeGreaterThan(frozen + 1);

	const [before, left] = [await stepOf(app), Date.now()];
	await page.getByRole('link', { name: 'Chat', exact: true }).click();
	const stall = longestStall(app);
	const question = Date.now();
	await app.ask('What is a cell?');
	await app.settled();
	await page.evaluate(() => dispatchEvent(new Event('settled')));
	const replied = Date.now() - question;
	expect(await app.text()).not.toBe('');
	await page.getByRole('link', { name: 'Factory', exact: true }).click();
	await page.getByRole('link', { name: 'Open Pasted rows' }).click();
	await expect.poll(() => stepOf(app), { timeout: 30_000 }).toBeGreaterThan(before);
	const step = (Date.now() - left) / ((await stepOf(app)) - before);
	console.log(
		`reply while training: ${replied} ms, longest stall ${await stall} ms, step ${Math.round(step)} ms`
	);
	// Behind the training, each of 32 tokens would wait for a step.
	expect(await stall).toBeLessThan(Math.max(1000, 3 * step));
	expect(replied).toBeLessThan(16 * step);

	await page.getByRole('button', { name: 'Pause' }).click();
	await page.getByText('Paused', { exact: true }).waitFor({ timeout: 60_000 });
	await expect.poll(held).toEqual([false, false]);
	await page.reload();
	await page.getByText('Paused', { exact: true }).waitFor();
	const paused = await stepOf(app);
	expect(paused).toBeGreaterThan(1);
	await page.getByRole('button', { name: 'Save the adapter' }).waitFor();
	expect((await page.locator('main .primary').allInnerTexts()).map((text) => text.trim())).toEqual([
		'Resume'
	]);
	await page.getByRole('button', { name: 'Resume' }).click();
	await expect.poll(() => stepOf(app), { timeout: 90_000 }).toBeGreaterThan(paused);
	await page.getByRole('button', { name: 'Stop and keep the best' }).click();
	await page.getByText('Stopped', { exact: true }).waitFor({ timeout: 60_000 });
	await page.getByRole('button', { name: 'Save the adapter' }).waitFor();
}, 300_000);

test('a run whose tab was killed says from which step it goes on, and going on is the main thing; one that was stopped is to be kept', async () => {
	const app = await newRun({}, eight);
	const { page } = app;
	await setSteps(app, 4000);
	await page.getByRole('button', { name: 'Train', exact: true }).click();
	await expect.poll(() => stepOf(app), { timeout: 180_000 }).toBeGreaterThan(6);
	const url = page.url();
	const after = await app.tab('/factory');
	await page.close();
	await after.page.goto(url);
	await after.page.getByText('Interrupted', { exact: true }).waitFor();
	await after.page.getByText(/goes on from step [1-9]\d*, its last checkpoint|begins anew/).waitFor();
	await after.page.getByRole('button', { name: 'Save the adapter' }).waitFor();
	const main = () => after.page.locator('main .primary').allInnerTexts();
	expect((await main()).map((text) => text.trim())).toEqual(['Resume']);
	await after.page.getByRole('button', { name: 'Resume' }).click();
	await expect.poll(() => stepOf(after), { timeout: 90_000 }).toBeGreaterThan(0);
	await after.page.getByRole('button', { name: 'Stop and keep the best' }).click();
	await after.page.getByRole('button', { name: 'Save the adapter' }).waitFor({ timeout: 60_000 });
	expect((await main()).map((text) => text.trim())).toEqual(['Save the adapter']);
}, 300_000);

test('the form of a new run stands still while it learns what is here, with Datanets and without', async () => {
	const app = await App.open({ path: '/datanets' });
	const shifts = async () => {
		const page = await app.context.newPage();
		await page.addInitScript(() => {
			Object.assign(globalThis, { moved: [] });
			type Shift = PerformanceEntry & { value: number; sources: { node?: Node }[] };
			new PerformanceObserver((list) => {
				// What moves the form as a whole is the text above it, in a font that came later.
				const form = document.querySelector('main ol > li');
				for (const { value, sources } of list.getEntries() as Shift[])
					if (!sources.some(({ node }) => node?.contains(form))) moved.push(value);
			}).observe({ type: 'layout-shift', buffered: true });
		});
		await page.setViewportSize({ width: 390, height: 844 });
		await page.goto(new URL('/factory/new', app.page.url()).href);
		// The last that comes is what fits the model, once that is loaded.
		await page.locator('select:enabled').filter({ hasText: 'a new adapter' }).waitFor({ timeout: 60_000 });
		const sum = await page.evaluate(() => moved.reduce((total, value) => total + value, 0));
		const rows = await page.getByRole('textbox', { name: 'Rows' }).isVisible();
		await page.close();
		return { sum, rows };
	};
	const none = await shifts();
	expect(none.rows).toBe(true);
	expect(none.sum).toBeLessThan(0.01);

	const person = await DatanetsApp.in(app);
	for (const name of ['Bones', 'Muscles', 'Nerves']) {
		await person.create(name);
		await visit(app.page, '/datanets');
	}
	// Known from the first look on.
	await visit(app.page, '/factory/new');
	await app.page.getByRole('checkbox', { name: /^Nerves/ }).waitFor();
	const some = await shifts();
	expect(some.rows).toBe(false);
	expect(some.sum).toBeLessThan(0.01);
}, 120_000);

test('a sweep trains one run for each value and draws which was best', async () => {
	const app = await newRun({}, eight);
	const { page } = app;
	await setSteps(app, 3);
	await page.getByRole('combobox', { name: 'Setting that varies' }).selectOption('Learning rate');
	await page.getByRole('textbox', { name: 'Values' }).fill('0.0002, 0.002');
	await page.getByRole('button', { name: 'Train 2 runs' }).click();
	// The second waits for the first; both are there to be seen.
	await page.getByRole('link', { name: 'Open Pasted rows, learning rate 0.002' }).waitFor();
	await expect.poll(() => page.getByText('Finished', { exact: true }).count(), { timeout: 200_000 }).toBe(2);
	await page
		.getByRole('checkbox', { name: /^Compare/ })
		.first()
		.check();
	await page
		.getByRole('img', { name: 'Lowest loss by learning rate. Arrow keys read the values.' })
		.waitFor();
	await page.getByRole('row', { name: /\(the best\)/ }).waitFor();
}, 300_000);

test('what will not come out well is said before the start; a learning rate that diverges stops the run and says so', async () => {
	const app = await newRun({}, 'What is a bone?\tA hard organ of the skeleton.');
	const { page } = app;
	const train = page.getByRole('button', { name: 'Train', exact: true });
	await page.getByText(/^There are very few rows/).waitFor({ timeout: 60_000 });
	await page.getByText(/^No row is held back/).waitFor();
	expect(await train.isEnabled()).toBe(true);
	// A setting that cannot be is refused by name, and nothing can be started with it.
	await setSteps(app, 60);
	const rank = page.getByRole('spinbutton', { name: 'Rank', exact: true });
	await rank.fill('4096');
	const alert = page.getByRole('alert');
	await alert.waitFor({ timeout: 60_000 });
	expect(await alert.innerText()).toMatch(/“Rank”[\s\S]*256/);
	expect(await train.isDisabled()).toBe(true);

	await rank.fill('4');
	await page.getByRole('spinbutton', { name: 'Learning rate', exact: true }).fill('1');
	await expect.poll(() => train.isEnabled(), { timeout: 60_000 }).toBe(true);
	await train.click();
	await page.getByText('Failed', { exact: true }).waitFor({ timeout: 150_000 });
	expect(await alert.innerText()).toMatch(/loss[\s\S]*learning rate/i);
	await page.getByRole('link', { name: 'Chat', exact: true }).click();
	await app.ask('What is a cell?');
	await app.settled();
	expect(await app.text()).not.toBe('');
}, 240_000);

/** Longest time in milliseconds without a new word on the page, from now until the event `settled`. */
function longestStall({ page }: App): Promise<number> {
	return page.evaluate(
		() =>
			new Promise<number>((resolve) => {
				let [last, most] = [performance.now(), 0];
				const seen = () => {
					most = Math.max(most, performance.now() - last);
					last = performance.now();
				};
				const observer = new MutationObserver(seen);
				observer.observe(document.body, { subtree: true, childList: true, characterData: true });
				const end = () => (seen(), observer.disconnect(), resolve(Math.round(most)));
				addEventListener('settled', end, { once: true });
			})
	);
}
