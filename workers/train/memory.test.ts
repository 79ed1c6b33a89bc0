import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { nanoFile } from '#test/support/nano.ts';
import { memorySource } from '#workers/bytes.ts';
import { readGraph } from '#workers/engine/serve-graph.ts';
import { trainGraph } from '#workers/onnx/train/train-graph.ts';
import { heapOf } from '#workers/runtime/ort-module.ts';
import { Ort } from '#workers/runtime/ort.ts';
import { fitMemory, predictMemory } from './estimate.ts';
import { MODULES } from './hyperparameters.ts';
import { WasmLearner } from './learner/wasm-learner.ts';
import { peakBytes } from './memory.ts';
import type { Prepared } from './prepare.ts';
import { presetFor } from './presets.ts';
import { collate } from './rows/collate.ts';

const source = memorySource(new Uint8Array(readFileSync(nanoFile)));
const files = new Map([['onnx/model_q4.onnx', source]]);
const read = readGraph({ graph: 'onnx/model_q4.onnx', files });
const facts = { rows: 300, tokens: 12_000, longest: 96, hidden: 256, contextLength: 512, gpu: false };
const settings = { ...presetFor('quick', facts), rank: 16, distillation: 0 };

test.each([
	{ rank: 16, rows: 4, width: 96, change: {} },
	{ rank: 4, rows: 1, width: 384, change: { targetModules: ['q_proj', 'v_proj'] } },
	{ rank: 32, rows: 8, width: 64, change: { recompute: true, dropout: 0.1 } }
])(
	'memory told by arithmetic is that of the wasm heap within 30 %: rank $rank, $rows × $width tokens',
	async ({ rank, rows, width, change }) => {
		const chosen = { ...settings, rank, ...change };
		const ort = await Ort.start({ build: 'wasm', threads: 1 });
		const learner = await WasmLearner.create(ort, read, chosen);
		const zeros = new Float32Array(learner.layout.length);
		await learner.load({ parameters: zeros, mean: zeros, variance: zeros });
		const batch = { width, sequences: Array.from({ length: rows }, (_, i) => [i]) };
		const ids = Int32Array.from({ length: width }, (_, i) => (7 * i) % 4000);
		const samples = batch.sequences.map(() => ({ ids, targets: ids }));
		for (let i = 0; i < 2; i++) await learner.accumulate(collate(batch, samples), 0);
		await learner.evaluate(collate(batch, samples));
		const heap = heapOf(ort.module).byteLength;

		const prepared = {
			read,
			settings: chosen,
			open: { files },
			steps: { example: [batch] },
			choice: { provider: 'wasm' }
		} as unknown as Prepared;
		const { bytes, parameters } = predictMemory(prepared);
		expect(parameters).toBe(learner.layout.length);
		// What is outside the heap: the worker itself, and vectors.
		const measured = heap + 64e6 + 6 * 4 * parameters;
		expect(bytes / measured).toBeGreaterThan(0.7);
		expect(bytes / measured).toBeLessThan(1.3);
		await learner.dispose();
	},
	120_000
);

test('memory grows with the tokens of a batch', () => {
	const graph = trainGraph(read.model, { lora: { rank: 16, modules: MODULES } });
	const [one, two, four] = [1, 2, 4].map((rows) => peakBytes(graph.model, rows, 256)) as [
		number,
		number,
		number
	];
	expect((four - two) / (two - one)).toBeCloseTo(2, 1);
	// Attention grows with the square of a row.
	expect(peakBytes(graph.model, 1, 1024)).toBeGreaterThan(peakBytes(graph.model, 4, 256));
});

test('a run that would not fit computes its layers twice, if then it does', () => {
	const steps = { example: [{ width: 512, sequences: Array.from({ length: 8 }, (_, i) => [i]) }] };
	const prepared = (memoryBytes: number) =>
		({
			read,
			settings: { ...settings },
			open: { files },
			steps,
			choice: { provider: 'wasm' },
			memoryBytes
		}) as unknown as Prepared;
	const roomy = prepared(8 * 2 ** 30);
	const whole = fitMemory(roomy).bytes;
	expect(roomy.settings.recompute).toBe(false);
	// Half of a device's memory is a page's.
	const tight = prepared(2 * 0.9 * whole);
	expect(fitMemory(tight).bytes / whole).toBeLessThan(0.6);
	expect(tight.settings.recompute).toBe(true);
});
