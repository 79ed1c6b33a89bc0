import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { boneRows as rows, bonesPlan } from '#test/support/bones.ts';
import { shallowNano } from '#test/support/shallow-nano.ts';
import { serve } from '../../.ci/serve.mjs';
import { parseManifest } from '#workers/adapters/manifest.ts';
import { Engine } from '#workers/engine/engine.ts';
import { OpenLedgerError } from '#workers/errors.ts';
import { MemoryFolder } from '#workers/models/store/memory-folder.ts';
import type { TrainEvent, TrainingPlan, TrainingRow } from './api.ts';
import { MODULES } from './hyperparameters.ts';
import { repeatedPlan } from './repeat.ts';
import { TrainService } from './service.ts';

/** The real service in Node on the wasm kernels, with what the app ships served as a static host would. */
let host: Awaited<ReturnType<typeof serve>>;
let appUrl: string;
const folder = new MemoryFolder();
let service: TrainService;

beforeAll(async () => {
	// On one thread: several wait for each other by spinning, the longer the busier the machine is.
	vi.spyOn(navigator, 'hardwareConcurrency', 'get').mockReturnValue(1);
	host = await serve({ directory: new URL('../../static', import.meta.url).pathname });
	appUrl = `${host.url}/`;
	service = new TrainService({ folder, appUrl });
}, 60_000);
afterAll(() => host.close());

let count = 0;
const planFor = (change: Partial<TrainingPlan> = {}) =>
	bonesPlan(`run-${++count}`, { prompts: ['What is the femur?'], ...change });

/** Starts a run and gathers what it tells. */
async function train(plan: TrainingPlan, onEvent: (event: TrainEvent) => void = () => undefined) {
	const events: TrainEvent[] = [];
	const summary = await service.start(plan, (event) => {
		events.push(structuredClone(event));
		onEvent(event);
	});
	return { summary, events };
}
/** Takes settings out of what is stored of a run. */
async function forgetSettings(id: string, names: string[]): Promise<void> {
	const plan = await folder.openToWrite(`runs/${id}.plan`);
	const file = JSON.parse(new TextDecoder().decode(plan.read(0, plan.size))) as {
		hyperparameters: Record<string, unknown>;
	};
	for (const name of names) {
		expect(file.hyperparameters).toHaveProperty(name);
		delete file.hyperparameters[name];
	}
	const bytes = new TextEncoder().encode(JSON.stringify(file));
	plan.write(0, bytes);
	plan.truncate(bytes.length);
	plan.close();
}

const of = <T extends TrainEvent['type']>(events: TrainEvent[], type: T) =>
	events.filter((event): event is Extract<TrainEvent, { type: T }> => event.type === type);

