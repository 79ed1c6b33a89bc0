import fs from 'node:fs';
import { trainGraph } from '#workers/onnx/train/train-graph.ts';
import { randomWeights } from '#workers/models/builder/weights.ts';
import { buildDecoder } from '#workers/models/builder/decoder.ts';
import { parseModelConfig } from '#workers/models/builder/config.ts';
import { relativeError } from '#test/support/decoders.ts';
import { arbitraryFeeds, loadEngine, openLoss } from './loss-session.ts';

/** Nano's proportions at a size that a software GPU computes in seconds. */
const SMALL = {
	architectures: ['LlamaForCausalLM'],
	model_type: 'llama',
	hidden_size: 128,
	intermediate_size: 352,
	num_hidden_layers: 3,
	num_attention_heads: 4,
	num_key_value_heads: 2,
	head_dim: 32,
	vocab_size: 512,
	max_position_embeddings: 512,
	rms_norm_eps: 1e-5,
	rope_theta: 10000,
	hidden_act: 'silu',
	tie_word_embeddings: true,
	attention_bias: false,
	mlp_bias: false,
	bos_token_id: 1,
	eos_token_id: 2
};

/**
 * Runs the training graph on WebGPU (a software adapter will do) and reads from onnxruntime's log which nodes it left to
 * the CPU. The gradient is compared with that of wasm: largest difference over the largest element.
 */
export async function measure(): Promise<{ elsewhere: string[]; nodes: number; error: number }> {
	const config = parseModelConfig(SMALL);
	const model = buildDecoder(config, randomWeights(config, 1), { dtype: 'q4' });
	const graph = trainGraph(model, { lora: { rank: 8 }, recompute: 'layers', vocabularyChunk: 300 });
	const feeds = arbitraryFeeds(2, 48, config.vocab, graph.layout);
	const onWasm = await openLoss(await loadEngine('wasm'), graph, new Map(), { executionProviders: ['wasm'] });
	const wanted = (await onWasm(feeds)).gradient?.data as Float32Array;

	const { create, globals } = await import('webgpu');
	const navigator = { gpu: create([]), userAgent: 'node', hardwareConcurrency: 1 };
	Object.assign(globalThis, globals);
	Object.defineProperty(globalThis, 'navigator', { value: navigator, configurable: true });
	const lines: string[] = [];
	// The wasm build writes its log past the console.
	fs.writeSync = ((_: number, text: unknown) => {
		lines.push(String(text));
		return 0;
	}) as typeof fs.writeSync;
	const ort = await import('onnxruntime-web/webgpu');
	ort.env.wasm.numThreads = 1;
	ort.env.logLevel = 'verbose';
	const options = { executionProviders: ['webgpu'], logSeverityLevel: 0 } as const;
	const onGpu = await openLoss(ort, graph, new Map(), options);
	const found = (await onGpu(feeds)).gradient?.data as Float32Array;
	// 'All nodes placed on [X]. Number of nodes: n', or a line of '[X]. Number of nodes: n' for each and its nodes below it.
	const placements = lines.flatMap((line) => {
		const match = /\[(\w+ExecutionProvider)\]\. Number of nodes: (\d+)/.exec(line);
		return match ? [{ provider: match[1] ?? '', count: Number(match[2]) }] : [];
	});
	if (placements.length === 0) throw new Error('onnxruntime did not tell where it placed the nodes');
	const elsewhere = placements
		.filter(({ provider }) => provider !== 'WebGpuExecutionProvider')
		.flatMap(({ provider, count }) => Array.from({ length: count }, () => provider));
	const nodes = placements.reduce((sum, { count }) => sum + count, 0);
	return { elsewhere, nodes, error: Number(relativeError(found, wanted).toPrecision(2)) };
}
