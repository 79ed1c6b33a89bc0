import { InferenceSession, Tensor } from 'onnxruntime-node';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { chat, nanoFile, nanoModel, nanoOptions, ortModel } from '#test/support/nano.ts';
import type { Sampling } from '#workers/protocol.ts';
import { Ort } from '#workers/runtime/ort.ts';
import { WasmDecoder } from '#workers/runtime/wasm-decoder.ts';
import { Generator, type GeneratorOptions } from './generator.ts';
import { JsonText } from './json-text.ts';
import type { GenerationEvent, GenerationRequest, GenerationResult } from './sequence.ts';

const GREEDY: Sampling & { seed: number } = {
	temperature: 0,
	topK: 0,
	topP: 1,
	minP: 0,
	repetitionPenalty: 1,
	seed: 1
};
const QUESTIONS = [
	'What is inflation?',
	'Define opportunity cost.',
	'Explain the term democracy.',
	'What is a neuron?'
];

vi.setConfig({ testTimeout: 60_000 });

let decoder: WasmDecoder;
let reference: InferenceSession;
beforeAll(async () => {
	decoder = await WasmDecoder.create(await Ort.start({ build: 'wasm', threads: 1 }), ortModel(nanoModel()));
	reference = await InferenceSession.create(nanoFile);
});
afterAll(() => decoder.dispose());

const serve = (options: Partial<GeneratorOptions> = {}) =>
	new Generator(decoder, { ...nanoOptions, ...options });
let conversations = 0;
const ask = (question: string, change: Partial<GenerationRequest> = {}): GenerationRequest => ({
	conversation: `conversation ${conversations++}`,
	tokens: chat(question),
	sampling: GREEDY,
	maxNewTokens: 24,
	...change
});

/** Greedy continuation by a runtime of its own (native kernels, no cache: the whole text is read for every token). */
async function referenceGreedy(prompt: readonly number[], count: number): Promise<number[]> {
	const reply: number[] = [];
	while (reply.length < count) {
		const ids = [...prompt, ...reply];
		const int64 = (values: number[]) =>
			new Tensor('int64', BigInt64Array.from(values.map(BigInt)), [1, ids.length]);
		const past = reference.inputNames
			.filter((name) => name.startsWith('past'))
			.map((name) => [name, new Tensor('float32', new Float32Array(0), [1, 2, 0, 64])] as const);
		const { logits } = await reference.run({
			input_ids: int64(ids),
			attention_mask: int64(ids.map(() => 1)),
			position_ids: int64([...ids.keys()]),
			num_logits_to_keep: new Tensor('int64', BigInt64Array.of(1n), []),
			...Object.fromEntries(past)
		});
		const row = logits?.data as Float32Array;
		const next = row.indexOf(Math.max(...row));
		if (nanoOptions.endTokens.has(next)) break;
		reply.push(next);
	}
	return reply;
}

