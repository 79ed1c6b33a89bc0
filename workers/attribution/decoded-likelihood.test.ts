import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { chat, nanoFile, nanoOptions } from '#test/support/nano.ts';
import { CONFIG_FILE, WEIGHTS_FILE } from '#workers/adapters/lora-adapter.ts';
import { parseAdapterConfig } from '#workers/adapters/lora-config.ts';
import { packAdapter } from '#workers/adapters/pack.ts';
import { readAdapter } from '#workers/adapters/read-adapter.ts';
import { stackRows } from '#workers/adapters/stack-rows.ts';
import { memorySource } from '#workers/bytes.ts';
import { readGraph, unpackedGraph, wasmGraph } from '#workers/engine/serve-graph.ts';
import { Generator } from '#workers/generate/generator.ts';
import { Ort } from '#workers/runtime/ort.ts';
import { WasmDecoder } from '#workers/runtime/wasm-decoder.ts';
import { replySample, SampleGradients, wasmRunner } from './gradients.ts';
import { TOLERANCE } from './receipts/verify.ts';

const folder = new URL('../../static/adapters/anatomy/', import.meta.url);
const file = (name: string) => new Uint8Array(readFileSync(new URL(name, folder)));
const graph = 'model_q4.onnx';
const read = readGraph({
	graph,
	files: new Map([[graph, memorySource(new Uint8Array(readFileSync(nanoFile)))]])
});
const adapter = readAdapter(parseAdapterConfig(file(CONFIG_FILE)), memorySource(file(WEIGHTS_FILE)));

let ort: Ort;
let gradients: SampleGradients;
beforeAll(async () => {
	ort = await Ort.start({ build: 'wasm', threads: 1 });
	const plain = unpackedGraph(read);
	gradients = await SampleGradients.create(plain, adapter, (made) => wasmRunner(ort, plain, made));
}, 60_000);
afterAll(() => gradients.dispose());

// As they are stored, or unpacked: how weights are kept depends on the memory of a device.
test.each([0, 2 ** 30])(
	'what decoding says of a reply is what the forward pass says (weights unpacked up to %d bytes)',
	async (limit) => {
		const { model, slots } = wasmGraph(read, limit);
		const decoder = await WasmDecoder.create(ort, model);
		const device = decoder.upload(stackRows([packAdapter(adapter, slots)], slots));
		const generator = new Generator(decoder, nanoOptions);
		let prompt: number[] = [];
		let furthest = 0;
		// Turns of one conversation: from the second on most of the prompt comes from its cache.
		for (const [turn, question] of ['Define the term: artery', 'And a vein?', 'Why?'].entries()) {
			prompt = [...prompt, ...chat(question)];
			const { tokens, reused, logLikelihood } = await generator.generate({
				conversation: 'one',
				tokens: prompt,
				adapter: { key: 'anatomy', device },
				sampling: {
					temperature: turn,
					topK: 0,
					topP: 0.95,
					minP: 0,
					repetitionPenalty: 1 + turn / 10,
					seed: 3
				},
				maxNewTokens: 40,
				likelihood: true
			});
			expect(tokens.length).toBeGreaterThan(3);
			if (turn > 0) expect(reused).toBeGreaterThan(10);
			const [loss = NaN] = await gradients.losses([replySample(prompt, tokens)], 1);
			furthest = Math.max(furthest, Math.abs((logLikelihood ?? NaN) + loss) / tokens.length);
			prompt = [...prompt, ...tokens];
		}
		// A tenth of what a receipt may be off.
		expect(furthest).toBeLessThan(TOLERANCE.liftPerToken / 10);
		await decoder.dispose();
	},
	60_000
);
