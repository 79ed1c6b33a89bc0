import { beforeAll, describe, expect, test } from 'vitest';
import { decoderModel } from '#test/support/onnx/decoder-model.ts';
import { Ort } from '#workers/runtime/ort.ts';
import { freshParameters } from './adapter.ts';
import type { Hyperparameters } from './hyperparameters.ts';
import type { Learner } from './learner/learner.ts';
import { WasmLearner } from './learner/wasm-learner.ts';
import { presetFor } from './presets.ts';
import type { MicroBatch } from './rows/batches.ts';
import { collate } from './rows/collate.ts';
import { IGNORED, type Sample } from './rows/encode.ts';
import { StepPlan } from './rows/step-plan.ts';
import { Trainer, type TrainerSink } from './trainer.ts';

/** A decoder of one layer with random weights, on the wasm kernels: small enough to train in a test. */
const VOCAB = 96;
const facts = { rows: 30, tokens: 300, longest: 12, hidden: 64, contextLength: 64, gpu: false };
const settings: Hyperparameters = {
	...presetFor('quick', facts),
	rank: 4,
	alpha: 8,
	distillation: 0,
	learningRate: 0.02,
	batchTokens: 64,
	epochs: 3,
	patience: 0
};

let ort: Ort;
beforeAll(async () => {
	ort = await Ort.start({ build: 'wasm', threads: 1 });
});
const learnerFor = (change: Partial<Hyperparameters> = {}) =>
	WasmLearner.create(
		ort,
		{ model: decoderModel({ layers: 1 }), sources: new Map() },
		{ ...settings, ...change }
	);

function sampleOf(seed: number): Sample {
	const ids = Int32Array.from({ length: 5 + (seed % 7) }, (_, i) => (seed * 13 + i * i * 5 + i) % VOCAB);
	return { ids, targets: Int32Array.from(ids, (_, i) => (i > 1 ? (ids[i + 1] ?? IGNORED) : IGNORED)) };
}
const samples = Array.from({ length: 24 }, (_, i) => sampleOf(i + 1));

async function start(
	learner: Learner,
	change: Partial<Hyperparameters>,
	sink: Partial<TrainerSink>,
	signal?: AbortSignal
) {
	const all = { ...settings, ...change };
	const zeros = () => new Float32Array(learner.layout.length);
	const nothing = () => Promise.resolve();
	const trainer = new Trainer({
		learner,
		settings: all,
		seed: 4,
		plan: new StepPlan(
			samples.map(({ ids }) => ids.length),
			all,
			4
		),
		training: samples,
		// Other rows altogether: learning these ones by heart makes them worse.
		validation: Array.from({ length: 6 }, (_, i) => sampleOf(100 + i)),
		state: {
			progress: { step: 0, tokens: 0, seconds: 0, worse: 0 },
			vectors: { parameters: freshParameters(learner.layout, 1), mean: zeros(), variance: zeros() }
		},
		signal: signal ?? new AbortController().signal,
		sink: { step: nothing, validation: nothing, checkpoint: nothing, rest: nothing, ...sink }
	});
	return trainer.train();
}

/** Loss and gradient norm of some micro-batches taken as one step. */
async function stepOver(
	batches: MicroBatch[]
): Promise<{ loss: number; norm: number; parameters: Float32Array }> {
	const learner = await learnerFor();
	const zeros = () => new Float32Array(learner.layout.length);
	const parameters = freshParameters(learner.layout, 1);
	// B must not be 0, or A has no gradient.
	for (let i = 0; i < parameters.length; i++) parameters[i] = (parameters[i] as number) + 0.02 * Math.sin(i);
	await learner.load({ parameters, mean: zeros(), variance: zeros() });
	let loss = 0;
	for (const batch of batches) loss += (await learner.accumulate(collate(batch, samples), 0)).sum;
	const norm = await learner.update({ step: 1, learningRate: 0.01 });
	const after = (await learner.save()).parameters;
	await learner.dispose();
	return { loss, norm, parameters: after };
}

