import { afterEach, expect, test, vi } from 'vitest';
import type { Remote } from '#workers/comlink.ts';
import { OpenLedgerError } from '#workers/errors.ts';
import type { EngineApi, LoadedModel, ModelEntry } from '#workers/protocol.ts';
import { preferences } from '../preferences.svelte.ts';
import { Engine } from './engine.svelte.ts';
import { Generation } from './generation.svelte.ts';

const nano = { id: 'bundled:nano', name: 'Nano', source: 'bundled', stored: 'complete' } as ModelEntry;
const big = { id: 'hf:big', name: 'Big', source: 'hub', stored: 'none' } as ModelEntry;
const request = {
	...{ id: 'r', conversation: 'c', messages: [], adapters: [], maxNewTokens: 8, stop: [] },
	sampling: { temperature: 0, topK: 0, topP: 1, minP: 0, repetitionPenalty: 1 }
};

/** A worker without a worker: what it answers, and a way to let it die. */
class Double {
	readonly connections: { die: (reason: string) => void; closed: boolean }[] = [];
	readonly api = {
		configure: vi.fn(async () => undefined),
		probe: vi.fn(async () => ({ provider: 'wasm', reason: '', webgpu: null, threads: 1, isolated: false })),
		models: vi.fn(async () => [nano, big]),
		adapters: vi.fn(async (): Promise<never[]> => []),
		loaded: vi.fn(async (): Promise<LoadedModel | undefined> => undefined),
		load: vi.fn(async ({ id }: { id: string }) => ({ id, name: id }) as LoadedModel),
		cancel: vi.fn(async () => undefined),
		generate: vi.fn((): Promise<unknown> => new Promise(() => undefined))
	};

	readonly connect = () => {
		const { promise, resolve } = Promise.withResolvers<string>();
		const connection = { die: resolve, closed: false };
		this.connections.push(connection);
		return {
			api: this.api as unknown as Remote<EngineApi>,
			gone: promise,
			close: () => (connection.closed = true)
		};
	};
}

afterEach(() => localStorage.clear());

test('after a crash the worker is started again and the model loaded again', async () => {
	const double = new Double();
	const engine = new Engine(double.connect);
	await engine.start();
	expect(engine.models.loaded?.id).toBe('bundled:nano');
	double.connections[0]?.die('crash');
	await expect.poll(() => engine.restarts).toBe(1);
	await expect.poll(() => engine.status).toBe('running');
	await engine.models.ready();
	expect(double.api.load).toHaveBeenCalledTimes(2);
	expect(double.connections.map(({ closed }) => closed)).toEqual([true, false]);
});

test('started without a model, the one used last is loaded by whoever first needs it', async () => {
	preferences.values.model = 'hf:kept';
	const double = new Double();
	double.api.models.mockResolvedValue([nano, { ...big, id: 'hf:kept', stored: 'complete' } as ModelEntry]);
	const engine = new Engine(double.connect);
	await engine.start(false);
	expect(engine.status).toBe('running');
	expect(double.api.load).not.toHaveBeenCalled();
	expect((await engine.models.ready()).id).toBe('hf:kept');
	await engine.models.loadWanted();
	expect(double.api.load).toHaveBeenCalledTimes(1);
	preferences.values.model = undefined;
});

test('after a load that failed nothing is loaded until somebody chooses', async () => {
	const double = new Double();
	const engine = new Engine(double.connect);
	await engine.start(false);
	double.api.load.mockRejectedValueOnce(
		new OpenLedgerError('storage/damaged', 'Another file came.', { remedy: 'Try again.' })
	);
	await expect(engine.models.use(big.id)).rejects.toThrow('Another file came.');
	await engine.models.loadWanted();
	expect(double.api.load).toHaveBeenCalledTimes(1);
	expect(engine.models.load?.error?.message).toBe('Another file came.');
});

test('a call that the dead worker will never answer fails with a reason', async () => {
	const double = new Double();
	const engine = new Engine(double.connect);
	await engine.start();
	const generation = new Generation(engine, request, 'so far');
	const run = generation.run();
	await expect.poll(() => double.api.generate.mock.calls.length).toBe(1);
	double.connections[0]?.die('crash');
	await run;
	expect(generation.error?.code).toBe('engine/failed');
	expect(generation.text).toBe('so far');
});