describe('a run', () => {
	test('learns, tells how it goes, and its adapter answers in the chat', async () => {
		const plan = planFor();
		const { summary, events } = await train(plan);
		const steps = of(events, 'step');
		expect(summary).toMatchObject({
			id: plan.id,
			state: 'finished',
			step: steps.length,
			steps: steps.length
		});
		expect(steps.map(({ step }) => step)).toEqual(steps.map((_, i) => i + 1));
		expect(summary.bestLoss).toBeLessThan((summary.baseLoss as number) - 0.2);
		expect(steps.at(-1)?.secondsLeft).toBe(0);
		expect(steps.at(-1)?.tokensPerSecond).toBeGreaterThan(1);
		expect(of(events, 'validation').length).toBe(4);
		expect(of(events, 'sample').map(({ prompt }) => prompt)).toEqual(
			Array.from({ length: 4 }, () => plan.prompts[0])
		);
		expect(of(events, 'sample').at(-1)?.text).not.toBe(of(events, 'sample')[0]?.text);
		const detail = await service.run(plan.id);
		expect(detail.curve.map(({ loss }) => loss)).toEqual(steps.map(({ loss }) => loss));
		expect(detail.validation.map(({ loss }) => loss)).toEqual(
			of(events, 'validation').map(({ loss }) => loss)
		);
		expect((await service.runs()).map(({ id }) => id)).toContain(plan.id);

		const id = await service.save(plan.id, { name: 'Bones', author: 'A. N. Other' });
		const saved = await service.run(plan.id);
		expect(saved.adapter).toBe(id);
		expect(saved.kept).toEqual([{ adapter: id, at: saved.bestStep }]);
		const engine = new Engine({ folder, appUrl });
		await engine.load({ id: 'bundled:nano', provider: 'wasm' }, 'load', () => undefined);
		const entry = (await engine.adapters()).find((adapter) => adapter.id === id);
		expect(entry).toMatchObject({ name: 'Bones', author: 'A. N. Other', fits: true, rank: 4 });
		const ask = (adapters: { id: string; weight: number }[]) =>
			engine.generate(
				{
					id: `ask-${adapters.length}`,
					conversation: `c-${adapters.length}`,
					messages: [{ role: 'user', content: 'What is the femur?' }],
					adapters,
					sampling: { temperature: 0, topK: 0, topP: 1, minP: 0, repetitionPenalty: 1 },
					maxNewTokens: 48,
					stop: []
				},
				() => undefined
			);
		// The last sample was made by the best weights where the last validation was the best.
		const reply = (await ask([{ id, weight: 1 }])).text;
		expect(reply).not.toBe((await ask([])).text);
		if (summary.bestStep === summary.step) expect(reply.trim()).toBe(of(events, 'sample').at(-1)?.text);
	}, 180_000);

	test('that waits for another is stopped at once', async () => {
		const running = (plan: TrainingPlan) => {
			const begun = Promise.withResolvers<undefined>();
			let over = false;
			const summary = train(plan, ({ type }) => type === 'step' && begun.resolve(undefined)).finally(
				() => (over = true)
			);
			return { begun: begun.promise, summary, isOver: () => over };
		};
		const plan = planFor({ prompts: [] });
		const first = running(plan);
		await first.begun;
		const fresh = planFor();
		const waiting = train(fresh);
		await service.runs();
		await service.stop(fresh.id);
		await expect(waiting).rejects.toMatchObject({ code: 'aborted' });
		expect(first.isOver()).toBe(false);
		await expect(service.run(fresh.id)).rejects.toMatchObject({ code: 'train/not-found' });
		await service.pause(plan.id);
		expect((await first.summary).summary.state).toBe('paused');

		const other = planFor({ prompts: [] });
		const second = running(other);
		await second.begun;
		const resumed = service.resume(plan.id, () => undefined);
		await service.runs();
		await service.stop(plan.id);
		expect(await resumed).toMatchObject({ id: plan.id, state: 'stopped' });
		expect(second.isOver()).toBe(false);
		await service.stop(other.id);
		expect((await second.summary).summary.state).toBe('stopped');
	}, 60_000);

	test('goes on from an adapter, whose origin the new one keeps; stopped, it keeps what it had', async () => {
		const [parent] = (await service.runs()).filter(({ adapter }) => adapter !== undefined);
		const plan = planFor({
			continueFrom: parent?.adapter,
			prompts: [],
			sources: [{ name: 'More bones', rows: rows.slice(5) }],
			hyperparameters: { rank: 64, batchTokens: 128, epochs: 30, validateEvery: 2 }
		});
		const { summary, events } = await train(plan, (event) => {
			if (event.type === 'validation' && event.step > 0) void service.stop(plan.id);
		});
		expect(summary).toMatchObject({
			state: 'stopped',
			step: 2,
			hyperparameters: { rank: 4, targetModules: ['q_proj', 'v_proj'] }
		});
		// It begins where the other ended, so below the base.
		expect(of(events, 'validation')[0]?.loss).toBeLessThan(summary.baseLoss as number);
		const files = await service.export(plan.id, { name: 'More bones' });
		const manifest = parseManifest(
			(await files.find(({ name }) => name === 'openledger.json')?.text()) ?? ''
		);
		const known = await new Engine({ folder, appUrl }).adapters();
		const before = known.find(({ id }) => id === parent?.adapter);
		expect(manifest.lineage).toEqual([
			{
				sha256: parent?.adapter,
				weights: before?.files.weights,
				name: 'Bones',
				datanets: [{ name: 'Bones', rows: 20 }]
			}
		]);
		expect(manifest.evaluation?.lossBefore).toBe(summary.baseLoss);

		// As it lies on a device since before these settings were there: it goes on all the same.
		await forgetSettings(plan.id, ['distillation', 'reword', 'recompute']);
		const resumed: number[] = [];
		await service.resume(plan.id, (event) => {
			if (event.type !== 'step') return;
			resumed.push(event.step);
			void service.pause(plan.id);
		});
		expect(resumed).toEqual([3]);
		expect((await service.run(plan.id)).hyperparameters).toMatchObject({ distillation: 0, reword: false });
	}, 180_000);

	test('is compared with its base side by side', async () => {
		const [run] = (await service.runs()).filter(({ adapter }) => adapter !== undefined);
		const told: string[] = [];
		const options = { rows: 5, prompts: ['What is the skull?'] };
		const evaluation = await service.evaluate(
			run?.id ?? '',
			options,
			'evaluate',
			({ prompt }) => void told.push(prompt)
		);
		expect(evaluation.rows).toBe(2);
		expect(evaluation.adapterPerplexity).toBeLessThan(evaluation.basePerplexity);
		expect(evaluation.replies.map(({ prompt }) => prompt)).toEqual(told);
		const [row, , own] = evaluation.replies;
		expect(row?.expected).toMatch(/bone number|At place/);
		expect(row?.base).not.toBe(row?.adapter);
		expect(own).toMatchObject({ prompt: 'What is the skull?' });
		expect(own?.scores).toBeUndefined();
		const scores = evaluation.replies.flatMap((reply) => reply.scores ?? []);
		expect(scores).toHaveLength(2);
		expect(evaluation.rougeL.adapter).toBeCloseTo(
			((scores[0]?.adapter ?? 0) + (scores[1]?.adapter ?? 0)) / 2
		);
	}, 120_000);

	test('is told beforehand how long it takes and how much memory', async () => {
		const plan = planFor({ prompts: [] });
		const estimate = await service.estimate(plan, 'estimate', () => undefined);
		expect(estimate).toMatchObject({ fits: true, provider: 'wasm', rows: { training: 18, validation: 2 } });
		expect(estimate.seconds).toBeGreaterThan(0);
		expect(estimate.adapterBytes).toBe(4 * estimate.parameters);
		await expect(service.run(plan.id)).rejects.toMatchObject({ code: 'train/not-found' });
	}, 120_000);

	test.each([
		{
			what: 'steps, checks and sample replies',
			prompts: ['What is the femur?', 'What is the skull?'],
			change: {}
		},
		{
			what: 'larger steps from a teacher, no replies',
			prompts: [],
			change: { rank: 16, batchTokens: 512, targetModules: MODULES, distillation: 0.4 }
		}
	])(
		'takes the time that it told, within 30 %: $what',
		{ timeout: 180_000, retry: 2 },
		async ({ prompts, change }) => {
			// Of the processor, in milliseconds: what else runs on this machine counts neither before nor after.
			const clock = vi.spyOn(performance, 'now').mockImplementation(() => {
				const { user, system } = process.cpuUsage();
				return (user + system) / 1000;
			});
			try {
				const plan = planFor({ prompts, hyperparameters: { epochs: 2, ...change } });
				let told = NaN;
				let began = NaN;
				await train(plan, (event) => {
					if (event.type !== 'ready') return;
					told = event.estimate.seconds;
					began = performance.now();
				});
				const took = (performance.now() - began) / 1000;
				// Others still take caches and memory away, now more, now less: so it is asked again, and held against both.
				const { seconds: again } = await service.estimate(
					planFor({ ...plan, id: 'again' }),
					'again',
					() => undefined
				);
				console.log(
					`told ${told.toFixed(1)} s, took ${took.toFixed(1)} s, told ${again.toFixed(1)} s afterwards`
				);
				expect(took).toBeGreaterThan(0.5);
				expect(Math.max(told, again) / took).toBeGreaterThan(0.7);
				expect(Math.min(told, again) / took).toBeLessThan(1.3);
			} finally {
				clock.mockRestore();
			}
		}
	);
});

