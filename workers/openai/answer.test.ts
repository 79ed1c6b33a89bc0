import { describe, expect, test } from 'vitest';
import { OpenLedgerError } from '#workers/errors.ts';
import type {
	AdapterEntry,
	Completion,
	GenerateRequest,
	LoadedModel,
	TokenLogProb
} from '#workers/protocol.ts';
import { answer, type ApiEngine, type ReplyAttribution } from './answer.ts';

/** Says the words of its script, and remembers what it was asked. */
class ScriptedEngine implements ApiEngine {
	asked: GenerateRequest[] = [];
	admitted: number[] = [];
	refusal: OpenLedgerError | undefined;
	cancelled: string[] = [];
	script = ['The ', 'heart ', 'pumps.'];
	failure: OpenLedgerError | undefined;
	/** Hangs until cancelled, after the first word. */
	endless = false;
	/** Messages that it has no room for. */
	trimmed = 0;
	imported: [id: string, name: string][] = [
		['b2'.repeat(32), 'Finance'],
		['c3'.repeat(32), 'Finance']
	];
	model: LoadedModel | undefined = {
		id: 'bundled:nano',
		name: 'nano',
		sha256: 'aa',
		dtype: 'q4',
		provider: 'wasm',
		contextLength: 512,
		vocabSize: 8192
	};
	#stops = new Map<string, () => void>();

	loaded() {
		return Promise.resolve(this.model);
	}

	adapters() {
		const entry = (id: string, name: string, change: Partial<AdapterEntry> = {}) =>
			({ id, name, fits: true, author: 'Ada', source: 'imported', ...change }) as AdapterEntry;
		return Promise.resolve([
			entry('a1', 'Anatomy', { source: 'bundled' }),
			...this.imported.map(([id, name]) => entry(id, name)),
			entry('d4', 'Other base', { fits: false })
		]);
	}

	admit(requests: readonly GenerateRequest[], signal: AbortSignal) {
		this.admitted.push(requests.length);
		signal.throwIfAborted();
		return this.refusal ? Promise.reject(this.refusal) : Promise.resolve();
	}