test('a lost GPU counts as a crash, though its worker lives', async () => {
	const double = new Double();
	const engine = new Engine(double.connect);
	await engine.start();
	double.api.generate.mockRejectedValueOnce(
		new OpenLedgerError('device/lost', 'The GPU was lost.', { remedy: '' })
	);
	const generation = new Generation(engine, request);
	await generation.run();
	expect(generation.error?.code).toBe('device/lost');
	await expect.poll(() => engine.restarts).toBe(1);
	expect(double.connections[0]?.closed).toBe(true);
});

test('an engine that keeps dying waits for the person instead of starting for ever', async () => {
	const double = new Double();
	const engine = new Engine(double.connect);
	await engine.start();
	for (let crash = 0; crash < 4; crash++) {
		await expect.poll(() => engine.status).toBe('running');
		double.connections.at(-1)?.die('crash');
		await expect.poll(() => engine.status).not.toBe('running');
	}
	expect(engine.status).toBe('failed');
	expect(double.connections).toHaveLength(4);
	await expect(engine.models.ready()).rejects.toMatchObject({ code: 'engine/failed' });
	await engine.retry();
	expect(engine.status).toBe('running');
});

test('crashes between which replies were finished are not counted together', async () => {
	const double = new Double();
	const engine = new Engine(double.connect);
	await engine.start();
	double.api.generate.mockImplementation(async () => ({ text: ' more', finish: 'stop' }));
	for (let crash = 0; crash < 6; crash++) {
		await expect.poll(() => engine.status).toBe('running');
		double.connections.at(-1)?.die('crash');
		await expect.poll(() => engine.status).toBe('running');
		const generation = new Generation(engine, request);
		await generation.run();
		expect(generation.completion).toBeDefined();
	}
	expect(engine.restarts).toBe(6);
});

test('what is asked while another model is on its way is answered by that model', async () => {
	const double = new Double();
	const engine = new Engine(double.connect);
	const slow = Promise.withResolvers<LoadedModel>();
	double.api.load.mockImplementationOnce(() => slow.promise);
	void engine.start();
	await expect.poll(() => double.api.load.mock.calls.length).toBe(1);
	const ready = engine.models.ready();
	void engine.models.use('hf:big');
	await expect.poll(() => double.api.cancel.mock.calls.length).toBe(1);
	slow.reject(new OpenLedgerError('aborted', 'Cancelled.', { remedy: '' }));
	expect((await ready).id).toBe('hf:big');
	expect(engine.models.loaded?.id).toBe('hf:big');
});

test('a load that fails leaves what was loaded in use, and says why', async () => {
	const double = new Double();
	const engine = new Engine(double.connect);
	await engine.start();
	double.api.loaded.mockResolvedValue({ id: 'bundled:nano', name: 'Nano' } as LoadedModel);
	double.api.load.mockRejectedValueOnce(
		new OpenLedgerError('storage/full', 'The disk is full.', { remedy: 'Delete.' })
	);
	await expect(engine.models.use('hf:big')).rejects.toMatchObject({ code: 'storage/full' });
	expect(engine.models.load?.error?.code).toBe('storage/full');
	expect((await engine.models.ready()).id).toBe('bundled:nano');
	expect(JSON.parse(localStorage.getItem('openledger.preferences') ?? '{}').model).not.toBe('hf:big');
});

test('the base model works where the list of adapters cannot be read', async () => {
	const double = new Double();
	double.api.adapters.mockRejectedValue(
		new OpenLedgerError('storage/damaged', 'Unreadable.', { remedy: '' })
	);
	const engine = new Engine(double.connect);
	await engine.start();
	expect(engine.status).toBe('running');
	expect(engine.models.loaded?.id).toBe('bundled:nano');
	expect(engine.adapters.error?.code).toBe('storage/damaged');
});

test('stopping a reply does not wait for the model', async () => {
	const double = new Double();
	const engine = new Engine(double.connect);
	double.api.load.mockImplementationOnce(() => new Promise(() => undefined));
	void engine.start();
	const generation = new Generation(engine, request);
	const run = generation.run();
	await expect.poll(() => engine.status).toBe('running');
	await generation.stop();
	await run;
	expect(generation.phase).toBe('done');
	expect(generation.error).toBeUndefined();
	expect(double.api.generate).not.toHaveBeenCalled();
});