describe('a reply', () => {
	test.each(QUESTIONS)('is the greedy one of a plain run without a cache: %s', async (question) => {
		const { tokens } = await serve().generate(ask(question));
		expect(tokens).toEqual(await referenceGreedy(chat(question), 24));
	});

	test('does not depend on how the prompt is cut into chunks', async () => {
		const prompt = chat(`${QUESTIONS.join(' ')} ${QUESTIONS.join(' ')}`);
		const replies = await Promise.all(
			[1, 7, 31, 512].map((prefillChunk) => serve({ prefillChunk }).generate(ask('', { tokens: prompt })))
		);
		for (const reply of replies) expect(reply.tokens).toEqual(replies[0]?.tokens);
	});

	test('streams its text in pieces, after the prompt is reported as read', async () => {
		const events: GenerationEvent[] = [];
		const reply = await serve({ prefillChunk: 10 }).generate(
			ask('What is a neuron?', { onEvent: (event) => events.push(event) })
		);
		const total = chat('What is a neuron?').length;
		expect(events.slice(0, 3)).toEqual(
			[0, 10, total].map((done) => ({ type: 'prefill', done, total, reused: 0 }))
		);
		const pieces = events.flatMap((event) => (event.type === 'text' ? [event.delta] : []));
		expect(pieces.length).toBeGreaterThan(5);
		expect(pieces.join('')).toBe(reply.text);
		expect(reply.text).toBe(nanoOptions.decode(reply.tokens));
		expect(reply.finish).toBe('stop');
	});

	test('is the same for the same seed, another for another', async () => {
		const draw = (seed: number) =>
			serve().generate(ask('What is a cell?', { sampling: { ...GREEDY, temperature: 1, seed } }));
		const [first, again, other] = [await draw(5), await draw(5), await draw(6)];
		expect(again.tokens).toEqual(first.tokens);
		expect(other.tokens).not.toEqual(first.tokens);
	});

	test('goes on from its own tokens as if it had not been interrupted', async () => {
		const sampling = { ...GREEDY, temperature: 0.9, seed: 11 };
		const whole = await serve().generate(ask('What is a market?', { sampling }));
		expect(whole.tokens.length).toBeGreaterThan(6);
		const first = whole.tokens.slice(0, 5);
		const rest = await serve().generate(
			ask('', { sampling, tokens: [...chat('What is a market?'), ...first], drawn: 5, maxNewTokens: 19 })
		);
		expect([...first, ...rest.tokens]).toEqual(whole.tokens);
	});

	test('reports the log-probability of each of its tokens', async () => {
		const reply = await serve().generate(ask('What is a neuron?', { logProbs: 3 }));
		expect(reply.logProbs).toHaveLength(reply.tokens.length);
		const prompt = chat('What is a neuron?');
		const state = decoder.createState();
		const logits = await (await decoder.run(state, [[...prompt, ...reply.tokens]], { logits: 'all' })).all(0);
		state.dispose();
		reply.tokens.forEach((token, i) => {
			const at = (prompt.length - 1 + i) * 4096;
			const row = Float64Array.from(logits.subarray(at, at + 4096));
			const sum = row.reduce((total, logit) => total + Math.exp(logit), 0);
			const told = reply.logProbs?.[i];
			expect(told?.logProb).toBeCloseTo((row[token] as number) - Math.log(sum), 3);
			const best = [...row].sort((a, b) => b - a).slice(0, 3);
			const likeliest = told?.likeliest.map(({ logProb }) => logProb + Math.log(sum)) ?? [];
			expect(likeliest).toHaveLength(3);
			best.forEach((logit, at) => expect(likeliest[at]).toBeCloseTo(logit, 3));
		});
	});

	test('tells the tokens of each piece of text with it', async () => {
		const events: GenerationEvent[] = [];
		const onEvent = (event: GenerationEvent) => events.push(event);
		const reply = await serve().generate(ask('What is a neuron?', { logProbs: 0, onEvent }));
		const pieces = events.filter((event) => event.type === 'text');
		expect(pieces.length).toBeGreaterThan(5);
		expect(pieces.flatMap(({ tokens = [] }) => tokens)).toEqual(reply.logProbs);
	});

	test.each([0, 0.8])(
		'held to JSON at temperature %d, is an object or the beginning of one',
		async (temperature) => {
			const sampling = { ...GREEDY, temperature, seed: 3 };
			const question = 'Say what a neuron is as JSON with the keys name and text.';
			const reply = await serve().generate(ask(question, { json: true, sampling, maxNewTokens: 60 }));
			const json = new JsonText();
			expect(json.push(reply.text), reply.text).toBe(true);
			expect(json.whole).toBe(reply.finish === 'stop');
			expect(reply.text.length).toBeGreaterThan(1);
		}
	);
});

describe('a reply ends', () => {
	test('before a stop string, even one that spans tokens', async () => {
		const plain = await serve().generate(ask('What is a neuron?'));
		const stop = plain.text.slice(10, 22);
		const stopped = await serve().generate(ask('What is a neuron?', { stop: [stop] }));
		expect(stopped.text).toBe(plain.text.slice(0, plain.text.indexOf(stop)));
		expect(stopped.finish).toBe('stop');
	});

	test('after maxNewTokens', async () => {
		const reply = await serve().generate(ask('What is a neuron?', { maxNewTokens: 3 }));
		expect(reply).toMatchObject({ finish: 'length' });
		expect(reply.tokens).toHaveLength(3);
	});

	test('when the context is full', async () => {
		const tokens = chat('What is a neuron?');
		const reply = await serve({ contextLength: tokens.length + 4 }).generate(ask('', { tokens }));
		expect(reply.finish).toBe('context');
		expect(reply.tokens).toHaveLength(4);
	});

	test('within one token of being cancelled, and keeps what it has', async () => {
		const controller = new AbortController();
		let pieces = 0;
		const reply = await serve().generate(
			ask('What is a neuron?', {
				signal: controller.signal,
				onEvent: ({ type }) => {
					if (type === 'text' && ++pieces === 3) controller.abort();
				}
			})
		);
		expect(reply.finish).toBe('cancelled');
		expect(reply.tokens).toHaveLength(3);
		expect(reply.text).not.toBe('');
	});

	test('within one token when the cancelling message comes from outside the worker', async () => {
		const controller = new AbortController();
		setTimeout(() => controller.abort(), 0);
		const reply = await serve().generate(
			ask('What is a neuron?', { signal: controller.signal, prefillChunk: 1 } as Partial<GenerationRequest>)
		);
		expect(reply.finish).toBe('cancelled');
	});

	test('before it began, where it is cancelled in the queue', async () => {
		const generator = serve({ maxRows: 1 });
		const first = generator.generate(ask('What is a neuron?'));
		const second = await generator.generate(ask('What is a neuron?', { signal: AbortSignal.abort() }));
		expect(second).toMatchObject({ finish: 'cancelled', tokens: [], text: '' });
		expect((await first).finish).toBe('stop');
	});

	test('in an error that says how long the prompt may be, where it does not fit', async () => {
		const tokens = new Array<number>(512).fill(5);
		await expect(serve().generate(ask('', { tokens }))).rejects.toMatchObject({
			code: 'prompt/too-long',
			details: { tokens: 512, contextLength: 512 }
		});
	});
});

