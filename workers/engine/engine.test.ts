import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { serve } from '../../.ci/serve.mjs';
import { OpenLedgerError } from '#workers/errors.ts';
import { MemoryFolder } from '#workers/models/store/memory-folder.ts';
import type { GenerateEvent, GenerateRequest, Sampling } from '#workers/protocol.ts';
import type { RunFile } from '#workers/train/runs/records.ts';
import { BuildDrafts } from '#workers/attribution/index/build-draft.ts';
import { writeWhole } from '#workers/models/store/whole-file.ts';
import { RunStore } from '#workers/train/runs/run-store.ts';
import { sharedPath } from '#test/support/shared.ts';
import { readFileSync } from 'node:fs';
import { Engine } from './engine.ts';

/** The real engine in Node, with what the app ships served as a static host would. */
let host: Awaited<ReturnType<typeof serve>>;
let engine: Engine;

beforeAll(async () => {
	host = await serve({ directory: new URL('../../static', import.meta.url).pathname });
	engine = new Engine({ folder: new MemoryFolder(), appUrl: `${host.url}/` });
	await engine.load({ id: 'bundled:nano', provider: 'auto' }, 'load', () => undefined);
}, 60_000);
afterAll(() => host.close());

const greedy: Sampling = { temperature: 0, topK: 0, topP: 1, minP: 0, repetitionPenalty: 1 };
let count = 0;
function request(content: string, change: Partial<GenerateRequest> = {}): GenerateRequest {
	return {
		id: `request-${++count}`,
		conversation: `conversation-${count}`,
		messages: [{ role: 'user', content }],
		adapters: [],
		sampling: greedy,
		maxNewTokens: 24,
		stop: [],
		...change
	};
}

test('the streamed text is the reply, and the reply says how it was made', async () => {
	const events: GenerateEvent[] = [];
	const reply = await engine.generate(request('What is inflation?'), (event) => events.push(event));
	expect(events.map((event) => (event.type === 'text' ? event.delta : '')).join('')).toBe(reply.text);
	expect(reply.text.length).toBeGreaterThan(10);
	expect(reply).toMatchObject({ model: 'bundled:nano', provider: 'wasm', adapters: [] });
	expect(reply.tokens.completion).toBeGreaterThan(2);
});

test('an adapter swapped in the middle of a conversation changes the reply, and the base comes back unchanged', async () => {
	const [adapter] = await engine.adapters();
	if (!adapter) throw new Error('no bundled adapter');
	expect(adapter).toMatchObject({ source: 'bundled', fits: true, resident: false });
	const ask = (adapters: GenerateRequest['adapters']) =>
		engine.generate(request('Define the term: artery', { conversation: 'swap', adapters }), () => undefined);
	const before = await ask([]);
	const adapted = await ask([{ id: adapter.id, weight: 1 }]);
	const after = await ask([]);
	expect(adapted.text).not.toBe(before.text);
	expect(after.text).toBe(before.text);
	// How likely it is, for attribution: only where one whole adapter answered.
	expect(adapted.logLikelihood).toBeLessThan(0);
	const half = await ask([{ id: adapter.id, weight: 0.5 }]);
	expect([before.logLikelihood, half.logLikelihood]).toEqual([undefined, undefined]);
	expect((await engine.adapters()).find(({ id }) => id === adapter.id)?.resident).toBe(true);
});

test('base and adapter side by side give what each gives alone', async () => {
	const [adapter] = await engine.adapters();
	const chosen = [{ id: adapter?.id ?? '', weight: 1 }];
	const alone = await engine.generate(request('What is a neuron?', { adapters: chosen }), () => undefined);
	const [base, adapted] = await Promise.all([
		engine.generate(request('What is a neuron?'), () => undefined),
		engine.generate(request('What is a neuron?', { adapters: chosen }), () => undefined)
	]);
	expect(adapted?.text).toBe(alone.text);
	expect(base?.text).not.toBe(adapted?.text);
});

test('a second turn reuses the first one’s cache', async () => {
	const messages: GenerateRequest['messages'] = [{ role: 'user', content: 'What is inflation?' }];
	const first = await engine.generate(request('', { conversation: 'turns', messages }), () => undefined);
	const second = await engine.generate(
		request('', {
			conversation: 'turns',
			messages: [
				...messages,
				{ role: 'assistant', content: first.text },
				{ role: 'user', content: 'And deflation?' }
			]
		}),
		() => undefined
	);
	expect(second.tokens.reused).toBeGreaterThanOrEqual(first.tokens.prompt);
});

test('cancelling ends the reply within a token and keeps what was said', async () => {
	const asked = request('What is inflation?', {
		maxNewTokens: 200,
		sampling: { ...greedy, temperature: 2, seed: 1 }
	});
	let said = '';
	const reply = await engine.generate(asked, (event) => {
		if (event.type !== 'text') return;
		said += event.delta;
		void engine.cancel(asked.id);
	});
	expect(reply.finish).toBe('cancelled');
	expect(reply.text).toBe(said);
	expect(reply.tokens.completion).toBeLessThan(4);
});

