import { expect, test } from 'vitest';
import { Crash, CrashFolder } from '#test/support/crash-folder.ts';
import { seededRandom } from '#test/support/random.ts';
import { MemoryFolder } from '#workers/models/store/memory-folder.ts';
import type { Folder } from '#workers/models/store/folder.ts';
import type { RunFile, RunRecord } from './records.ts';
import type { TrainingPlan } from '../api.ts';
import type { Prepared } from '../prepare.ts';
import type { Session } from '../session.ts';
import { work as train, type Control } from '../work.ts';
import { RunStore } from './run-store.ts';
import { decodeState, encodeState, type TrainingState } from './training-state.ts';

const seed = 20261121;

function fileFor(id: string): RunFile {
	return {
		format: 'openledger-run/1',
		plan: {
			id,
			name: 'Bones',
			base: 'bundled:nano',
			sources: [],
			preset: 'quick',
			prompts: [],
			seed: 1,
			provider: 'wasm'
		},
		hyperparameters: {} as RunFile['hyperparameters'],
		provider: 'wasm',
		steps: 40,
		rows: {} as RunFile['rows'],
		base: { name: 'Nano', sha256: 'a'.repeat(64) },
		started: 1
	};
}
const point = (step: number): RunRecord => ({
	step: { step, epoch: 0, loss: 3 / step, learningRate: 1e-3, gradientNorm: 1 }
});
const stateAt = (step: number): TrainingState => ({
	progress: { step, tokens: 10 * step, seconds: step, worse: 0 },
	vectors: {
		parameters: Float32Array.from({ length: 50 }, (_, i) => Math.sin(step + i)),
		mean: new Float32Array(50).fill(step),
		variance: new Float32Array(50)
	}
});

test('a state comes back bit by bit', () => {
	const state = stateAt(7);
	state.vectors.parameters.set([-0, 1e-45, 3.4e38, Math.fround(0.1)]);
	const back = decodeState(encodeState(state));
	expect(back.progress).toEqual(state.progress);
	for (const name of ['parameters', 'mean', 'variance'] as const)
		expect(Buffer.from(back.vectors[name].buffer).equals(Buffer.from(state.vectors[name].buffer))).toBe(true);
});

/** Ten steps with a checkpoint at every other one, as a run writes them. */
async function work(folder: Folder, reached: (step: number) => void): Promise<void> {
	const store = new RunStore(folder);
	await store.create(fileFor('crash'));
	await store.append('crash', [{ from: 0 }, { state: 'running', seconds: 0 }]);
	for (let step = 1; step <= 10; step++) {
		await store.append('crash', [point(step)]);
		if (step % 2 > 0) continue;
		await store.writeCheckpoint('crash', 'state', step, encodeState(stateAt(step)));
		reached(step);
	}
}

test(`after a crash at any point the last acknowledged checkpoint or a later one is there, and whole (seed ${seed})`, async () => {
	const dry = new CrashFolder();
	await work(dry, () => undefined);
	expect(dry.changes).toBeGreaterThan(40);
	const random = seededRandom(seed);
	for (let crashAt = 1; crashAt <= dry.changes; crashAt++) {
		const folder = new CrashFolder(crashAt);
		let reached = 0;
		await expect(work(folder, (step) => (reached = step))).rejects.toBeInstanceOf(Crash);
		const context = `seed ${seed}, crash at change ${crashAt}`;
		const after = new RunStore(await folder.restart(random));
		const checkpoint = await after.readCheckpoint('crash', 'state');
		expect(checkpoint?.step ?? 0, context).toBeGreaterThanOrEqual(reached);
		const step = checkpoint?.step ?? 0;
		if (checkpoint) expect(decodeState(checkpoint.bytes), context).toEqual(stateAt(step));
		if ((await after.list()).length === 0) continue;
		// It goes on there: what the log told of later steps is gone.
		await after.append('crash', [{ from: step }, { state: 'running', seconds: step }, point(step + 1)]);
		const { curve, state } = await after.detail('crash');
		expect(
			curve.map((at) => at.step),
			context
		).toEqual(Array.from({ length: step + 1 }, (_, i) => i + 1));
		expect(state, context).toBe('interrupted');
	}
}, 60_000);