describe('the next turn of a conversation', () => {
	const nextTurn = (first: GenerationResult) => [
		...chat('What is inflation?'),
		...first.tokens,
		2,
		...chat('Define opportunity cost.')
	];

	test('reads only what is new, and answers as if all had been read', async () => {
		const generator = serve();
		const first = await generator.generate(ask('What is inflation?', { conversation: 'a' }));
		const tokens = nextTurn(first);
		const second = await generator.generate(ask('', { conversation: 'a', tokens }));
		const fresh = await generator.generate(ask('', { tokens }));
		// The last token of a reply that was cut short was never run.
		const run = first.finish === 'stop' ? first.tokens.length : first.tokens.length - 1;
		expect(second.reused).toBe(first.promptTokens + run);
		expect(fresh.reused).toBe(0);
		expect(second.tokens).toEqual(fresh.tokens);
	});

	test('reads again from the first word that was edited', async () => {
		const generator = serve();
		await generator.generate(ask('What is inflation?', { conversation: 'a' }));
		const edited = await generator.generate(ask('What is democracy?', { conversation: 'a' }));
		expect(edited.reused).toBeGreaterThan(3);
		expect(edited.reused).toBeLessThan(chat('What is democracy?').length - 5);
		expect(edited.tokens).toEqual((await generator.generate(ask('What is democracy?'))).tokens);
	});

	test('reads all of it again after the cache was forgotten', async () => {
		const generator = serve();
		const first = await generator.generate(ask('What is inflation?', { conversation: 'a' }));
		generator.forget('a');
		const second = await generator.generate(ask('', { conversation: 'a', tokens: nextTurn(first) }));
		expect(second.reused).toBe(0);
	});
});

describe('several requests at once', () => {
	test('answer as each would alone, in rows that begin and end at different times', async () => {
		const alone: GenerationResult[] = [];
		for (const question of QUESTIONS) alone.push(await serve().generate(ask(question)));
		const generator = serve({ maxRows: 3 });
		const together = await Promise.all(QUESTIONS.map((question) => generator.generate(ask(question))));
		expect(together.map(({ tokens }) => tokens)).toEqual(alone.map(({ tokens }) => tokens));
	});

	test('take turns: nobody waits for another reply to end', async () => {
		const generator = serve();
		const order: number[] = [];
		const replies = QUESTIONS.slice(0, 2).map((question, i) =>
			generator.generate(ask(question, { onEvent: ({ type }) => type === 'text' && order.push(i) }))
		);
		await Promise.all(replies);
		const middle = order.slice(2, 12);
		expect(Math.abs(middle.filter((i) => i === 0).length - 5)).toBeLessThanOrEqual(1);
	});

	test('of one conversation run one after the other, and the second reuses the first', async () => {
		const generator = serve();
		const events: GenerationEvent[] = [];
		const request = () => ask('What is a neuron?', { conversation: 'same', onEvent: (e) => events.push(e) });
		const [first, second] = await Promise.all([generator.generate(request()), generator.generate(request())]);
		expect(events).toContainEqual({ type: 'queued', ahead: 1 });
		expect(second.reused).toBe(first.promptTokens - 1);
		expect(second.tokens).toEqual(first.tokens);
	});

	test('a failing one keeps its text and does not take the others with it', async () => {
		const generator = serve();
		let text = '';
		const failing = generator.generate(
			ask('What is a neuron?', {
				onEvent: (event) => {
					if (event.type !== 'text') return;
					text += event.delta;
					if (text.length > 10) throw new Error('the listener broke');
				}
			})
		);
		await expect(failing).rejects.toThrow('the listener broke');
		expect(text).toMatch(/^A neuron/);
		const next = await generator.generate(ask('What is a neuron?'));
		expect(next.finish).toBe('stop');
	});
});