test('a conversation longer than the context loses its oldest turns, and says so', async () => {
	const events: GenerateEvent[] = [];
	const turn = 'Tell me about prices. '.repeat(12);
	const messages = Array.from(
		{ length: 9 },
		(_, i) => ({ role: i % 2 ? 'assistant' : 'user', content: turn }) as const
	);
	await engine.generate(request('', { messages: [...messages], maxNewTokens: 4 }), (event) =>
		events.push(event)
	);
	expect(events).toContainEqual({ type: 'trimmed', turns: expect.any(Number) as number });
});

test('a question longer than the context is refused', async () => {
	await expect(engine.generate(request('price '.repeat(600)), () => undefined)).rejects.toMatchObject({
		code: 'prompt/too-long'
	});
});

test('what instructions take is known beforehand, as the chat will count it', async () => {
	const instructions = 'Speak of prices alone. '.repeat(90).trim();
	const { tokens, room } = await engine.measureInstructions(instructions);
	expect(tokens).toBeGreaterThan(room);
	const messages = [
		{ role: 'system' as const, content: instructions },
		{ role: 'user' as const, content: 'Why?' }
	];
	const refused = engine.generate(request('', { messages, maxNewTokens: 512 }), () => undefined);
	const error = (await refused.catch((thrown: unknown) => thrown)) as OpenLedgerError;
	expect(error).toMatchObject({
		code: 'prompt/too-long',
		message: expect.stringContaining('instructions') as string
	});
	const { contextLength, reserve } = error.details;
	expect(room).toBe(Number(contextLength) - Number(reserve));
	const short = await engine.measureInstructions('Speak of prices alone.');
	expect(short.tokens).toBeLessThan(short.room / 4);
});

test('without a model a request says what to do', async () => {
	const empty = new Engine({ folder: new MemoryFolder(), appUrl: `${host.url}/` });
	await expect(empty.generate(request('x'), () => undefined)).rejects.toMatchObject({
		code: 'engine/not-loaded'
	});
});

test('the context window of one load is one load: a later one replaces the earlier', async () => {
	const other = new Engine({ folder: new MemoryFolder(), appUrl: `${host.url}/` });
	const first = other.load({ id: 'bundled:nano', provider: 'auto' }, 'a', () => undefined);
	const second = other.load({ id: 'bundled:nano', provider: 'auto' }, 'b', () => undefined);
	await expect(first).rejects.toBeInstanceOf(OpenLedgerError);
	expect((await second).id).toBe('bundled:nano');
});

describe('a load that fails', () => {
	/** There is no graphics card in Node. */
	const impossible = (engine: Engine) =>
		engine.load({ id: 'bundled:nano', provider: 'webgpu' }, 'fails', () => undefined);

	test('leaves the loaded model as it was', async () => {
		const before = await engine.loaded();
		await expect(impossible(engine)).rejects.toMatchObject({ code: 'device/no-webgpu' });
		expect(await engine.loaded()).toBe(before);
		const reply = await engine.generate(request('What is inflation?'), () => undefined);
		expect(reply.text.length).toBeGreaterThan(10);
	});

	test('brings back the model that had to make room for it', async () => {
		const small = new Engine({ folder: new MemoryFolder(), appUrl: `${host.url}/` });
		await small.load({ id: 'bundled:nano', provider: 'wasm' }, 'load', () => undefined);
		const before = await small.loaded();
		// In GiB: enough for nano once, not twice.
		Object.defineProperty(navigator, 'deviceMemory', { value: 0.125, configurable: true });
		try {
			await expect(impossible(small)).rejects.toMatchObject({ code: 'device/no-webgpu' });
		} finally {
			Reflect.deleteProperty(navigator, 'deviceMemory');
		}
		expect(await small.loaded()).toEqual(before);
		expect(await small.loaded()).not.toBe(before);
		const reply = await small.generate(request('What is inflation?'), () => undefined);
		expect(reply.text.length).toBeGreaterThan(10);
	});
});

test('the app’s own adapters cannot be deleted, and the storage page knows which they are', async () => {
	const [adapter] = await engine.adapters();
	await expect(engine.remove(adapter?.id ?? '')).rejects.toMatchObject({ code: 'adapter/bundled' });
	const { items, unclaimedBytes, lasting } = await engine.storage();
	expect(items.find(({ id }) => id === `adapter:${adapter?.id}`)).toMatchObject({ bundled: true });
	expect(items.find(({ id }) => id === 'bundled:nano')?.bundled).toBeUndefined();
	expect({ unclaimedBytes, lasting }).toEqual({ unclaimedBytes: 0, lasting: false });
	expect(await engine.cleanUp()).toBe(0);
});