test('a run that begins anew says everything once, and one that was stored twice is read once', async () => {
	const store = new RunStore(new MemoryFolder());
	const file = fileFor('anew');
	const plan: TrainingPlan = { ...file.plan, prompts: ['Who?'] };
	await store.create({ ...file, plan });
	/** Until it has answered before its first step. */
	const begin = async (text: string) => {
		const stop = new AbortController();
		const session = {
			learner: { load: () => Promise.resolve(), save: () => Promise.resolve(stateAt(0).vectors) },
			asking: (_: unknown, use: (ask: () => Promise<string>) => Promise<void>) =>
				use(() => (stop.abort(), Promise.resolve(text)))
		} as unknown as Session;
		const prepared = {
			settings: { distillation: 0 },
			training: [],
			validation: [],
			steps: { steps: 40 }
		} as unknown as Prepared;
		const control: Control = { signal: stop.signal, wanted: 'paused', end: () => undefined };
		return train({
			plan,
			prepared,
			session,
			state: stateAt(0),
			runs: store,
			control,
			onEvent: () => undefined
		});
	};
	await begin('first');
	await store.append('anew', [{ validation: { step: 0, loss: 4, best: true } }]);
	const { samples, validation } = await begin('second');
	expect(samples).toEqual([{ step: 0, prompt: 'Who?', text: 'second' }]);
	expect(validation).toEqual([]);

	await store.append('anew', [{ from: 0 }, { sample: { step: 0, prompt: 'Who?', text: 'third' } }]);
	const read = await store.detail('anew');
	expect(read.samples).toEqual([{ step: 0, prompt: 'Who?', text: 'third' }]);
	expect(read.checkpoint).toBeUndefined();
});

test('an interrupted run says from which step it goes on', async () => {
	const store = new RunStore(new MemoryFolder());
	await store.create(fileFor('one'));
	await store.append('one', [{ from: 0 }, { state: 'running', seconds: 0 }, point(1), point(2), point(3)]);
	expect(await store.detail('one')).toMatchObject({ state: 'interrupted', step: 3, checkpoint: 0 });
	await store.writeCheckpoint('one', 'state', 2, encodeState(stateAt(2)));
	expect(await store.detail('one')).toMatchObject({ step: 3, checkpoint: 2 });
	// The one before is kept; the newest counts.
	await store.writeCheckpoint('one', 'state', 3, encodeState(stateAt(3)));
	expect(await store.detail('one')).toMatchObject({ step: 3, checkpoint: 3 });
});

test('a damaged checkpoint is passed over for the one before it', async () => {
	const folder = new MemoryFolder();
	const store = new RunStore(folder);
	await store.create(fileFor('one'));
	for (const step of [2, 4, 6]) await store.writeCheckpoint('one', 'state', step, encodeState(stateAt(step)));
	const names = (await folder.names('runs')).filter((name) => name.includes('.state.'));
	expect(names).toHaveLength(2);
	const newest = names.find((name) => name.includes('.state.6.')) ?? '';
	const file = await folder.openToWrite(`runs/${newest}`);
	file.write(400, Uint8Array.of(1, 2, 3));
	file.close();
	expect((await store.readCheckpoint('one', 'state'))?.step).toBe(4);
});

test('runs are listed newest first, told as running only while they are worked on, and go without a trace', async () => {
	const folder = new MemoryFolder();
	const store = new RunStore(folder);
	await store.create(fileFor('one'));
	await store.create({ ...fileFor('one-2'), started: 2 });
	await store.writeCheckpoint('one-2', 'best', 3, encodeState(stateAt(3)));
	await expect(store.create(fileFor('one'))).rejects.toMatchObject({ code: 'train/bad-settings' });
	await expect(store.create(fileFor('../one'))).rejects.toMatchObject({ code: 'train/bad-settings' });
	expect((await store.list()).map(({ id, state }) => [id, state])).toEqual([
		['one-2', 'interrupted'],
		['one', 'interrupted']
	]);
	const release = await store.lock('one');
	expect((await store.detail('one')).state).toBe('running');
	expect(await store.lock('one')).toBeUndefined();
	await release?.();
	await store.remove('one');
	expect(await folder.names('runs')).not.toEqual([]);
	await store.remove('one-2');
	expect(await folder.names('runs')).toEqual([]);
	await expect(store.detail('one')).rejects.toMatchObject({ code: 'train/not-found' });
});
