import type { OpenAI as Client } from 'openai';
import type { Page } from 'playwright';
import { build } from 'vite';
import { beforeAll, expect, inject, test } from 'vitest';
import { App } from './app.ts';

/** The client as it comes from npm, as one script. */
let client: string;

beforeAll(async () => {
	const entry = 'virtual:openai-client';
	const result = await build({
		configFile: false,
		logLevel: 'error',
		plugins: [
			{
				name: 'entry',
				resolveId: (id) => (id === entry ? id : undefined),
				load: (id) => (id === entry ? "import OpenAI from 'openai'; globalThis.OpenAI = OpenAI;" : undefined)
			}
		],
		build: { write: false, minify: false, rolldownOptions: { input: entry, output: { format: 'iife' } } }
	});
	const [output] = [result].flat();
	if (!output || !('output' in output)) throw new Error('The client was not built.');
	client = output.output[0].code;
});

declare global {
	var OpenAI: new (options: object) => Client;
	var openai: Client;
}

/** A page of the same origin that is not the app, with the client in it. */
async function program({ context }: App): Promise<Page> {
	const page = await context.newPage();
	await page.goto(`${inject('appUrl')}/manifest.webmanifest`);
	await page.evaluate(client);
	await page.evaluate(() => {
		globalThis.openai = new OpenAI({
			baseURL: `${location.origin}/v1`,
			apiKey: 'none',
			dangerouslyAllowBrowser: true,
			maxRetries: 0
		});
	});
	return page;
}

/** The app, from the second visit on: with its service worker. */
async function installed(): Promise<App> {
	const app = await App.open({ offline: true });
	await app.page.evaluate(() => navigator.serviceWorker.ready);
	await app.page.getByRole('button', { name: /^Model:/ }).waitFor();
	return app;
}

