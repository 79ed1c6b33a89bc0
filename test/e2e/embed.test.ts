import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Page } from 'playwright';
import { expect, inject, onTestFinished, test } from 'vitest';
import type { OpenLedger, OpenLedgerApiError } from '#lib/api/client.ts';
import { violations } from '#test/support/axe.ts';
import { App } from './app.ts';

declare global {
	var LedgerClient: typeof OpenLedger;
	var ledger: OpenLedger;
	var connecting: Promise<unknown>;
	var begun: boolean;
}

const page = `<!doctype html><title>Another site</title><body style="margin: 0">
<script type="module">import { OpenLedger } from '/openledger.js'; globalThis.LedgerClient = OpenLedger;</script>`;

/**
 * A page of another origin (another port), with the client as the built app hands it out. At `localhost` it is another site too, to
 * which these browser contexts, as private windows, give no storage in frames.
 */
async function host(name = '127.0.0.1'): Promise<{ page: Page; origin: string }> {
	const client = readFileSync('build/client/openledger.js');
	const server = createServer(({ url }, response) => {
		if (url === '/openledger.js') response.setHeader('Content-Type', 'text/javascript').end(client);
		else response.setHeader('Content-Type', 'text/html').end(page);
	});
	await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
	onTestFinished(() => void server.close());
	const origin = `http://${name}:${(server.address() as AddressInfo).port}`;
	const app = await App.open({ url: origin, path: '/' });
	await app.page.waitForFunction(() => 'LedgerClient' in globalThis);
	return { page: app.page, origin };
}

/** Begins to connect; how it ends is in `connecting`. */
const connect = ({ page }: { page: Page }, adapter?: string) =>
	page.evaluate(
		([app, adapter]) => {
			globalThis.connecting = LedgerClient.connect(adapter === undefined ? { app } : { app, adapter }).then(
				(made) => void (globalThis.ledger = made),
				(error: OpenLedgerApiError) => error.code
			);
		},
		[inject('appUrl'), adapter] as [string, string | undefined]
	);

