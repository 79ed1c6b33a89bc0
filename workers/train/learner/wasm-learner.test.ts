import { expect, test } from 'vitest';
import { nanoFile } from '#test/support/nano.ts';
import { memorySource } from '#workers/bytes.ts';
import { readGraph } from '#workers/engine/serve-graph.ts';
import { Ort } from '#workers/runtime/ort.ts';
import { readFileSync } from 'node:fs';
import { freshParameters } from '../adapter.ts';
import { presetFor } from '../presets.ts';
import { collate } from '../rows/collate.ts';
import { IGNORED, type Sample } from '../rows/encode.ts';
import { WasmLearner } from './wasm-learner.ts';

const graph = 'model_q4.onnx';
const read = readGraph({
	graph,
	files: new Map([[graph, memorySource(new Uint8Array(readFileSync(nanoFile)))]])
});
const facts = { rows: 100, tokens: 3000, longest: 90, hidden: 256, contextLength: 512, gpu: false };
const settings = { ...presetFor('quick', facts), dropout: 0.1 };

function sampleOf(seed: number, length: number): Sample {
	const ids = Int32Array.from({ length }, (_, i) => (seed * 131 + i * i * 5 + i) % 4000);
	return { ids, targets: Int32Array.from(ids, (_, i) => (i > 9 ? (ids[i + 1] ?? IGNORED) : IGNORED)) };
}
const samples = [87, 61, 90, 33].map((length, i) => sampleOf(i, length));

test('what is learnt is the same bit by bit on any number of threads', { timeout: 120_000 }, async () => {
	const learnt = async (threads: number) => {
		const ort = await Ort.start({ build: 'wasm', threads });
		const learner = await WasmLearner.create(ort, read, settings);
		const zeros = () => new Float32Array(learner.layout.length);
		await learner.load({ parameters: freshParameters(learner.layout, 1), mean: zeros(), variance: zeros() });
		for (let step = 1; step <= 2; step++) {
			const batch = collate({ width: 151, sequences: [[0, 1], [2, 3]] }, samples); // prettier-ignore
			const teacher = new Float32Array(batch.rows * batch.width * learner.hidden).fill(0.01);
			await learner.accumulate(batch, step, teacher);
			await learner.update({ step, learningRate: 0.003 });
		}
		const { parameters } = await learner.save();
		await learner.dispose();
		return Buffer.from(parameters.buffer);
	};
	const one = await learnt(1);
	for (const threads of [2, 3]) expect((await learnt(threads)).equals(one), `${threads} threads`).toBe(true);
});