/** What does not depend on how much is learnt, on one layer of eight. */
describe('a run on a shallow model', () => {
	const { directory, remove } = shallowNano();
	const shallow = new MemoryFolder();
	let host: Awaited<ReturnType<typeof serve>>;
	let before: TrainService;

	beforeAll(async () => {
		host = await serve({ directory });
		before = service;
		service = new TrainService({ folder: shallow, appUrl: `${host.url}/` });
	});
	afterAll(async () => {
		service = before;
		await host.close();
		remove();
	});

	test('with the same inputs gives the same adapter, bit for bit, though it was paused and its tab closed; with another seed another', async () => {
		const hyperparameters = { ...planFor().hyperparameters, steps: 3, dropout: 0.1, distillation: 0.4 };
		const resultOf = async (run: string) => {
			const files = await service.export(run, { name: 'Bones' });
			const manifest = await files.find(({ name }) => name === 'openledger.json')?.text();
			return parseManifest(manifest ?? '');
		};
		const plan = planFor({ hyperparameters, prompts: [] });
		await train(plan);
		const one = await resultOf(plan.id);

		// A second person, with the rows in another order.
		const again = planFor({
			hyperparameters,
			prompts: [],
			sources: [{ name: 'Bones', datanet: 'bones', licence: 'CC0-1.0', rows: [...rows].reverse() }]
		});
		const { summary } = await train(again, ({ type }) => {
			if (type === 'step') void service.pause(again.id);
		});
		expect(summary).toMatchObject({ state: 'paused', step: 1 });
		service = new TrainService({ folder: shallow, appUrl: `${host.url}/` });
		const resumed: number[] = [];
		const finished = await service.resume(again.id, (event) => {
			if (event.type === 'step') resumed.push(event.step);
		});
		expect(finished.state).toBe('finished');
		expect(resumed).toEqual(Array.from({ length: finished.steps - 1 }, (_, i) => i + 2));
		expect(await resultOf(again.id)).toEqual(one);
		await expect(service.compare(again.id)).rejects.toMatchObject({ code: 'train/unsupported' });
		const { curve } = await service.run(again.id);
		expect(curve.map(({ loss }) => loss)).toEqual((await service.run(plan.id)).curve.map(({ loss }) => loss));

		expect(one).toMatchObject({
			base: { id: 'openledger/nano' },
			datanets: [{ name: 'Bones', id: 'bones', rows: 20, licence: 'CC0-1.0' }],
			hyperparameters: { rank: 4, preset: 'quick', targetModules: 'q_proj v_proj' },
			evaluation: { heldOutRows: 2 },
			training: { seed: 11, provider: 'wasm' }
		});
		expect(one.datanets[0]?.rowIds).toEqual(rows.map(({ id }) => id).sort());
		const third = planFor({ hyperparameters: { ...hyperparameters, steps: 2 }, prompts: [], seed: 12 });
		await train(third);
		expect((await resultOf(third.id)).files).not.toEqual(one.files);
	}, 300_000);

	test('is made again from its manifest, and told to be the same or not', async () => {
		const plan = planFor({ hyperparameters: { steps: 3 }, prompts: [] });
		await train(plan);
		const files = await service.export(plan.id, { name: 'Bones' });
		const text = (await files.find(({ name }) => name === 'openledger.json')?.text()) ?? '';
		const { rowIds, ...decided } = repeatedPlan(parseManifest(text));
		expect(rowIds).toEqual(rows.map(({ id }) => id).sort());
		const again = { ...planFor({ prompts: [] }), ...decided };
		await train(again);
		expect((await service.run(again.id)).repeats).toBe('Bones');
		const { same, sha256, expected, loss, expectedLoss } = await service.compare(again.id);
		expect([same, sha256, loss]).toEqual([true, expected, expectedLoss]);

		// One row is another.
		const [first, ...others] = rows;
		const content = { kind: 'pair', prompt: 'What is the femur?', response: 'Something else.' } as const;
		const changed = [{ id: first?.id ?? '', content }, ...others];
		const other = { ...again, id: `${again.id}-other`, sources: [{ name: 'Bones', rows: changed }] };
		await train(other);
		expect(await service.compare(other.id)).toMatchObject({ same: false, expected });

		const { distillation, reword, ...earlier } = parseManifest(text).hyperparameters;
		expect([distillation, reword]).not.toContain(undefined);
		const before = { ...parseManifest(text), hyperparameters: earlier };
		expect(repeatedPlan(before).hyperparameters).toMatchObject({ distillation: 0, reword: false });
		const elsewhere = { ...parseManifest(text), hyperparameters: { rank: 8 } };
		expect(() => repeatedPlan(elsewhere)).toThrow(/does not say all of its settings/);
		const manifest = parseManifest(text);
		const base = { id: 'other', sha256: ['0'.repeat(64)] };
		const wrong = { ...planFor(), repeats: { ...manifest, base } };
		await expect(train(wrong)).rejects.toMatchObject({ code: 'adapter/wrong-base' });
	}, 300_000);

	test('a learning rate that diverges ends the run, which says so and keeps what it had', async () => {
		const plan = planFor({
			prompts: [],
			hyperparameters: {
				targetModules: MODULES,
				learningRate: 1,
				schedule: 'constant',
				clip: 0,
				warmup: 0,
				epochs: 10
			}
		});
		const error = await service.start(plan, () => undefined).catch((thrown: unknown) => thrown);
		expect(error).toBeInstanceOf(OpenLedgerError);
		expect(error).toMatchObject({
			code: 'train/diverged',
			remedy: expect.stringContaining('lower learning rate') as string
		});
		const detail = await service.run(plan.id);
		expect(detail).toMatchObject({ state: 'failed', reason: (error as OpenLedgerError).message });
		expect(Number.isFinite(detail.bestLoss)).toBe(true);
		const files = await service.export(plan.id, { name: 'Saved' });
		expect(files.map(({ name }) => name)).toContain('adapter_model.safetensors');
	}, 180_000);
});