test('a page of another site asks only after the person has allowed its address, which is shown; then it chats, streams and stops', async () => {
	const site = await host();
	const { page, origin } = site;
	const frame = page.frameLocator('iframe').last();
	await connect(site);
	await frame.getByText(`${origin} wants to ask the models here`).waitFor();
	await frame.getByRole('button', { name: 'Not now' }).click();
	expect(await page.evaluate(() => connecting)).toBe('not_allowed');

	// Whatever lies over the frame, a click that goes through it allows nothing.
	await connect(site);
	await frame.getByText('wants to ask the models here').waitFor();
	await page.evaluate(() => {
		const cover = document.createElement('div');
		cover.id = 'cover';
		cover.style.cssText = 'position: fixed; inset: 0; pointer-events: none; background: white; z-index: 9';
		document.body.append(cover);
	});
	const allow = frame.getByRole('button', { name: 'Allow' });
	await page.waitForTimeout(1500);
	expect(await allow.isDisabled()).toBe(true);
	await page.evaluate(() => document.querySelector('#cover')?.remove());
	await allow.click();
	await page.evaluate(() => connecting);

	const models = await page.evaluate(async () => (await ledger.models()).map(({ id }) => id));
	expect(models).toEqual(expect.arrayContaining(['bundled:nano', 'bundled:nano+Anatomy']));
	const { reply, streamed } = await page.evaluate(async () => {
		const ask = {
			model: 'Anatomy',
			messages: [{ role: 'user' as const, content: 'What is the heart?' }],
			max_completion_tokens: 16,
			temperature: 0
		};
		const reply = await ledger.chat({ ...ask, attribution: true });
		let streamed = '';
		for await (const { choices } of ledger.stream(ask)) streamed += choices[0]?.delta.content ?? '';
		return { reply, streamed };
	});
	expect(reply.choices[0]?.message.content).toBe(streamed);
	expect(streamed).toMatch(/\w+ \w+/);
	const [attribution] = reply.openledger?.attribution ?? [];
	expect(attribution).toMatchObject({ receipt: expect.stringMatching(/^0x/) as string, unmeasured: null });
	expect(
		(attribution?.base ?? 0) + (attribution?.contributors ?? 0) + (attribution?.unattributed ?? 0)
	).toBeCloseTo(1);

	const ends = await page.evaluate(async () => {
		const long = {
			model: 'bundled:nano',
			messages: [{ role: 'user' as const, content: 'What is a comet?' }],
			temperature: 2,
			seed: 9,
			max_completion_tokens: 480
		};
		const failure = (work: Promise<unknown>) =>
			work.then(String, ({ code, name }: Omit<OpenLedgerApiError, 'name'> & { name: string }) =>
				name === 'AbortError' ? name : code
			);
		const stop = new AbortController();
		let seen = 0;
		const stopped = await failure(
			(async () => {
				for await (const { choices } of ledger.stream(long, { signal: stop.signal }))
					if (choices[0] && ++seen === 5) stop.abort();
			})()
		);
		// The queue is free again at once.
		const next = (await ledger.chat({ ...long, max_completion_tokens: 4 })).usage.completion_tokens;
		const unknown = await failure(ledger.chat({ ...long, model: 'gpt-9' }));
		const wide = await failure(ledger.chat({ ...long, model: 'Anatomy', n: 5 }));
		return { seen, stopped, next, unknown, wide };
	});
	// Free tokens of that adapter are 2,000 a day: five replies of 480, each of which would be free alone, could cost something.
	expect(ends).toEqual({
		seen: 5,
		stopped: 'AbortError',
		next: 4,
		unknown: 'model_not_found',
		wide: 'ledger/refused'
	});

	// In mid-reply the frame is taken away.
	const broken = page.evaluate(async () => {
		const long = {
			model: 'bundled:nano',
			messages: [{ role: 'user' as const, content: 'What is a comet?' }],
			temperature: 2,
			seed: 9,
			max_completion_tokens: 480
		};
		try {
			for await (const { choices } of ledger.stream(long)) {
				if (!choices[0]) continue;
				ledger.frame?.remove();
			}
			return 'whole';
		} catch (error) {
			return (error as OpenLedgerApiError).code;
		}
	});
	expect(await broken).toBe('engine_gone');
	expect(await page.evaluate(() => ledger.models().catch((error: OpenLedgerApiError) => error.code))).toBe(
		'engine_gone'
	);

	// Allowed once; until it is taken back.
	await page.reload();
	await page.waitForFunction(() => 'LedgerClient' in globalThis);
	await connect(site);
	await page.evaluate(() => connecting);
	await frame.getByRole('button', { name: 'Stop that' }).click();
	expect(
		await page.evaluate(() =>
			Promise.race([
				ledger.models().catch((error: OpenLedgerApiError) => error.code),
				new Promise((r) => setTimeout(() => r('silent'), 2000))
			])
		)
	).toBe('engine_gone');

	// The same in a window of its own, which the page opens.
	const opened = page.context().waitForEvent('page');
	await page.evaluate((app) => {
		const target = window.open(`${app}/embed`);
		if (!target) throw new Error('no window');
		globalThis.connecting = LedgerClient.connect({ app, target }).then((made) => {
			globalThis.ledger = made;
		});
	}, inject('appUrl'));
	const own = await opened;
	await own.getByText(`${origin} wants to ask the models here`).waitFor();
	expect(await violations(own)).toEqual([]);
	// It fills the window, and leads to no page that would not show in a frame.
	expect(await own.evaluate(() => document.querySelector('main')?.clientWidth === innerWidth)).toBe(true);
	expect(await own.getByText('Walk the whole loop').count()).toBe(0);
	expect(await own.getByRole('link', { name: 'Open in a tab' }).getAttribute('href')).toMatch(/\/$/);
	await own.getByRole('button', { name: 'Allow' }).click();
	await page.evaluate(() => connecting);
	await own.getByText(`${origin} may ask the models here`).waitFor();
	expect(await violations(own)).toEqual([]);
	const asked = () =>
		ledger.chat({
			model: 'bundled:nano',
			messages: [{ role: 'user', content: 'Why?' }],
			max_completion_tokens: 4
		});
	expect((await page.evaluate(asked)).usage.completion_tokens).toBe(4);
	await own.close();
	expect(await page.evaluate(() => ledger.gone)).toMatch(/^(OpenLedger was closed|The frame or window)/);
});

