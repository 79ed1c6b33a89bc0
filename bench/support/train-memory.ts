import { rewriteForServing } from '#workers/onnx/rewrite.ts';
import { writeModel } from '#workers/onnx/write.ts';
import { heapOf } from '#workers/runtime/ort-module.ts';
import { OrtSession } from '#workers/runtime/ort-session.ts';
import type { OrtTensor } from '#workers/runtime/ort-tensor.ts';
import { Ort } from '#workers/runtime/ort.ts';
import { segmentSource } from '#workers/runtime/segment-source.ts';
import { freshParameters } from '#workers/train/adapter.ts';
import { WasmLearner } from '#workers/train/learner/wasm-learner.ts';
import { presetFor } from '#workers/train/presets.ts';
import { collate } from '#workers/train/rows/collate.ts';
import { availableParallelism } from 'node:os';
import { readShapeGraph } from './models.ts';

const [BATCH, LENGTH, RANK] = [4, 512, 8];
const VOCABULARY = 49_152;

/**
 * Peak memory, in bytes, that one run over 4 × 512 tokens takes with the 135M shape in 4 bits on the wasm kernels, in the app's
 * own sessions: the prompt of a reply (the serve graph, logits of the last token), or a training step with recomputation and
 * AdamW. It is the wasm heap, weights included, which never shrinks, and for training the vectors beside it.
 */
export async function measure(what: 'inference' | 'training'): Promise<number> {
	const { read } = readShapeGraph('smollm2-135m');
	const ort = await Ort.start({ build: 'wasm', threads: Math.min(4, availableParallelism()) });
	const beside = what === 'inference' ? await prompt() : await step();
	return heapOf(ort.module).byteLength + beside;

	async function prompt(): Promise<number> {
		const { model, info } = rewriteForServing(read.model, { lora: 'none', fuse: false, head: 'keep' });
		const { graph, weights, weightsPath } = writeModel(model);
		const source = segmentSource(weights, read.sources);
		const session = await OrtSession.create(ort, { graph, weights: { path: weightsPath, source } });
		const tokens = (value: (i: number) => bigint) =>
			ort.tensor(
				'int64',
				BigInt64Array.from({ length: BATCH * LENGTH }, (_, i) => value(i)),
				[BATCH, LENGTH]
			);
		const feeds = new Map<string, OrtTensor>([
			['input_ids', tokens((i) => BigInt((i * 7919) % VOCABULARY))],
			['attention_mask', tokens(() => 1n)],
			['position_ids', tokens((i) => BigInt(i % LENGTH))],
			['num_logits_to_keep', ort.tensor('int64', BigInt64Array.of(1n), [])]
		]);
		for (const { pastKey, pastValue } of info.cache)
			for (const name of [pastKey, pastValue])
				feeds.set(name, ort.allocate('float32', [BATCH, info.kvHeads, 0, info.headDim]));
		for (const name of feeds.keys()) if (!session.inputs.has(name)) feeds.delete(name);
		await session.run(feeds, [...session.outputs.keys()]);
		return 0;
	}

	async function step(): Promise<number> {
		const facts = { rows: 300, tokens: 1, longest: LENGTH, hidden: 576, contextLength: LENGTH, gpu: false };
		const preset = presetFor('quick', facts);
		const settings = { ...preset, rank: RANK, alpha: 2 * RANK, distillation: 0, recompute: true };
		const learner = await WasmLearner.create(ort, read, settings);
		const vector = () => new Float32Array(learner.layout.length);
		const parameters = freshParameters(learner.layout, 0);
		await learner.load({ parameters, mean: vector(), variance: vector() });
		const samples = Array.from({ length: BATCH }, (_, row) => {
			const ids = Int32Array.from({ length: LENGTH }, (_, i) => ((row * LENGTH + i) * 7919) % VOCABULARY);
			return { ids, targets: ids };
		});
		const sequences = samples.map((_, i) => [i]);
		await learner.accumulate(collate({ width: LENGTH, sequences }, samples), 0);
		const norm = await learner.update({ step: 1, learningRate: 1e-4 });
		if (!(norm > 0)) throw new Error('nothing was learnt');
		// Gradient and two moments; the weights lie in the heap.
		return 3 * 4 * learner.layout.length;
	}
}
