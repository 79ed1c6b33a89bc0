import { expect, test } from 'vitest';
import { engines } from '#test/support/engines.ts';
import { openModel, type Values } from '#test/support/onnx/run-decoder.ts';
import { seededRandom } from '#test/support/random.ts';
import { accumulatorGraph, optimiserGraph, type OptimiserOptions } from './optimiser.ts';

const LENGTH = 50;
const RATE = 1e-2;
const DECAY = 0.1;
const MAX_NORM = 0.5;
const SCALE = 1 / 8;

const vector = (data: Float32Array): Values => ({ data: new Float32Array(data), dims: [data.length] });
const scalar = (value: number): Values => ({ data: Float32Array.of(value), dims: [] });

/** torch.optim.AdamW and torch.optim.SGD, written from their documentation, in float64. */
class Reference {
	readonly parameters: Float64Array;
	readonly #first = new Float64Array(LENGTH);
	readonly #second = new Float64Array(LENGTH);
	#step = 0;

	constructor(parameters: Float32Array) {
		this.parameters = Float64Array.from(parameters);
	}

	step({ kind, clip }: OptimiserOptions, sum: Float32Array, mask: Float32Array): number {
		this.#step++;
		const mean = Float64Array.from(sum, (value) => value * SCALE);
		const norm = Math.hypot(...mean);
		const factor = clip ? Math.min(1, MAX_NORM / (norm + 1e-6)) : 1;
		mean.forEach((value, i) => {
			const g = value * factor;
			let p = this.parameters[i] ?? 0;
			p -= RATE * DECAY * (mask[i] ?? 1) * p;
			const first = this.#first[i] ?? 0;
			if (kind === 'sgd') {
				this.#first[i] = 0.9 * first + g;
				this.parameters[i] = p - RATE * (this.#first[i] ?? 0);
				return;
			}
			this.#first[i] = 0.9 * first + 0.1 * g;
			this.#second[i] = 0.999 * (this.#second[i] ?? 0) + 0.001 * g * g;
			const unbiased = (this.#first[i] ?? 0) / (1 - 0.9 ** this.#step);
			const root = Math.sqrt((this.#second[i] ?? 0) / (1 - 0.999 ** this.#step));
			this.parameters[i] = p - (RATE * unbiased) / (root + 1e-8);
		});
		return norm;
	}
}

/** Scalars and state that a step takes besides parameters and gradient. */
const stepFeeds = (step: number): Record<string, Values> => ({
	gradient_scale: scalar(SCALE),
	learning_rate: scalar(RATE),
	weight_decay: scalar(DECAY),
	max_norm: scalar(MAX_NORM),
	correction1: scalar(1 / (1 - 0.9 ** step)),
	correction2: scalar(1 / (1 - 0.999 ** step))
});

test.each([
	['cpu', { kind: 'adamw' }],
	['cpu', { kind: 'adamw', clip: true, decayMask: true }],
	['wasm', { kind: 'adamw', clip: true }],
	['cpu', { kind: 'sgd', clip: true }],
	['wasm', { kind: 'sgd', decayMask: true }]
] as const)('steps as PyTorch does: %s %o', async (engine, options) => {
	const random = seededRandom(5);
	const draw = (scale: number) => Float32Array.from({ length: LENGTH }, () => (random() - 0.5) * scale);
	const start = draw(2);
	const mask = Float32Array.from(start, () => ('decayMask' in options && random() < 0.5 ? 0 : 1));
	const reference = new Reference(start);
	const session = await openModel(optimiserGraph(options), engines[engine]);
	let state: Record<'parameters' | 'moment1' | 'moment2', Float32Array> = {
		parameters: start,
		moment1: new Float32Array(LENGTH),
		moment2: new Float32Array(LENGTH)
	};
	for (let step = 1; step <= 12; step++) {
		// Some gradients are below the norm they are cut to and some above.
		const gradient = draw(step % 3 ? 8 : 0.5);
		const norm = reference.step(options, gradient, mask);
		const out = await session.run({
			...stepFeeds(step),
			...Object.fromEntries(Object.entries(state).map(([name, data]) => [name, vector(data)])),
			gradient: vector(gradient),
			decay: vector(mask)
		});
		const next = (name: string) => (out[`${name}_next`]?.data ?? new Float32Array(LENGTH)) as Float32Array;
		state = { parameters: next('parameters'), moment1: next('moment1'), moment2: next('moment2') };
		expect(out.norm?.data[0]).toBeCloseTo(norm, 4);
	}
	await session.close();
	const apart = reference.parameters.map((value, i) => Math.abs(value - (state.parameters[i] ?? NaN)));
	expect(Math.max(...apart)).toBeLessThan(2e-6);
});

test.each([NaN, Infinity, 3e38])(
	'a gradient that holds %d changes nothing and is told by its norm',
	async (bad) => {
		const session = await openModel(optimiserGraph({ kind: 'adamw', clip: true }), engines.wasm);
		const [parameters, moments] = [new Float32Array(LENGTH).fill(1), new Float32Array(LENGTH).fill(0.5)];
		const gradient = new Float32Array(LENGTH).fill(0.1);
		gradient[7] = bad;
		const out = await session.run({
			...stepFeeds(1),
			...{ parameters: vector(parameters), gradient: vector(gradient) },
			...{ moment1: vector(moments), moment2: vector(moments) }
		});
		await session.close();
		expect(Number.isFinite(out.norm?.data[0])).toBe(false);
		expect(out.parameters_next?.data).toEqual(parameters);
		expect(out.moment1_next?.data).toEqual(moments);
		expect(out.moment2_next?.data).toEqual(moments);
	}
);

test('gradients of several batches add up', async () => {
	const session = await openModel(accumulatorGraph(), engines.cpu);
	const out = await session.run({
		sum: vector(Float32Array.of(1, 2)),
		gradient: vector(Float32Array.of(3, -1))
	});
	await session.close();
	expect(out.sum_next?.data).toEqual(Float32Array.of(4, 1));
});