/** In the page: what the app has said on each line that was opened to it. */
declare const lines: {
	port: MessagePort;
	heard: { id?: string; access?: string; pong?: number; end?: true }[];
}[];

test('whatever a page posts without the client: before it is allowed nothing is answered, what is no message is not heard, a second line stands beside the first, and one that has said bye is dead', async () => {
	const { page } = await host();
	const line = () =>
		page.evaluate(async (app) => {
			let frame = document.querySelector('iframe');
			if (!frame) {
				frame = document.createElement('iframe');
				frame.src = `${app}/embed`;
				frame.style.cssText = 'width: 600px; height: 600px';
				document.body.append(frame);
				Object.assign(globalThis, { lines: [] });
			}
			const target = frame.contentWindow as Window;
			const ready = new Promise((resolve) => addEventListener('message', resolve, { once: true }));
			const knocks = setInterval(() => target.postMessage({ openledger: 'knock', version: 1 }, app), 200);
			await ready;
			clearInterval(knocks);
			const { port1: port, port2 } = new MessageChannel();
			const heard: (typeof lines)[number]['heard'] = [];
			port.onmessage = ({ data }: MessageEvent<(typeof heard)[number]>) => void heard.push(data);
			lines.push({ port, heard });
			const ask = { id: 'late', method: 'GET', path: 'v1/models', body: '' };
			// Said in one breath: on the line before, which is still open, and that there is a new one.
			lines.at(-2)?.port.postMessage(ask);
			target.postMessage({ openledger: 'hello', version: 1 }, app, [port2]);
			lines.at(-2)?.port.postMessage({ ...ask, id: 'later' });
		}, inject('appUrl'));
	const post = (place: number, ...messages: unknown[]) =>
		page.evaluate(
			([place, messages]) => messages.forEach((message) => lines[place]?.port.postMessage(message)),
			[place, messages] as [number, unknown[]]
		);
	const heard = (place: number) => page.evaluate((place) => lines[place]?.heard ?? [], place);
	const models = (id: string) => ({ id, method: 'GET', path: 'v1/models', body: '' });
	const ended = async (place: number) =>
		(await heard(place)).flatMap(({ id, end }) => (end && id !== undefined ? [id] : []));

	await line();
	const frame = page.frameLocator('iframe');
	await frame.getByText('wants to ask the models here').waitFor();
	await post(0, null, 5, 'text', undefined, [], models('before'), { ping: 7 });
	await expect.poll(() => heard(0)).toEqual([{ access: 'asking' }, { pong: 7 }]);

	await frame.getByRole('button', { name: 'Allow' }).click();
	// No text can be made of it; sixteen calls that never ended would be all that a page may have.
	const hostile = { toString: 1, valueOf: 1 };
	await post(0, ...Array.from({ length: 16 }, (_, i) => ({ ...models(`not ${i}`), method: hostile })));
	await post(0, { ...models(''), id: hostile }, { id: hostile, abort: true }, {}, { id: 'half' });
	await post(0, null, 5, models('now'));
	await expect.poll(() => ended(0), { timeout: 30_000 }).toEqual(['now']);

	await line();
	await expect.poll(async () => (await heard(1))[0]).toEqual({ access: 'allowed' });
	await post(0, models('old'));
	await post(1, models('new'));
	await expect.poll(() => ended(1), { timeout: 30_000 }).toEqual(['new']);
	await expect.poll(() => ended(0), { timeout: 30_000 }).toEqual(['now', 'late', 'later', 'old']);
	await post(0, { bye: true }, models('gone'));
	await post(1, models('beside'));
	await expect.poll(() => ended(1), { timeout: 30_000 }).toEqual(['new', 'beside']);
	expect(await ended(0)).not.toContain('gone');

	await frame.getByRole('button', { name: 'Stop that' }).click();
	await post(1, models('after'), { ping: 8 });
	await page.waitForTimeout(500);
	expect(await ended(1)).toEqual(['new', 'beside']);
});

