import jspiMjs from 'onnxruntime-web/ort-wasm-simd-threaded.jspi.mjs?url';
import jspiWasm from 'onnxruntime-web/ort-wasm-simd-threaded.jspi.wasm?url';
import wasmMjs from 'onnxruntime-web/ort-wasm-simd-threaded.mjs?url';
import wasmBinary from 'onnxruntime-web/ort-wasm-simd-threaded.wasm?url';
import { expect, test } from 'vitest';
import { decoderModel } from '#test/support/onnx/decoder-model.ts';
import { openGpuDevice } from '#workers/runtime/gpu-device.ts';
import { Ort } from '#workers/runtime/ort.ts';
import { freshParameters } from '../adapter.ts';
import type { Hyperparameters } from '../hyperparameters.ts';
import { collate, type BatchArrays } from '../rows/collate.ts';
import type { Vectors } from '../runs/training-state.ts';
import { GpuLearner } from './gpu-learner.ts';
import type { Learner } from './learner.ts';
import { WasmLearner } from './wasm-learner.ts';

// On SwiftShader nearly all the time goes into compiling shaders: one layer, one learner.
const read = { model: decoderModel({ layers: 1, linear: 'q4' }), sources: new Map() };
const settings = {
	rank: 4,
	alpha: 8,
	rankStabilised: false,
	targetModules: ['q_proj', 'v_proj', 'down_proj'],
	dropout: 0.2,
	distillation: 0.3,
	optimiser: 'adamw',
	weightDecay: 0.1,
	clip: 0.5
} as Hyperparameters;

const batchOf = (seed: number) =>
	collate(
		{ width: 12, sequences: [[0, 1], [2]] },
		[5, 6, 11].map((length, i) => {
			const ids = Int32Array.from({ length }, (_, j) => (seed + 31 * i + 7 * j) % 96);
			return {
				ids,
				targets: Int32Array.from(ids, (_, j) => (j > 1 && j + 1 < length ? (ids[j + 1] as number) : -100))
			};
		})
	);

/** Two steps of two micro-batches, and the loss after each. */
async function learn(learner: Learner) {
	const { length } = learner.layout;
	const zeros = () => new Float32Array(length);
	await learner.load({ parameters: freshParameters(learner.layout, 3), mean: zeros(), variance: zeros() });
	const told: number[] = [];
	for (let step = 1; step <= 2; step++) {
		const batches = [batchOf(10 * step), batchOf(10 * step + 1)];
		let i = 0;
		for await (const expected of learner.expectations(batches, zeros())) {
			told.push((await learner.accumulate(batches[i] as BatchArrays, 7 * step + i, expected)).sum);
			i++;
		}
		told.push(await learner.update({ step, learningRate: 0.01 }), (await learner.evaluate(batchOf(1))).sum);
	}
	return { told, vectors: await learner.save() };
}

test('the GPU learns what the wasm kernels learn', async () => {
	const wasm = await Ort.start({ build: 'wasm', threads: 1, urls: { mjs: wasmMjs, wasm: wasmBinary } });
	const expected = await learn(await WasmLearner.create(wasm, read, settings));
	const device = await openGpuDevice();
	const ort = await Ort.start({ build: 'jspi', threads: 1, urls: { mjs: jspiMjs, wasm: jspiWasm }, device });
	const learner = await GpuLearner.create(ort, device, read, settings);
	const found = await learn(learner);
	found.told.forEach((value, i) => expect(value).toBeCloseTo(expected.told[i] as number, 3));
	for (const name of Object.keys(expected.vectors) as (keyof Vectors)[]) {
		const largest = Math.max(...expected.vectors[name].map(Math.abs));
		const apart = Math.max(
			...found.vectors[name].map((value, i) => Math.abs(value - (expected.vectors[name][i] as number)))
		);
		// A step of Adam has the length of the rate whatever the gradient's: where that is rounding noise, so is the step.
		expect(apart / largest, name).toBeLessThan(name === 'parameters' ? 0.02 : 1e-3);
	}
	// What was loaded comes back, and is learnt from again to the same end.
	await learner.load(found.vectors);
	expect((await learner.save()).parameters).toEqual(found.vectors.parameters);
	await learner.dispose();
}, 300_000);
