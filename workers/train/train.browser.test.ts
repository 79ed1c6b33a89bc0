import { afterAll, expect, test } from 'vitest';
import { bonesPlan } from '#test/support/bones.ts';
import { seededRandom } from '#test/support/random.ts';
import { parseManifest } from '#workers/adapters/manifest.ts';
import { proxy, wrap, type Remote } from '#workers/comlink.ts';
import type { EngineApi } from '#workers/protocol.ts';
import type { TrainApi, TrainEvent } from './api.ts';

/** The workers that the app starts, with its files, in Chromium: OPFS, Web Locks, onnxruntime's wasm. */
const seed = Date.now() % 1e9;
console.log(`training in the browser: seed ${seed}`);
const random = seededRandom(seed);

const workers: Worker[] = [];
function startTraining(): { api: Remote<TrainApi>; kill: () => void } {
	const worker = new Worker(new URL('../train.worker.ts', import.meta.url), { type: 'module' });
	workers.push(worker);
	return { api: wrap<TrainApi>(worker), kill: () => worker.terminate() };
}
afterAll(() => workers.forEach((worker) => worker.terminate()));

const KILLS = 2;
/** Enough steps that there is one left to do after every kill. */
const planFor = (id: string) =>
	bonesPlan(`${id}-${seed}`, { hyperparameters: { steps: 2 * KILLS + 2, dropout: 0.1, distillation: 0.4 } });

/** The weights of a run, as those of the adapter it makes. */
async function weightsOf(api: Remote<TrainApi>, run: string): Promise<string | undefined> {
	const files = await api.export(run, { name: 'Bones' });
	const manifest = await files.find(({ name }) => name === 'openledger.json')?.text();
	return parseManifest(manifest ?? '').files['adapter_model.safetensors'];
}

let undisturbed: string | undefined;

test('twenty rows are learnt in a worker and the chat’s worker answers with what came of it', async () => {
	const { api, kill } = startTraining();
	const plan = planFor('whole');
	const events: TrainEvent[] = [];
	const summary = await api.start(
		plan,
		proxy((event) => void events.push(event))
	);
	expect(summary).toMatchObject({ state: 'finished', provider: 'wasm' });
	expect(summary.bestLoss).toBeLessThan(summary.baseLoss as number);
	expect(events.some(({ type }) => type === 'checkpoint')).toBe(true);
	undisturbed = await weightsOf(api, plan.id);
	const id = await api.save(plan.id, { name: 'Bones' });
	kill();

	const worker = new Worker(new URL('../engine.worker.ts', import.meta.url), { type: 'module' });
	workers.push(worker);
	const engine = wrap<EngineApi>(worker);
	await engine.load(
		{ id: 'bundled:nano', provider: 'wasm' },
		'load',
		proxy(() => undefined)
	);
	const adapter = (await engine.adapters()).find((entry) => entry.id === id);
	expect(adapter).toMatchObject({ name: 'Bones', fits: true });
	const reply = await engine.generate(
		{
			id: 'ask',
			conversation: 'bones',
			messages: [{ role: 'user', content: 'Where is the femur?' }],
			adapters: [{ id, weight: 1 }],
			sampling: { temperature: 0, topK: 0, topP: 1, minP: 0, repetitionPenalty: 1 },
			maxNewTokens: 24,
			stop: []
		},
		proxy(() => undefined)
	);
	expect(reply.text.length).toBeGreaterThan(3);
	worker.terminate();
}, 600_000);

test('a run whose worker is killed at random moments goes on where it was and ends with the same bits', async () => {
	const plan = planFor('killed');
	let kills = 0;
	for (let begun = false; ;) {
		const { api, kill } = startTraining();
		// Killed in the middle of the step after the next one or two, while there is something left to do.
		const dies = kills < KILLS ? 1 + Math.floor(random() * 2) : Infinity;
		const outcome = await new Promise<'killed' | 'finished'>((resolve, reject) => {
			let steps = 0;
			const onEvent = proxy((event: TrainEvent) => {
				begun ||= event.type === 'checkpoint';
				if (event.type !== 'step' || ++steps < dies) return;
				setTimeout(() => (kill(), resolve('killed')), 100 * random());
			});
			const work = begun ? api.resume(plan.id, onEvent) : api.start(plan, onEvent);
			work.then(() => resolve('finished'), reject);
		});
		if (outcome === 'finished') {
			expect(kills).toBe(KILLS);
			expect(await weightsOf(api, plan.id)).toBe(undisturbed);
			kill();
			return;
		}
		kills++;
		const { api: other, kill: killOther } = startTraining();
		await expect.poll(async () => (await other.run(plan.id)).state, { timeout: 60_000 }).toBe('interrupted');
		killOther();
	}
}, 600_000);