const hello = { model: 'bundled:nano', messages: [{ role: 'user' as const, content: 'What is a comet?' }] };

test('a page may connect to one frame twice: each has its own answers, and ends alone', async () => {
	const site = await host();
	const { page } = site;
	await connect(site);
	await page.frameLocator('iframe').getByRole('button', { name: 'Allow' }).click();
	await page.evaluate(() => connecting);
	const ends = await page.evaluate(
		async ([app, hello]) => {
			const first = ledger;
			const target = first.frame as HTMLIFrameElement;
			const second = await LedgerClient.connect({ app, target });
			const long = { ...hello, temperature: 2, seed: 9, max_completion_tokens: 480 };
			const [longer, shorter] = await Promise.all([
				first.chat(long),
				second.chat({ ...hello, max_completion_tokens: 4 })
			]);
			const broken = second.chat(long).catch((error: OpenLedgerApiError) => error.code);
			const kept = first.chat({ ...hello, max_completion_tokens: 4 });
			setTimeout(() => second.close(), 50);
			const tokens = [longer, shorter, await kept].map(({ usage }) => usage.completion_tokens);
			const models = (await first.models()).length > 0;
			const seventeen = await Promise.all(
				Array.from({ length: 17 }, () =>
					first.chat({ ...hello, max_completion_tokens: 1 }).then(
						() => 'answered',
						(error: OpenLedgerApiError) => `${error.status} ${error.code}`
					)
				)
			);
			const again = await first.chat({ ...hello, max_completion_tokens: 1 });
			return { tokens, models, broken: await broken, seventeen, again: again.usage.completion_tokens };
		},
		[inject('appUrl'), hello] as const
	);
	expect(ends).toEqual({
		tokens: [expect.any(Number) as number, 4, 4],
		models: true,
		broken: 'engine_gone',
		seventeen: [...Array.from({ length: 16 }, () => 'answered'), '429 rate_limit_exceeded'],
		again: 1
	});
});

test('a window that did not open, or was closed while it is waited for, is noticed within a second', async () => {
	const { page } = await host();
	const waited = await page.evaluate(async (app) => {
		const fails = async (work: () => Promise<unknown>) => {
			const begun = performance.now();
			const error = await work().then(
				() => new Error('connected'),
				(thrown: OpenLedgerApiError) => thrown
			);
			return { ...(error as OpenLedgerApiError), message: error.message, time: performance.now() - begun };
		};
		const none = await fails(() => LedgerClient.connect({ app, target: null }));
		// It never greets: the file is no page of the app.
		const target = window.open(`${app}/manifest.webmanifest`);
		const closed = await fails(() => {
			setTimeout(() => target?.close(), 500);
			return LedgerClient.connect({ app, target });
		});
		const taken = await fails(() => {
			setTimeout(() => document.querySelector('iframe')?.remove(), 100);
			return LedgerClient.connect({ app });
		});
		return { none, closed, taken };
	}, inject('appUrl'));
	expect(waited).toMatchObject({
		none: { code: 'window_blocked' },
		closed: { code: 'engine_gone', message: expect.stringMatching(/closed.*Connect again/) as string },
		taken: { code: 'engine_gone', message: expect.stringMatching(/not in the page.*Connect again/) as string }
	});
	expect(waited.closed.time).toBeLessThan(1800);
	expect(waited.taken.time).toBeLessThan(1400);
});

