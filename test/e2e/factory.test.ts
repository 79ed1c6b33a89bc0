import type { Download } from 'playwright';
import { expect, test } from 'vitest';
import { App } from './app.ts';

const subjects = [
	'humerus',
	'radius',
	'ulna',
	'femur',
	'tibia',
	'fibula',
	'patella',
	'sternum',
	'scapula',
	'sacrum'
];

/** Twenty rows, as a person pastes them from a spreadsheet. */
const pasted = subjects
	.flatMap((bone, i) => [
		`What is the ${bone}?\tThe ${bone} is bone number ${i + 1} of the skeleton.`,
		`Define ${bone}.\tThe ${bone}: a bone of the human body.`
	])
	.join('\n');

/** The form of a new run, with the rows in it. */
async function newRun(preferences: object = {}, rows = pasted): Promise<App> {
	const app = await App.open({ path: '/factory/new', preferences });
	const { page } = app;
	await page.getByRole('textbox', { name: 'Rows' }).fill(rows);
	await page.getByRole('button', { name: 'Use these rows' }).click();
	await page.getByText(/^Pasted rows, \d+ rows?$/).waitFor();
	return app;
}

/** Small steps: what a page shows does not depend on their size. */
async function setSteps(app: App, steps: number, tokens = 64): Promise<void> {
	await app.page.getByText('Advanced settings, and several runs at once').click();
	const fill = (name: string, value: number) =>
		app.page.getByRole('spinbutton', { name, exact: true }).fill(String(value));
	await fill('Steps', steps);
	await fill('Tokens in a batch', tokens);
	await fill('Steps between checks', Math.min(steps, 5));
}

test('pasted rows become an adapter that answers in the chat', async () => {
	const app = await newRun({ reply: { maxNewTokens: 16 } });
	const { page } = app;
	await setSteps(app, 6, 256);
	await page.getByRole('textbox', { name: 'Your own test questions' }).fill('What is the femur?');
	await page.getByRole('textbox', { name: 'Name' }).fill('Bones');
	// Measured before anything starts.
	await page.getByText(/^about \d+ (s|min)$/).waitFor({ timeout: 60_000 });
	await page.getByText(/^about \d+ MB$/).waitFor();
	await page.getByRole('button', { name: 'Train', exact: true }).click();

	await page.getByRole('heading', { name: 'Bones', exact: true }).waitFor();
	await page.getByText(/^Step \d of 6 · [\d,]+ tokens\/s · \d+ s left$/).waitFor({ timeout: 60_000 });
	await page.getByText('Finished', { exact: true }).waitFor({ timeout: 90_000 });
	await page.getByRole('img', { name: /^Loss over the steps/ }).waitFor();
	expect(await page.locator('path[d^="M"]').count()).toBeGreaterThan(0);
	await page.getByText('What is the femur?', { exact: true }).first().waitFor();

	await page.getByRole('textbox', { name: 'What it knows, in a sentence' }).fill('Ten bones');
	await page.getByRole('button', { name: 'Save the adapter' }).click();
	await page.getByRole('button', { name: 'Use it in a chat' }).click();
	await page.getByRole('button', { name: 'Adapter: Bones' }).waitFor();
	await app.ask('What is the femur?');
	await app.settled();
	expect(await app.replies.first().locator('.label').innerText()).toMatch(/^Nano\s*\+\s*Bones$/);
	expect(await app.text()).not.toBe('');
}, 240_000);

test('base and adapter answer the same questions, and a person judges without seeing which is which', async () => {
	const app = await newRun();
	const { page } = app;
	await setSteps(app, 4);
	await page.getByRole('textbox', { name: 'Your own test questions' }).fill('What is the femur?');
	await page.getByRole('button', { name: 'Train', exact: true }).click();
	await page.getByText('Finished', { exact: true }).waitFor({ timeout: 120_000 });
	await page.getByRole('button', { name: 'Compare with the base' }).click();
	await page.getByRole('row', { name: /^Perplexity/ }).waitFor({ timeout: 60_000 });
	const pair = page
		.getByRole('listitem')
		.filter({ has: page.getByRole('heading', { name: 'What is the femur?' }) });
	expect(await pair.getByText(/^(Base|Adapter)/).count()).toBe(0);
	await pair.getByRole('button', { name: 'Reply 1 is better' }).click();
	await pair.getByText(/^(Base|Adapter), chosen$/).waitFor();
	await page.getByText(/^Adapter [01], ties 0, base [01]$/).waitFor();
}, 240_000);

test('a run is paused, kept over a reload, resumed and stopped; its best can be saved', async () => {
	const app = await newRun();
	const { page } = app;
	await setSteps(app, 400);
	await page.getByRole('button', { name: 'Train', exact: true }).click();
	await page.getByText(/^Step [2-9]\d? of 400/).waitFor({ timeout: 90_000 });
	await page.getByRole('button', { name: 'Pause' }).click();
	await page.getByText('Paused', { exact: true }).waitFor({ timeout: 60_000 });
	await page.reload();
	await page.getByText('Paused', { exact: true }).waitFor();
	const step = async () =>
		Number(/Step (\d+) of 400/.exec((await page.locator('main').innerText()) ?? '')?.[1]);
	const before = await step();
	expect(before).toBeGreaterThan(1);
	await page.getByRole('button', { name: 'Resume' }).click();
	await expect.poll(step, { timeout: 90_000 }).toBeGreaterThan(before);
	await page.getByRole('button', { name: 'Stop and keep the best' }).click();
	await page.getByText('Stopped', { exact: true }).waitFor({ timeout: 60_000 });
	await page.getByRole('button', { name: 'Save the adapter' }).waitFor();
}, 300_000);

