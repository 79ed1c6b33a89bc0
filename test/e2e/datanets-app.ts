import { readFileSync } from 'node:fs';
import type { Locator, Page } from 'playwright';
import { visit } from '#test/support/visit.ts';
import { App, type AppOptions } from './app.ts';

/** A file as a file chooser takes it. */
export interface Upload {
	name: string;
	mimeType: string;
	buffer: Buffer;
}

export function textFile(name: string, text: string): Upload {
	return { name, mimeType: 'text/plain', buffer: Buffer.from(text) };
}

/** What a person does on the Datanet pages. */
export class DatanetsApp {
	readonly app: App;
	readonly page: Page;

	private constructor(app: App) {
		this.app = app;
		this.page = app.page;
	}

	static async open(options: AppOptions = {}): Promise<DatanetsApp> {
		return new DatanetsApp(await App.open({ path: '/datanets', ...options }));
	}

	/** The same in an app that is open: goes to its Datanets. */
	static async in(app: App): Promise<DatanetsApp> {
		await visit(app.page, '/datanets');
		return new DatanetsApp(app);
	}

	button(name: string | RegExp, within: Page | Locator = this.page): Locator {
		return within.getByRole('button', typeof name === 'string' ? { name, exact: true } : { name });
	}

	/** A Datanet without rows; its rows page is open then. */
	async create(name: string): Promise<void> {
		await this.button(/^(Start empty|New Datanet)/).click();
		await this.page.getByRole('textbox', { name: 'Name' }).fill(name);
		await this.button('Create').click();
		await this.page.waitForURL(/\/rows/);
	}

	async tab(name: 'Overview' | 'Rows' | 'Checks' | 'Review' | 'Versions'): Promise<void> {
		await this.page
			.getByRole('navigation', { name: 'Parts of this Datanet' })
			.getByRole('link', { name })
			.click();
	}

	/** Gives files to whatever chooser opens by the button. */
	async choose(button: Locator, ...files: Upload[]): Promise<void> {
		const [chooser] = await Promise.all([this.page.waitForEvent('filechooser'), button.click()]);
		await chooser.setFiles(files);
	}

	/** Goes to the import page of the open Datanet, chooses files and waits for their preview. */
	async preview(...files: Upload[]): Promise<void> {
		await visit(this.page, this.page.url().replace(/(datanets\/[0-9a-f]{32}).*/, '$1/import'));
		await this.choose(this.button('Choose files'), ...files);
		await this.button('Import').waitFor();
	}

	/** Imports what is previewed. Returns what the page says of it. */
	async import(): Promise<string> {
		await this.button('Import').click();
		const done = this.page.getByRole('heading', { name: /rows? added|No row was added/ });
		await done.waitFor();
		return done.innerText();
	}

	/** The file that a press of the button gives to the downloads. */
	async download(button: Locator): Promise<Upload> {
		const [download] = await Promise.all([this.page.waitForEvent('download'), button.click()]);
		const buffer = readFileSync(await download.path());
		return { name: download.suggestedFilename(), mimeType: 'application/octet-stream', buffer };
	}

	/** Opens a dialog of the Share menu. */
	async share(item: string): Promise<Locator> {
		await this.button('Share').click();
		await this.page.getByRole('menuitem', { name: item }).click();
		return this.page.getByRole('dialog');
	}

	row(text: string | RegExp): Locator {
		return this.page.getByRole('row').filter({ hasText: text });
	}

	toast(text: string | RegExp): Locator {
		return this.page.getByText(text).last();
	}
}