test('where frames may keep nothing, page and person are told so', async () => {
	const site = await host('localhost');
	await connect(site);
	expect(await site.page.evaluate(() => connecting)).toBe('storage_blocked');

	// A frame without the client: that takes its own away when it may not connect.
	await site.page.evaluate(
		(src) => {
			const frame = document.createElement('iframe');
			frame.src = src;
			document.body.replaceChildren(frame);
		},
		`${inject('appUrl')}/embed#ada/heart`
	);
	await site.page.frameLocator('iframe').getByText('lets frames of other sites keep nothing').waitFor();
});

test('the frame is a chat on the adapter of its link, which is shown first; no other page of the app shows in a frame', async () => {
	const site = await host();
	const { page } = site;
	await connect(site, `from=${encodeURIComponent(`${inject('appUrl')}/adapters/anatomy/`)}`);
	const frame = page.frameLocator('iframe').last();
	await frame.getByRole('heading', { name: 'Anatomy', exact: true }).waitFor();
	expect(await frame.getByRole('link', { name: 'Open in a tab' }).getAttribute('href')).toMatch(/\/a#from=/);
	await frame.getByRole('button', { name: 'Ask it something' }).click();
	await frame.getByRole('textbox', { name: 'Message' }).fill('What is the heart?');
	await frame.getByRole('button', { name: 'Send' }).click();
	await frame.getByRole('article', { name: /^Reply/ }).waitFor();
	await frame.getByRole('button', { name: 'Send' }).waitFor();
	expect(await frame.getByRole('navigation').count()).toBe(0);

	await page.evaluate((app) => {
		const other = document.createElement('iframe');
		other.src = `${app}/ledger`;
		document.body.append(other);
	}, inject('appUrl'));
	await page.frameLocator('iframe').last().getByRole('link', { name: 'Open OpenLedger in a tab' }).waitFor();
	expect(await page.frameLocator('iframe').last().getByRole('button').count()).toBe(0);
});

test('two windows of a page share what is free for the person, and what one held is free again once it is closed', async () => {
	const { page } = await host();
	const open = async (name: string) => {
		const opened = page.context().waitForEvent('page');
		const app = inject('appUrl');
		await page.evaluate(
			([app, name]) => {
				const made = LedgerClient.connect({ app, target: window.open(`${app}/embed`, name) });
				Object.assign(globalThis, { [name]: made });
			},
			[app, name] as const
		);
		const own = await opened;
		const allow = own.getByRole('button', { name: 'Allow' });
		await allow.or(own.getByText('may ask the models here')).first().waitFor();
		if (await allow.count()) await allow.click();
		await page.evaluate((name) => (globalThis as unknown as Record<string, Promise<OpenLedger>>)[name], name);
		return own;
	};
	const ask = (name: string, n: number) =>
		page.evaluate(
			async ([name, n]) => {
				const ledger = await (globalThis as unknown as Record<string, Promise<OpenLedger>>)[name];
				const body = {
					model: 'Anatomy',
					messages: [{ role: 'user' as const, content: 'What is a comet?' }],
					temperature: 2,
					seed: 9,
					max_completion_tokens: 480,
					n
				};
				return ledger?.chat(body).then(
					({ choices }) => choices.length,
					(error: OpenLedgerApiError) => error.code
				);
			},
			[name, n] as const
		);
	const first = await open('first');
	await open('second');
	// 2,000 tokens a day are free.
	const long = ask('first', 4);
	const held = () =>
		first.evaluate(
			async () =>
				(await navigator.locks.query()).held?.filter(({ name }) => name?.startsWith('openledger-pledge-'))
					.length
		);
	await expect.poll(held, { timeout: 20_000, interval: 20 }).toBe(4);
	expect(await ask('second', 2)).toBe('ledger/refused');
	await first.close();
	expect(await long).toBe('engine_gone');
	expect(await ask('second', 2)).toBe(2);
});