describe('bad input', () => {
	const refused = (change: Partial<TrainingPlan>) => service.start(planFor(change), () => undefined);
	test('an empty Datanet', async () => {
		await expect(refused({ sources: [{ name: 'Empty', rows: [] }] })).rejects.toMatchObject({
			code: 'train/no-rows'
		});
	});
	test('settings that make no sense', async () => {
		await expect(refused({ hyperparameters: { rank: 0 } })).rejects.toMatchObject({
			code: 'train/bad-settings'
		});
	});
	test('memory that will not fit is said before the start', async () => {
		const long: TrainingRow = {
			id: 'long',
			content: { kind: 'passage', text: 'The femur is a bone. '.repeat(12_000) }
		};
		const plan = planFor({
			sources: [{ name: 'Long', rows: [long] }],
			hyperparameters: { batchTokens: 65_536, maxLength: 512, packing: false }
		});
		const estimate = await service.estimate(plan, 'estimate', () => undefined);
		expect(estimate).toMatchObject({
			fits: false,
			reason: expect.stringContaining('MB of memory') as string
		});
		await expect(service.start(plan, () => undefined)).rejects.toMatchObject({ code: 'train/too-large' });
		await expect(service.run(plan.id)).rejects.toMatchObject({ code: 'train/not-found' });
	}, 60_000);
});