describe('batches', () => {
	test('rows that share a sequence are learnt as if each were alone, and several micro-batches as if they were one', async () => {
		const widest = Math.max(...[0, 1, 2, 3].map((i) => samples[i]?.ids.length ?? 0));
		const alone = await stepOver([{ width: widest, sequences: [[0], [1], [2], [3]] }]);
		const packed = await stepOver([
			{
				width: 2 * widest,
				sequences: [
					[2, 0],
					[3, 1]
				]
			}
		]);
		const split = await stepOver([
			{ width: widest, sequences: [[0], [1]] },
			{ width: widest + 3, sequences: [[2], [3]] }
		]);
		for (const other of [packed, split]) {
			expect(other.loss).toBeCloseTo(alone.loss, 3);
			expect(other.norm / alone.norm).toBeCloseTo(1, 4);
		}
		expect(alone.loss).toBeGreaterThan(10);
		expect(alone.norm).toBeGreaterThan(0.01);
	});
});

describe('a trainer', () => {
	test('ends early when the held-back rows have got worse often enough', async () => {
		const learner = await learnerFor();
		const losses: number[] = [];
		const end = await start(
			learner,
			{ epochs: 200, patience: 3 },
			{ validation: async ({ loss }) => void losses.push(loss) }
		);
		expect(end).toBe('early');
		const best = losses.indexOf(Math.min(...losses));
		expect(losses.length - 1 - best).toBe(3);
		await learner.dispose();
	});

	test('that is to pause drops the step under way and hands over the state before it', async () => {
		const learner = await learnerFor();
		const controller = new AbortController();
		const steps: number[] = [];
		const checkpoints: number[] = [];
		const end = await start(
			learner,
			{ accumulation: 4 },
			{
				step: async ({ step }) => {
					steps.push(step);
					// While the next step is computing.
					if (step === 2) setTimeout(() => controller.abort());
				},
				checkpoint: async ({ progress }) => void checkpoints.push(progress.step)
			},
			controller.signal
		);
		expect(end).toBe('paused');
		expect(checkpoints.at(-1)).toBe(steps.at(-1));
		await learner.dispose();
	});

	test('takes a share of each target from what the base expects: before the first step the gradient is that much shorter', async () => {
		const normsOf = async (distillation: number) => {
			const learner = await learnerFor({ distillation });
			const norms: number[] = [];
			const losses: number[] = [];
			const change = { distillation, epochs: 1, clip: 0 };
			await start(learner, change, {
				step: async ({ gradientNorm, loss }) => void (norms.push(gradientNorm), losses.push(loss))
			});
			await learner.dispose();
			return { first: norms[0] as number, loss: losses[0] as number };
		};
		const [plain, taught] = [await normsOf(0), await normsOf(0.4)];
		// q = (1 − s) · label + s · p at the base's own p: the gradient p − q is (1 − s)(p − label).
		expect(taught.first / plain.first).toBeCloseTo(0.6, 4);
		expect(taught.loss).toBeCloseTo(plain.loss, 5);
	});

	test('learns: the loss of its rows falls', async () => {
		const learner = await learnerFor({ dropout: 0.1 });
		const losses: number[] = [];
		const end = await start(
			learner,
			{ epochs: 12, dropout: 0.1 },
			{ step: async ({ loss }) => void losses.push(loss) }
		);
		expect(end).toBe('finished');
		expect(losses.at(-1)).toBeLessThan((losses[0] as number) - 1);
		await learner.dispose();
	});
});

test('a base that cannot be trained is refused with the operator and why', async () => {
	const model = decoderModel({ layers: 1 });
	const sigmoid = [...model.graph.nodes].find(({ opType }) => opType === 'Sigmoid');
	if (!sigmoid) throw new Error('no activation to change');
	model.graph.removeNode(sigmoid);
	model.graph.node('HardSwish', sigmoid.inputs, sigmoid.outputs);
	await expect(WasmLearner.create(ort, { model, sources: new Map() }, settings)).rejects.toMatchObject({
		code: 'onnx/unsupported',
		message: expect.stringContaining('HardSwish') as string
	});
});
