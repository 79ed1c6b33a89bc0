import { chromium, type Browser, type BrowserContext, type Locator, type Page } from 'playwright';
import { inject, onTestFinished } from 'vitest';
import { findChromium, testArguments } from '../../.ci/chromium.mjs';

let shared: Promise<Browser> | undefined;

/** One browser for all tests of a run; a context each, so that none sees what another stored. */
function browser(): Promise<Browser> {
	return (shared ??= chromium.launch({
		executablePath: findChromium(),
		args: testArguments
	}));
}

export interface AppOptions {
	phone?: boolean;
	dark?: boolean;
	/** Preferences as the app stores them, for example sampling that never ends by itself. */
	preferences?: object;
	/** Where to begin. */
	path?: string;
	/** With the service worker, which would otherwise answer what a test means to come from the server. */
	offline?: boolean;
	/** The test itself does what the content security policy forbids. */
	lawless?: boolean;
	/** Where the app is served; the built app unless told. */
	url?: string;
	/** A browser of its own, started with these instead of the usual arguments. */
	args?: string[];
}

/** Temperature so high that the model hardly ever ends a reply: there is time to stop it. */
export const endless = {
	reply: { temperature: 2, topK: 0, topP: 1, minP: 0, repetitionPenalty: 1, maxNewTokens: 480, seed: 9 }
};

/** With that seed the bundled model answers this for as long as it may. */
export const endlessQuestion = 'What is a comet?';

/** How Chromium says that a page broke its content security policy. */
const broken = /Content Security Policy|TrustedScript|TrustedHTML/;

/** The built app in a fresh profile. Errors that nobody caught fail the test. */
export class App {
	readonly page: Page;
	readonly context: BrowserContext;

	constructor(context: BrowserContext, page: Page) {
		this.context = context;
		this.page = page;
	}

	static async open(options: AppOptions = {}): Promise<App> {
		const { phone, dark, preferences, path = '/', offline, lawless, url = inject('appUrl'), args } = options;
		const own = args && (await chromium.launch({ executablePath: findChromium(), args }));
		if (own) onTestFinished(() => own.close());
		const context = await (own ?? (await browser())).newContext({
			...(phone
				? { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true, deviceScaleFactor: 2 }
				: { viewport: { width: 1440, height: 900 } }),
			colorScheme: dark ? 'dark' : 'light',
			reducedMotion: 'reduce',
			serviceWorkers: offline ? 'allow' : 'block'
		});
		const errors: Error[] = [];
		context.on('weberror', (error) => errors.push(error.error()));
		context.on('console', (message) => {
			if (!lawless && broken.test(message.text())) errors.push(new Error(message.text()));
		});
		// Of three files at a time none is quick.
		context.setDefaultTimeout(60_000);
		onTestFinished(async () => {
			await context.close();
			if (errors.length) throw new AggregateError(errors, errors.map(String).join('\n'));
		});
		if (preferences)
			await context.addInitScript((text) => {
				// `about:blank` comes first, and has no storage.
				if (location.protocol !== 'about:' && !localStorage.getItem('openledger.preferences'))
					localStorage.setItem('openledger.preferences', text);
			}, JSON.stringify(preferences));
		const page = await context.newPage();
		await page.goto(url + path);
		return new App(context, page);
	}

	/** Another tab of the same profile. */
	async tab(path = '/'): Promise<App> {
		const page = await this.context.newPage();
		await page.goto(new URL(path, this.page.url()).href);
		return new App(this.context, page);
	}

	get message(): Locator {
		return this.page.getByRole('textbox', { name: 'Message' });
	}

	get replies(): Locator {
		return this.page.getByRole('article', { name: /^(Reply|Two replies)/ });
	}

	async ask(text: string): Promise<void> {
		await this.message.fill(text);
		await this.page.getByRole('button', { name: 'Send' }).click();
	}

	/** Waits until nothing is being written. */
	async settled(replies = 1): Promise<void> {
		await this.replies.nth(replies - 1).waitFor();
		await this.page.getByRole('button', { name: 'Send' }).waitFor();
	}

	/** Text of a reply, without its label and figures. */
	async text(place = 0): Promise<string> {
		return this.replies.nth(place).locator('.markdown').first().innerText();
	}

	/** Waits until the last reply has some text and is still being written. */
	async writing(): Promise<void> {
		const words = this.replies.last().locator('.markdown').first();
		await words.waitFor();
		await this.page.getByRole('button', { name: 'Stop' }).waitFor();
	}

	/** Looks a repository up on the page of models. */
	async lookUp(repo: string): Promise<void> {
		await this.page.getByRole('textbox', { name: 'Add any model from the Hub' }).fill(repo);
		await this.page.getByRole('button', { name: 'Look it up' }).click();
	}

	/** Takes the nth adapter of the picker for the replies to come. Returns its name. */
	async chooseAdapter(place = 0): Promise<string> {
		await this.page.getByRole('button', { name: /^Adapter:/ }).click();
		const option = this.page.getByRole('option').filter({ hasNotText: 'Base only' }).nth(place);
		const name = (await option.locator('.picker-label').innerText()).trim();
		await option.click();
		await this.page.getByRole('button', { name: `Adapter: ${name}` }).waitFor();
		return name;
	}

	/** Ends the engine worker as a crash would: nobody is told. */
	async killEngine(): Promise<void> {
		const engine = this.page.workers().find((worker) => worker.url().includes('engine'));
		if (!engine) throw new Error('No engine worker is running.');
		await engine.evaluate(() => self.close());
	}
}