test('what training keeps counts as stored, is deleted like the rest, and not while it is worked on', async () => {
	const folder = new MemoryFolder();
	const trained = new Engine({ folder, appUrl: `${host.url}/` });
	const runs = new RunStore(folder);
	const checkpoint = new Uint8Array(5000);
	for (const id of ['one', 'two']) {
		await runs.create({ plan: { id, name: 'Bones', sources: [] }, started: 7 } as unknown as RunFile);
		await runs.writeCheckpoint(id, 'state', 3, checkpoint);
	}
	const damaged = await folder.openToWrite('runs/two.plan');
	damaged.write(0, Uint8Array.of(0));
	damaged.close();
	const stored = async () => (await trained.storage()).items.filter(({ kind }) => kind === 'run');
	const [one, two] = await stored();
	expect(one).toMatchObject({ id: 'run:one', name: 'Bones', lastUsed: 7, complete: true });
	expect(two).toMatchObject({ id: 'run:two', name: 'two', complete: false });
	expect(Math.min(one?.bytes ?? 0, two?.bytes ?? 0)).toBeGreaterThan(5000);

	const release = await runs.lock('one');
	await expect(trained.remove('run:one')).rejects.toMatchObject({ code: 'engine/busy' });
	await release?.();
	await trained.remove('run:one');
	await trained.remove('run:two');
	expect(await stored()).toEqual([]);
	expect(await folder.names('runs')).toEqual([]);
});

test('half built indexes and indexes of words count as stored, are deleted, and not while they are built', async () => {
	const folder = new MemoryFolder();
	const engine = new Engine({ folder, appUrl: `${host.url}/` });
	const [adapter] = await engine.adapters();
	const [here, gone] = [adapter?.id ?? '', 'f'.repeat(64)];
	for (const [path, size] of [
		[`indexing/${here}.plan`, 10],
		[`indexing/${here}.sketches`, 500],
		[`spans/${here}.11.22`, 70],
		[`spans/${gone}.11.22`, 80]
	] as const)
		await writeWhole(folder, path, new Uint8Array(size));
	const kept = async () =>
		(await engine.storage()).items.filter(({ kind }) => kind === 'sketches' || kind === 'spans');
	expect(await kept()).toEqual([
		{ id: `sketches:${here}`, kind: 'sketches', name: adapter?.name, bytes: 510, complete: true },
		{ id: `spans:${here}`, kind: 'spans', name: adapter?.name, bytes: 70, complete: true },
		{ id: `spans:${gone}`, kind: 'spans', name: 'ffffffff', bytes: 80, complete: true }
	]);
	await new BuildDrafts(folder).alone(here, async () => {
		expect((await kept())[0]).toMatchObject({ inUse: true });
		await expect(engine.remove(`sketches:${here}`)).rejects.toMatchObject({ code: 'engine/busy' });
	});
	for (const { id } of await kept()) await engine.remove(id);
	expect(await kept()).toEqual([]);
	expect([...(await folder.names('indexing')), ...(await folder.names('spans'))]).toEqual([]);
});

const peft = sharedPath('models/nano/reference_adapter');
test.skipIf(!peft)('a PEFT folder is imported, used, exported byte for byte and removed', async () => {
	const read = (name: string) => new File([readFileSync(`${peft}/${name}`)], name);
	const files = [
		read('adapter_config.json'),
		read('adapter_model.safetensors'),
		new File(['x'], 'README.md')
	];
	const entry = await engine.importAdapter(files, 'Reference');
	expect(entry).toMatchObject({ name: 'Reference', source: 'imported', fits: true, rank: 8 });
	const used = await engine.generate(
		request('What is inflation?', { adapters: [{ id: entry.id, weight: 1 }] }),
		() => undefined
	);
	expect(used.adapters).toEqual([{ id: entry.id, weight: 1 }]);
	const exported = await engine.exportAdapter(entry.id);
	for (const file of exported)
		expect(Buffer.from(await file.arrayBuffer()).equals(readFileSync(`${peft}/${file.name}`))).toBe(true);
	await engine.remove(entry.id);
	expect((await engine.adapters()).some(({ id }) => id === entry.id)).toBe(false);
});

test('an adapter for another base is listed with the reason why it does not fit', async () => {
	const folder = sharedPath('data/lora-peft/gpt2-causal-r8-fmi');
	if (!folder) return expect(folder).toBeUndefined();
	const read = (name: string) => new File([readFileSync(`${folder}/${name}`)], name);
	const entry = await engine.importAdapter([read('adapter_config.json'), read('adapter_model.safetensors')]);
	expect(entry.fits).toBe(false);
	expect(entry.reason).toMatch(/which this model does not have/);
	await engine.remove(entry.id);
});