test('leaving the page while it trains asks first', async () => {
	const app = await newRun();
	const { page } = app;
	await setSteps(app, 400);
	await page.getByRole('button', { name: 'Train', exact: true }).click();
	await page.getByText(/^Step \d+ of 400/).waitFor({ timeout: 90_000 });
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
}, 240_000);

test('a second person makes an adapter again from its manifest, and is told that the same came out', async () => {
	const app = await newRun();
	const { page } = app;
	await setSteps(app, 3);
	await page.getByRole('button', { name: 'Train', exact: true }).click();
	await page.getByText('Finished', { exact: true }).waitFor({ timeout: 90_000 });
	const downloads: Download[] = [];
	page.on('download', (download) => downloads.push(download));
	await page.getByRole('button', { name: 'Only the PEFT files' }).click();
	await expect.poll(() => downloads.length, { timeout: 30_000 }).toBe(3);
	const manifest = downloads.find((download) => download.suggestedFilename() === 'openledger.json');
	const path = (await manifest?.path()) ?? '';

	const second = await newRun();
	const chosen = second.page.waitForEvent('filechooser');
	await second.page.getByRole('button', { name: 'Make an adapter again, to check it' }).click();
	await (await chosen).setFiles(path);
	await second.page.getByText('It makes “Pasted rows” again').waitFor();
	await second.page.getByRole('button', { name: 'Train', exact: true }).click();
	await second.page.getByText('The same came out').waitFor({ timeout: 120_000 });
}, 300_000);

test('the chat answers while an adapter is trained', async () => {
	const app = await newRun({ reply: { maxNewTokens: 32 } });
	const { page } = app;
	await setSteps(app, 4000, 256);
	await page.getByRole('button', { name: 'Train', exact: true }).click();
	const step = async () =>
		Number(/Step (\d+) of 4,000/.exec((await page.locator('main').innerText()) ?? '')?.[1] ?? 0);
	await expect.poll(step, { timeout: 90_000 }).toBeGreaterThan(0);
	const before = await step();
	await page.getByRole('link', { name: 'Chat', exact: true }).click();
	const asked = Date.now();
	// The longest time without a new word, from the question on.
	const longest = page.evaluate(
		() =>
			new Promise<number>((resolve) => {
				let [last, most] = [performance.now(), 0];
				const seen = () => {
					most = Math.max(most, performance.now() - last);
					last = performance.now();
				};
				const observer = new MutationObserver(seen);
				observer.observe(document.body, { subtree: true, childList: true, characterData: true });
				addEventListener('settled', () => (seen(), observer.disconnect(), resolve(most)), { once: true });
			})
	);
	await app.ask('What is a cell?');
	await app.settled();
	await page.evaluate(() => dispatchEvent(new Event('settled')));
	expect(await app.text()).not.toBe('');
	const stall = await longest;
	console.log(`reply while training: ${Date.now() - asked} ms, longest stall ${Math.round(stall)} ms`);
	// Five seconds were seen on two cores with twenty processes waiting; a chat that waited for training would never go on.
	expect(stall).toBeLessThan(20_000);
	await page.getByRole('link', { name: 'Factory', exact: true }).click();
	await page.getByRole('link', { name: 'Open Pasted rows' }).click();
	await expect.poll(step, { timeout: 30_000 }).toBeGreaterThan(before);
}, 240_000);

test('a sweep trains one run for each value and draws which was best', async () => {
	const app = await newRun();
	const { page } = app;
	await setSteps(app, 3);
	await page.getByRole('combobox', { name: 'Vary' }).selectOption('Learning rate');
	await page.getByRole('textbox', { name: 'Values' }).fill('0.0002, 0.002');
	await page.getByRole('button', { name: 'Train 2 runs' }).click();
	await expect.poll(() => page.getByText('Finished', { exact: true }).count(), { timeout: 200_000 }).toBe(2);
	await page
		.getByRole('checkbox', { name: /^Compare/ })
		.first()
		.check();
	await page
		.getByRole('img', { name: 'Lowest loss by learning rate. Arrow keys read the values.' })
		.waitFor();
	await page.getByRole('row', { name: /\(best\)/ }).waitFor();
}, 300_000);

test('what will not come out well is said before the start', async () => {
	const app = await newRun({}, 'What is a bone?\tA hard organ of the skeleton.');
	const { page } = app;
	await page.getByText(/^There are very few rows/).waitFor({ timeout: 60_000 });
	await page.getByText(/^No row is held back/).waitFor();
	expect(await page.getByRole('button', { name: 'Train', exact: true }).isEnabled()).toBe(true);
	// A setting that cannot be is refused by name, and nothing can be started with it.
	await page.getByText('Advanced settings, and several runs at once').click();
	await page.getByRole('spinbutton', { name: 'Rank', exact: true }).fill('4096');
	const alert = page.getByRole('alert');
	await alert.waitFor({ timeout: 60_000 });
	expect(await alert.innerText()).toMatch(/rank[\s\S]*256/);
	expect(await page.getByRole('button', { name: 'Train', exact: true }).isDisabled()).toBe(true);
}, 180_000);

test('a learning rate that diverges stops the run and says so, and nothing is lost', async () => {
	const app = await newRun();
	const { page } = app;
	await setSteps(app, 60);
	await page.getByRole('spinbutton', { name: 'Learning rate', exact: true }).fill('1');
	await page.getByRole('button', { name: 'Train', exact: true }).click();
	await page.getByText('Failed', { exact: true }).waitFor({ timeout: 150_000 });
	const alert = page.getByRole('alert');
	expect(await alert.innerText()).toMatch(/loss[\s\S]*learning rate/i);
	await page.getByRole('link', { name: 'Chat', exact: true }).click();
	await app.ask('What is a cell?');
	await app.settled();
	expect(await app.text()).not.toBe('');
}, 240_000);