test('the openai client lists models, asks, streams, stops and repeats, as with OpenAI; a call that is broken off stops the model, and the next one is answered at once', async () => {
	const page = await program(await installed());

	const models = await page.evaluate(async () => (await openai.models.list()).data.map(({ id }) => id));
	expect(models).toEqual(expect.arrayContaining(['bundled:nano', 'bundled:nano+Anatomy']));

	const [first, again, other] = await page.evaluate(async () => {
		const ask = (seed: number) =>
			openai.chat.completions.create({
				model: 'bundled:nano',
				messages: [
					{ role: 'developer', content: 'Answer in one sentence.' },
					{ role: 'user', content: [{ type: 'text', text: 'What is a comet?' }] }
				],
				max_completion_tokens: 24,
				temperature: 1,
				seed
			});
		return [await ask(7), await ask(7), await ask(8)];
	});
	expect(first?.choices[0]?.message.content).toMatch(/\w+ \w+/);
	expect(again?.choices[0]?.message.content).toBe(first?.choices[0]?.message.content);
	expect(other?.choices[0]?.message.content).not.toBe(first?.choices[0]?.message.content);
	expect(first?.usage?.total_tokens).toBe(
		(first?.usage?.prompt_tokens ?? 0) + (first?.usage?.completion_tokens ?? 0)
	);

	const streamed = await page.evaluate(async () => {
		const stream = openai.chat.completions.stream({
			model: 'Anatomy',
			messages: [{ role: 'user', content: 'What is the heart?' }],
			max_tokens: 24,
			temperature: 0,
			stream_options: { include_usage: true },
			...{ attribution: true }
		});
		let openledger: unknown;
		stream.on('chunk', (chunk) => (openledger = (chunk as { openledger?: unknown }).openledger));
		let deltas = 0;
		for await (const { choices } of stream) if (choices[0]?.delta.content) deltas++;
		const { model, usage, choices } = await stream.finalChatCompletion();
		return { deltas, model, usage, text: choices[0]?.message.content, openledger };
	});
	expect(streamed.openledger).toMatchObject({
		attribution: [{ receipt: expect.stringMatching(/^0x/) as string, unmeasured: null }]
	});
	expect(streamed.deltas).toBeGreaterThan(3);
	expect(streamed.model).toBe('bundled:nano+Anatomy');
	expect(streamed.usage?.completion_tokens).toBeGreaterThan(3);

	const stopped = await page.evaluate(async (text) => {
		const stop = text.split(' ')[2] ?? '';
		const { choices } = await openai.chat.completions.create({
			model: 'Anatomy',
			messages: [{ role: 'user', content: 'What is the heart?' }],
			max_tokens: 24,
			temperature: 0,
			n: 2,
			stop
		});
		return { stop, choices };
	}, streamed.text ?? '');
	for (const { message, finish_reason } of stopped.choices) {
		expect(streamed.text).toContain(message.content);
		expect(message.content).not.toContain(stopped.stop);
		expect(finish_reason).toBe('stop');
	}

	const more = await page.evaluate(async () => {
		const chat = await openai.chat.completions.create({
			model: 'bundled:nano',
			messages: [{ role: 'user', content: 'What is a comet?' }],
			max_tokens: 12,
			seed: 1,
			logprobs: true,
			top_logprobs: 2,
			response_format: { type: 'json_object' }
		});
		const text = await openai.completions.create({
			model: 'bundled:nano',
			prompt: 'A comet is',
			max_tokens: 6
		});
		return { chat: chat.choices[0], text: text.choices[0]?.text, usage: text.usage };
	});
	expect(more.chat?.message.content).toMatch(/^\{/);
	expect(more.chat?.logprobs?.content).toHaveLength(12);
	expect(more.chat?.logprobs?.content?.[3]?.top_logprobs).toHaveLength(2);
	expect(more.text).toMatch(/\w/);
	expect(more.usage).toMatchObject({ completion_tokens: 6 });

	const errors = await page.evaluate(async () => {
		const messages = [{ role: 'user' as const, content: 'Hello' }];
		const failure = (work: Promise<unknown>) =>
			work.then(
				() => undefined,
				(error: Client['chat'] & { status: number; code: string; constructor: { name: string } }) => [
					error.constructor.name,
					error.code
				]
			);
		return [
			await failure(openai.chat.completions.create({ model: 'gpt-9', messages })),
			await failure(openai.chat.completions.create({ model: 'Anatomy', messages, frequency_penalty: 1 })),
			await failure(openai.embeddings.create({ model: 'Anatomy', input: 'x' }))
		];
	});
	expect(errors).toEqual([
		['NotFoundError', 'model_not_found'],
		['BadRequestError', 'unsupported_parameter'],
		['NotFoundError', 'unknown_url']
	]);

	const methods = await page.evaluate(() =>
		Promise.all(
			['PATCH', 'OPTIONS', 'HEAD'].map(async (method) => {
				const { status, headers } = await fetch('/v1/models', { method });
				return [method, status, headers.get('content-type')];
			})
		)
	);
	const json = 'application/json; charset=utf-8';
	expect(methods).toEqual([
		['PATCH', 405, json],
		['OPTIONS', 405, json],
		['HEAD', 405, json]
	]);

	const tokens = await page.evaluate(async (body) => {
		const stream = await openai.chat.completions.create({ ...body, stream: true });
		let seen = 0;
		for await (const { choices } of stream) if (choices[0] && ++seen === 5) stream.controller.abort();
		const { usage } = await openai.chat.completions.create({ ...body, max_tokens: 4 });
		return { seen, usage };
	}, longAnswer());
	expect(tokens.seen).toBeLessThan(100);
	expect(tokens.usage?.completion_tokens).toBe(4);

	const whole = await page.evaluate(async (body) => {
		const timed = async (work: () => Promise<unknown>) => {
			const begun = performance.now();
			await work();
			return performance.now() - begun;
		};
		const one = await timed(() => openai.chat.completions.create(body));
		const caller = new AbortController();
		const { signal } = caller;
		const broken = openai.chat.completions.create({ ...body, n: 8 }, { signal }).catch((error) => error);
		setTimeout(() => caller.abort(), 150);
		const name = ((await broken) as object).constructor.name;
		return { one, name, next: await timed(() => openai.chat.completions.create({ ...body, max_tokens: 1 })) };
	}, longAnswer());
	expect(whole.name).toBe('APIUserAbortError');
	// Not even one of the eight was finished.
	expect(whole.next).toBeLessThan(whole.one);
});

const longAnswer = () => ({
	model: 'bundled:nano',
	messages: [{ role: 'user' as const, content: 'What is a comet?' }],
	temperature: 2,
	seed: 9,
	max_tokens: 480
});

test('of two tabs one answers; when it is closed in mid-reply the caller is told, and the other takes over; without any the answer says so', async () => {
	const app = await installed();
	const second = await app.tab();
	await second.page.getByRole('button', { name: /^Model:/ }).waitFor();
	const page = await program(app);
	const broken = page.evaluate(async (body) => {
		const stream = await openai.chat.completions.create({ ...body, stream: true });
		let seen = 0;
		try {
			for await (const { choices } of stream) if (choices[0] && ++seen === 3) document.title = 'begun';
			return 'whole';
		} catch {
			return 'told';
		}
	}, longAnswer());
	await page.waitForFunction(() => document.title === 'begun');
	await app.page.close();
	expect(await broken).toBe('told');

	const ask = () =>
		page.evaluate(async (body) => {
			const { choices } = await openai.chat.completions.create({ ...body, max_tokens: 4 });
			return choices.length;
		}, longAnswer());
	// The other tab is in the background: on a busy machine it takes longer to answer than a caller is made to wait.
	await expect.poll(() => ask().catch(() => 0), { timeout: 60_000 }).toBe(1);

	await second.page.close();
	await expect(ask()).rejects.toThrow('No tab of OpenLedger is open');
	const retry = await page.evaluate(async () => (await fetch('/v1/models')).headers.get('x-should-retry'));
	expect(retry).toBe('false');
});

/** In the page: calls of the API that the app is busy with. */
const busy = async () =>
	(await navigator.locks.query()).held?.filter(({ name }) => name?.startsWith('openledger-reply-api-'))
		.length;

test('a whole call that waits its turn leaves the queue when its caller goes; a prompt that cannot fit is refused at once; an open tab answers whatever page it shows', async () => {
	const app = await App.open({ offline: true });
	await app.page.evaluate(() => navigator.serviceWorker.ready);
	await app.page.goto(`${inject('appUrl')}/nope`);
	await app.page.getByRole('heading', { name: 'There is no such page' }).waitFor();
	const page = await program(app);
	const ids = () => openai.models.list().then(({ data }) => data.map(({ id }) => id));
	await expect.poll(() => page.evaluate(ids).catch(() => []), { timeout: 30_000 }).toContain('bundled:nano');

	const refused = await page.evaluate(async () => {
		const begun = performance.now();
		const error = await openai.chat.completions
			.create({ model: 'bundled:nano', messages: [{ role: 'user', content: 'heart '.repeat(1_700_000) }] })
			.catch((thrown: { status: number; code: string }) => thrown);
		const { status, code } = error as { status: number; code: string };
		return { status, code, time: performance.now() - begun };
	});
	expect(refused).toMatchObject({ status: 400, code: 'context_length_exceeded' });
	expect(refused.time).toBeLessThan(2000);

	await page.evaluate((body) => {
		const first = openai.chat.completions.create({ ...body, n: 4 });
		const caller = new AbortController();
		const second = openai.chat.completions.create(body, { signal: caller.signal });
		second.catch(() => undefined);
		Object.assign(globalThis, { first, leave: () => caller.abort() });
		void first.then(() => (document.title = 'over'));
	}, longAnswer());
	await expect.poll(() => page.evaluate(busy)).toBe(2);
	await page.waitForTimeout(300);
	await page.evaluate(() => (globalThis as unknown as { leave: () => void }).leave());
	await expect.poll(() => page.evaluate(busy), { interval: 20 }).toBe(1);
	expect(await page.title()).not.toBe('over');
	await page.waitForFunction(() => document.title === 'over');
});

test('an engine that ends in mid-reply is an error in OpenAI’s shape that says what to do, streamed and whole; the next call is answered', async () => {
	const app = await installed();
	const page = await program(app);
	const error = {
		message: 'The engine stopped unexpectedly. Send the request again: the engine starts again by itself.',
		code: 'engine/failed',
		type: 'server_error',
		param: null
	};
	const streamed = page.evaluate(async (body) => {
		const stream = await openai.chat.completions.create({ ...body, stream: true });
		let seen = 0;
		try {
			for await (const { choices } of stream) if (choices[0] && ++seen === 3) document.title = 'begun';
			return 'whole';
		} catch (thrown) {
			return (thrown as { error: object }).error;
		}
	}, longAnswer());
	await page.waitForFunction(() => document.title === 'begun');
	await app.killEngine();
	expect(await streamed).toEqual(error);

	const ask = (body: ReturnType<typeof longAnswer>) =>
		page.evaluate(async (body) => {
			const { choices, ...rest } = await openai.chat.completions.create(body);
			return choices?.length ?? (rest as { error?: object }).error;
		}, body);
	const short = { ...longAnswer(), max_tokens: 4 };
	await expect.poll(() => ask(short).catch(() => 0), { timeout: 60_000 }).toBe(1);
	const whole = ask(longAnswer());
	await page.waitForTimeout(400);
	await app.killEngine();
	expect(await whole).toEqual(error);
	await expect.poll(() => ask(short).catch(() => 0), { timeout: 60_000 }).toBe(1);
});