	async generate(
		request: GenerateRequest,
		onEvent: Parameters<ApiEngine['generate']>[1]
	): Promise<Completion> {
		this.asked.push(request);
		await Promise.resolve();
		if (this.failure) throw this.failure;
		if (this.trimmed > 0) onEvent({ type: 'trimmed', turns: this.trimmed });
		let text = '';
		let finish: Completion['finish'] = 'stop';
		const logProbs: TokenLogProb[] = [];
		for (const [i, delta] of this.script.entries()) {
			const likeliest = [{ text: delta, logProb: -i }].slice(0, request.logProbs);
			logProbs.push({ text: delta, logProb: -i, likeliest });
			onEvent({ type: 'text', delta, ...(request.logProbs !== undefined && { tokens: logProbs.slice(i) }) });
			text += delta;
			if (!this.endless) continue;
			await new Promise<void>((resolve) => this.#stops.set(request.id, resolve));
			finish = 'cancelled';
			break;
		}
		return {
			text,
			finish,
			model: 'bundled:nano',
			provider: 'wasm',
			adapters: request.adapters,
			ids: { prompt: [], reply: [] },
			tokens: { prompt: 7, reused: 2, completion: 3 },
			firstTokenMs: 1,
			tokensPerSecond: 100,
			seed: request.sampling.seed ?? 5,
			...(request.logProbs !== undefined && { logProbs })
		};
	}

	attribution(id: string): Promise<ReplyAttribution | undefined> {
		const people = [{ name: 'Ada', address: null, share: 0.5 }];
		const shares = { base: 0.4, contributors: 0.5, unattributed: 0.1, unmeasured: null };
		return Promise.resolve({ receipt: `receipt of ${id}`, ...shares, people, rows: [] });
	}

	cancel(id: string) {
		this.cancelled.push(id);
		this.#stops.get(id)?.();
		return Promise.resolve();
	}
}

const hello = { model: 'bundled:nano', messages: [{ role: 'user', content: 'What is a heart?' }] };

async function call(engine: ApiEngine, path: string, body?: unknown, signal = new AbortController().signal) {
	const request = {
		method: body === undefined ? 'GET' : 'POST',
		path,
		body: typeof body === 'string' ? body : JSON.stringify(body ?? '')
	};
	const { status, type, body: pieces } = await answer(engine, request, signal);
	let text = '';
	for await (const piece of pieces) text += piece;
	return { status, type, text };
}

async function complete(engine: ApiEngine, body: object | undefined, path = 'v1/chat/completions') {
	const { status, text } = await call(engine, path, body);
	return { status, json: JSON.parse(text) as Record<string, unknown> };
}

async function events(engine: ApiEngine, body: object, path = 'v1/chat/completions') {
	const { text } = await call(engine, path, { ...body, stream: true });
	return text
		.split('\n\n')
		.filter(Boolean)
		.map((line) => line.replace(/^data: /, ''));
}

const idsOf = async (engine: ApiEngine) => {
	const { data } = (await complete(engine, undefined, 'v1/models')).json as { data: { id: string }[] };
	return data.map(({ id }) => id);
};
const [finance, other] = ['bundled:nano+Finance@b2b2b2b2b2b2b2b2', 'bundled:nano+Finance@c3c3c3c3c3c3c3c3'];

test('models are the loaded one and every adapter that fits it; those that do not come with the app have their hash in the id', async () => {
	const { status, text } = await call(new ScriptedEngine(), 'v1/models');
	const { data } = JSON.parse(text) as { data: { id: string; owned_by: string }[] };
	expect(status).toBe(200);
	expect(data.map(({ id }) => id)).toEqual(['bundled:nano', 'bundled:nano+Anatomy', finance, other]);
	expect(data[1]?.owned_by).toBe('Ada');
	const one = await call(new ScriptedEngine(), 'v1/models/bundled%3Anano%2BAnatomy');
	expect(JSON.parse(one.text)).toMatchObject({ id: 'bundled:nano+Anatomy', object: 'model' });
});

describe('an adapter may be called anything', () => {
	const mine = 'e5'.repeat(32);
	const named = (...names: string[]) => {
		const engine = new ScriptedEngine();
		engine.imported.unshift(...names.map((name, i): [string, string] => [`${i}${mine.slice(1)}`, name]));
		return engine;
	};
	const answeredBy = async (engine: ScriptedEngine, model: string) => {
		const { status, json } = await complete(engine, { ...hello, model });
		return status === 200
			? engine.asked.at(-1)?.adapters[0]?.id
			: (json.error as { message: string }).message;
	};
	const before = ['bundled:nano', 'bundled:nano+Anatomy', finance, other];
	const evil = [
		'bundled:nano',
		'nano',
		'Anatomy',
		'bundled:nano+Anatomy',
		'x+Anatomy',
		'a1',
		'b2'.repeat(32),
		'Finance@b2b2b2b2b2b2b2b2',
		finance,
		'Finance'
	];

	test('and takes no other’s id: those stay, are all different, and mean what they meant', async () => {
		const engine = named(...evil);
		const ids = await idsOf(engine);
		expect(ids).toEqual(expect.arrayContaining(before));
		expect(new Set(ids).size).toBe(ids.length);
		expect(ids).toHaveLength(before.length + evil.length);
		expect(await answeredBy(engine, 'bundled:nano')).toBeUndefined();
		expect(await answeredBy(engine, 'bundled:nano+Anatomy')).toBe('a1');
		expect(await answeredBy(engine, 'a1')).toBe('a1');
		for (const asked of [finance, 'b2'.repeat(32)])
			expect(await answeredBy(engine, asked)).toBe('b2'.repeat(32));
		for (const id of ids) expect((await complete(engine, { ...hello, model: id })).json.model).toBe(id);
	});

	test('and a name that two have is no name: also not the base’s', async () => {
		expect(await answeredBy(named(), 'nano')).toBeUndefined();
		expect(await answeredBy(named('nano'), 'nano')).toBe(
			"Several models are called 'nano'. Ask for one of them: 'bundled:nano', 'bundled:nano+nano@05e5e5e5e5e5e5e5'."
		);
		expect(await answeredBy(named('Anatomy'), 'Anatomy')).toMatch(/^Several models are called 'Anatomy'/);
		// Only its end is the same.
		expect(await answeredBy(named('x+Anatomy'), 'Anatomy')).toBe('a1');
		expect(await answeredBy(named('Hearts'), 'bundled:nano+Hearts')).toBe(`0${mine.slice(1)}`);
	});
});

test('a reply has the text, why it ended and what it took', async () => {
	const engine = new ScriptedEngine();
	const { status, json } = await complete(engine, { ...hello, seed: 3, stop: '!', max_tokens: 20 });
	expect(status).toBe(200);
	expect(json).toMatchObject({
		object: 'chat.completion',
		model: 'bundled:nano',
		choices: [
			{ index: 0, message: { role: 'assistant', content: 'The heart pumps.' }, finish_reason: 'stop' }
		],
		usage: { prompt_tokens: 7, completion_tokens: 3, total_tokens: 10 },
		openledger: { base: 'bundled:nano', adapters: [], seed: 3 }
	});
	expect(engine.asked[0]).toMatchObject({ maxNewTokens: 20, stop: ['!'], sampling: { seed: 3 } });
});

test('a reply to less than was sent says so, whole and streamed', async () => {
	const engine = new ScriptedEngine();
	expect((await complete(engine, hello)).json.openledger).not.toHaveProperty('trimmed');
	engine.trimmed = 4;
	expect((await complete(engine, hello)).json.openledger).toMatchObject({ trimmed: 4 });
	const all = await events(engine, { ...hello, stream_options: { include_usage: true } });
	expect(JSON.parse(all.at(-2) ?? '')).toMatchObject({ openledger: { trimmed: 4 } });
});

test.each(['bundled:nano+Anatomy', 'Anatomy', 'a1'])(
	'the model %s is the base with that adapter',
	async (model) => {
		const engine = new ScriptedEngine();
		const { json } = await complete(engine, { ...hello, model });
		expect(json.model).toBe('bundled:nano+Anatomy');
		expect(engine.asked[0]?.adapters).toEqual([{ id: 'a1', weight: 1 }]);
	}
);

test('a stream is chunks of one reply, then its end, its usage when asked for, and [DONE]', async () => {
	const all = await events(new ScriptedEngine(), { ...hello, stream_options: { include_usage: true } });
	expect(all.pop()).toBe('[DONE]');
	const chunks = all.map((text) => JSON.parse(text) as Record<string, never>);
	expect(new Set(chunks.map(({ id }) => id)).size).toBe(1);
	expect(chunks.map(({ choices }) => choices)).toMatchObject([
		[{ delta: { role: 'assistant', content: 'The ' }, finish_reason: null }],
		[{ delta: { content: 'heart ' } }],
		[{ delta: { content: 'pumps.' } }],
		[{ delta: {}, finish_reason: 'stop' }],
		[]
	]);
	expect(chunks.at(-1)?.usage).toMatchObject({ total_tokens: 10 });
	const plain = await events(new ScriptedEngine(), hello);
	expect(plain.some((text) => text.includes('usage'))).toBe(false);
});

test('several replies to one question differ by seed, and their tokens add up', async () => {
	const engine = new ScriptedEngine();
	const { json } = await complete(engine, { ...hello, n: 3, seed: 10 });
	expect(engine.asked.map(({ sampling }) => sampling.seed)).toEqual([10, 11, 12]);
	expect(json.choices).toHaveLength(3);
	expect(json.usage).toMatchObject({ prompt_tokens: 7, completion_tokens: 9, total_tokens: 16 });
});

test('probabilities stand beside the text, whole and streamed alike', async () => {
	const asked = { ...hello, logprobs: true, top_logprobs: 1 };
	const { json } = await complete(new ScriptedEngine(), asked);
	const heart = { token: 'heart ', logprob: -1, bytes: [...new TextEncoder().encode('heart ')] };
	const [choice] = json.choices as { logprobs: { content: unknown[] } }[];
	expect(choice?.logprobs.content).toHaveLength(3);
	expect(choice?.logprobs.content[1]).toEqual({ ...heart, top_logprobs: [heart] });
	const all = (await events(new ScriptedEngine(), asked)).slice(0, -1);
	const chunks = all.map((text) => JSON.parse(text) as { choices: [{ logprobs: { content: unknown[] } }] });
	expect(chunks.flatMap(({ choices: [{ logprobs }] }) => logprobs.content)).toEqual(choice?.logprobs.content);
	const plain = await complete(new ScriptedEngine(), hello);
	expect(plain.json.choices).toMatchObject([{ logprobs: null }]);
});

test('a reply carries its receipt and whose knowledge is in it, where that is asked for', async () => {
	const engine = new ScriptedEngine();
	const asked = { ...hello, model: 'Anatomy', n: 2, attribution: true };
	const { json } = await complete(engine, asked);
	const { attribution } = json.openledger as { attribution: ReplyAttribution[] };
	expect(attribution.map(({ receipt }) => receipt)).toEqual(engine.asked.map(({ id }) => `receipt of ${id}`));
	expect(attribution[0]?.people).toEqual([{ name: 'Ada', address: null, share: 0.5 }]);
	const chunks = (await events(new ScriptedEngine(), { ...asked, n: 1 })).slice(0, -1);
	expect(JSON.parse(chunks.at(-1) ?? '')).toMatchObject({
		choices: [],
		openledger: { attribution: [{ contributors: 0.5 }] }
	});
	const { json: plain } = await complete(engine, hello);
	expect(plain.openledger).not.toHaveProperty('attribution');
});

test('a price that is not paid is a refusal, before any of several replies begins', async () => {
	const engine = new ScriptedEngine();
	engine.refusal = new OpenLedgerError('ledger/deposit-needed', 'Used up.', { remedy: 'Deposit.' });
	for (const stream of [false, true])
		expect(await complete(engine, { ...hello, n: 3, stream })).toMatchObject({ status: 402 });
	expect(engine).toMatchObject({ admitted: [3, 3], asked: [] });
});

test('an engine that ends in mid-reply is an error for programs, streamed and whole: send it again', async () => {
	const dies = () => {
		const engine = new ScriptedEngine();
		const { generate } = engine;
		engine.generate = async (request, onEvent) => {
			await generate.call(engine, request, onEvent);
			throw new OpenLedgerError('engine/failed', 'The engine stopped unexpectedly.', {
				remedy: 'What was written so far is kept; then continue.'
			});
		};
		return engine;
	};
	const error = {
		message: 'The engine stopped unexpectedly. Send the request again: the engine starts again by itself.',
		type: 'server_error',
		code: 'engine/failed',
		param: null
	};
	expect(await complete(dies(), hello)).toMatchObject({ status: 503, json: { error } });
	const streamed = await events(dies(), hello);
	expect(JSON.parse(streamed.at(-1) ?? '')).toEqual({ error });
});

test('a whole answer has begun once it stands in the queue, and not before it may be refused', async () => {
	const engine = new ScriptedEngine();
	const request = { method: 'POST', path: 'v1/chat/completions', body: JSON.stringify(hello) };
	let told = 0;
	const { signal } = new AbortController();
	engine.generate = (_, onEvent) => {
		onEvent({ type: 'trimmed', turns: 1 });
		expect(told).toBe(0);
		onEvent({ type: 'queued', ahead: 3 });
		expect(told).toBe(1);
		return Promise.reject(new OpenLedgerError('aborted', 'Stopped.', { remedy: 'Start.' }));
	};
	await answer(engine, request, signal, () => void told++);
	expect(told).toBe(1);

	// Of several replies one may still be refused while another is written.
	let last = 0;
	engine.generate = async ({ id }, onEvent) => {
		if (id.endsWith('-1')) await new Promise((resolve) => setTimeout(resolve, 5));
		onEvent({ type: 'queued', ahead: 1 });
		last = told;
		throw new OpenLedgerError('aborted', 'Stopped.', { remedy: 'Start.' });
	};
	told = 0;
	await answer(engine, { ...request, body: JSON.stringify({ ...hello, n: 2 }) }, signal, () => void told++);
	expect(last).toBe(0);
});

test('calls at once are written in conversations of their own, calls after one another in the same', async () => {
	const engine = new ScriptedEngine();
	const seats = () => engine.asked.splice(0).map(({ conversation }) => conversation);
	await Promise.all([complete(engine, { ...hello, n: 2 }), complete(engine, hello)]);
	expect(new Set(seats()).size).toBe(3);
	await complete(engine, hello);
	engine.failure = new OpenLedgerError('engine/failed', 'It stopped.', { remedy: 'Again.' });
	await complete(engine, hello);
	engine.failure = undefined;
	await complete(engine, hello);
	expect(seats()).toEqual(['openai-0', 'openai-0', 'openai-0']);
});

test('JSON is asked of the engine', async () => {
	const engine = new ScriptedEngine();
	await complete(engine, { ...hello, response_format: { type: 'json_object' } });
	await complete(engine, { ...hello, response_format: { type: 'text' } });
	expect(engine.asked.map(({ json }) => json)).toEqual([true, false]);
});

describe('text is gone on with, without a template', () => {
	const path = 'v1/completions';
	const asked = { model: 'bundled:nano', prompt: ['The heart', 'The lung'], n: 2, seed: 4, max_tokens: 9 };

	test('every prompt as often as asked; its tokens count once', async () => {
		const engine = new ScriptedEngine();
		const { json } = await complete(engine, { ...asked, logprobs: 1 }, path);
		expect(engine.asked.map(({ prompt, sampling }) => [prompt, sampling.seed])).toEqual([
			['The heart', 4],
			['The heart', 5],
			['The lung', 6],
			['The lung', 7]
		]);
		expect(json).toMatchObject({
			object: 'text_completion',
			usage: { prompt_tokens: 14, completion_tokens: 12 }
		});
		expect((json.choices as object[])[3]).toMatchObject({
			index: 3,
			text: 'The heart pumps.',
			finish_reason: 'stop',
			logprobs: { tokens: ['The ', 'heart ', 'pumps.'], token_logprobs: [0, -1, -2] }
		});
	});

	test('streamed', async () => {
		const all = await events(new ScriptedEngine(), { ...asked, prompt: 'The heart', n: 1 }, path);
		expect(all.pop()).toBe('[DONE]');
		const choices = all.map(
			(text) => (JSON.parse(text) as { choices: [{ text: string; finish_reason: string }] }).choices[0]
		);
		expect(choices.map(({ text }) => text).join('')).toBe('The heart pumps.');
		expect(choices.map(({ finish_reason }) => finish_reason)).toEqual([null, null, null, 'stop']);
	});

	test.each([
		['no prompt', { prompt: undefined }, 'prompt'],
		['an empty one', { prompt: ['a', ''] }, 'prompt'],
		['token ids', { prompt: [[1, 2]] }, 'prompt'],
		['its echo', { echo: true }, 'echo'],
		['JSON', { response_format: { type: 'json_object' } }, 'response_format'],
		['more replies than there may be', { n: 9 }, 'n']
	])('%s is refused', async (_, change, param) => {
		const { status, json } = await complete(new ScriptedEngine(), { ...asked, ...change }, path);
		expect(status).toBe(400);
		expect((json.error as { param: string }).param).toBe(param);
	});
});

test('a caller who goes stops every reply', async () => {
	const engine = new ScriptedEngine();
	engine.endless = true;
	const caller = new AbortController();
	const response = call(engine, 'v1/chat/completions', { ...hello, n: 2, stream: true }, caller.signal);
	await expect.poll(() => engine.asked.length).toBe(2);
	caller.abort();
	await response;
	expect(engine.cancelled).toEqual(expect.arrayContaining(engine.asked.map(({ id }) => id)));
});

describe('refusals have OpenAI’s shape and say what to do', () => {
	const bad: [string, unknown, number, string | null][] = [
		['not JSON', '{', 400, null],
		['not an object', '[]', 400, null],
		['no model', { messages: hello.messages }, 400, 'model'],
		['an unknown model', { ...hello, model: 'gpt-9' }, 404, 'model'],
		['no messages', { model: 'bundled:nano' }, 400, 'messages'],
		['nobody asks', { ...hello, messages: [{ role: 'system', content: 'x' }] }, 400, 'messages'],
		['a tool speaks', { ...hello, messages: [{ role: 'tool', content: 'x' }] }, 400, 'messages[0].role'],
		[
			'a picture',
			{ ...hello, messages: [{ role: 'user', content: [{ type: 'image_url' }] }] },
			400,
			'messages[0].content[0]'
		],
		['too hot', { ...hello, temperature: 3 }, 400, 'temperature'],
		['half a reply', { ...hello, n: 1.5 }, 400, 'n'],
		['tools', { ...hello, tools: [{ type: 'function' }] }, 400, 'tools'],
		['too many alternatives', { ...hello, logprobs: true, top_logprobs: 21 }, 400, 'top_logprobs'],
		['alternatives to nothing', { ...hello, top_logprobs: 2 }, 400, 'top_logprobs'],
		['a schema', { ...hello, response_format: { type: 'json_schema' } }, 400, 'response_format'],
		['five stops', { ...hello, stop: ['a', 'b', 'c', 'd', 'e'] }, 400, 'stop']
	];
	test.each(bad)('%s', async (_, body, status, param) => {
		const engine = new ScriptedEngine();
		const { status: found, text } = await call(engine, 'v1/chat/completions', body);
		const { error } = JSON.parse(text) as { error: { message: string; type: string; param: string | null } };
		expect(found).toBe(status);
		expect(error.param).toBe(param);
		expect(error.message).toMatch(/\.$/);
		expect(engine.asked).toHaveLength(0);
	});

	test('what the engine refuses keeps its sentence and its remedy, also before a stream begins', async () => {
		const engine = new ScriptedEngine();
		engine.failure = new OpenLedgerError('prompt/too-long', 'The message has 900 tokens.', {
			remedy: 'Shorten it.'
		});
		for (const stream of [false, true]) {
			const { status, text } = await call(engine, 'v1/chat/completions', { ...hello, stream });
			expect(status).toBe(400);
			expect(JSON.parse(text)).toMatchObject({
				error: {
					message: expect.stringMatching(/^The message has 900 tokens. Send a shorter/) as string,
					code: 'context_length_exceeded'
				}
			});
		}
	});

	test.each(['Finance', 'bundled:nano+Finance'])('%s, as several are called', async (model) => {
		const { status, json } = await complete(new ScriptedEngine(), { ...hello, model });
		expect(status).toBe(404);
		const { message } = json.error as { message: string };
		expect(message).toBe(
			`Several models are called '${model}'. Ask for one of them: '${finance}', '${other}'.`
		);
	});

	test('no model is loaded', async () => {
		const engine = new ScriptedEngine();
		engine.model = undefined;
		expect(await call(engine, 'v1/models')).toMatchObject({ status: 503 });
	});

	test.each([
		['v1/embeddings', {}, 404],
		['v1/models/%zz', undefined, 404],
		['v1/chat/completions', undefined, 405]
	])('%s', async (path, body, status) => {
		expect(await call(new ScriptedEngine(), path, body)).toMatchObject({ status });
	});
});

test('what has no effect here is ignored, and null is as good as absent', async () => {
	const ignored = {
		user: 'me',
		store: false,
		metadata: {},
		temperature: null,
		stop: null,
		tools: [],
		logprobs: false
	};
	expect(await complete(new ScriptedEngine(), { ...hello, ...ignored })).toMatchObject({ status: 200 });
});
