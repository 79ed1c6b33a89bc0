import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import type { ByteSource } from '#workers/bytes.ts';
import { readGraph, wasmGraph, type ReadGraph } from '#workers/engine/serve-graph.ts';
import { parseModelConfig } from '#workers/models/builder/config.ts';
import { buildDecoder } from '#workers/models/builder/decoder.ts';
import { openNodeFile } from '#workers/models/builder/node-file.ts';
import { randomWeights } from '#workers/models/builder/weights.ts';
import { joinSegments } from '#workers/onnx/segments.ts';
import type { LoraSlot } from '#workers/onnx/slots.ts';
import { writeModelFile } from '#workers/onnx/write.ts';
import { Ort } from '#workers/runtime/ort.ts';
import { WasmDecoder } from '#workers/runtime/wasm-decoder.ts';

export type Shape = 'nano' | 'smollm2-135m';

/** What is measured: the bundled model, and SmolLM2-135M's shape with random weights. */
export const SHAPES: readonly Shape[] = ['nano', 'smollm2-135m'];

const root = new URL('../../', import.meta.url);
const nano = new URL('static/models/nano/', root);

/** https://huggingface.co/HuggingFaceTB/SmolLM2-135M-Instruct/blob/main/config.json */
const smol = {
	architectures: ['LlamaForCausalLM'],
	model_type: 'llama',
	hidden_size: 576,
	intermediate_size: 1536,
	num_hidden_layers: 30,
	num_attention_heads: 9,
	num_key_value_heads: 3,
	head_dim: 64,
	vocab_size: 49152,
	max_position_embeddings: 8192,
	rms_norm_eps: 1e-5,
	rope_theta: 100000,
	hidden_act: 'silu',
	tie_word_embeddings: true,
	attention_bias: false,
	mlp_bias: false,
	bos_token_id: 1,
	eos_token_id: 2
};

/**
 * A model folder on disk as a Hub repository has it, built once (into .cache, not part of the repository). The random one
 * borrows nano's tokenizer: its ids all exist, and what is measured does not depend on the text.
 */
export function modelFolder(shape: Shape): URL {
	if (shape === 'nano') return nano;
	const folder = new URL(`.cache/bench/models/${shape}/`, root);
	const file = new URL('onnx/model_q4.onnx', folder);
	if (existsSync(file)) return folder;
	mkdirSync(new URL('onnx/', folder), { recursive: true });
	const config = parseModelConfig(smol);
	config.context = 2048;
	const { segments } = writeModelFile(buildDecoder(config, randomWeights(config, 1), { dtype: 'q4' }));
	for (const name of ['tokenizer.json', 'tokenizer_config.json', 'generation_config.json'])
		writeFileSync(new URL(name, folder), readFileSync(new URL(name, nano)));
	writeFileSync(new URL('config.json', folder), JSON.stringify({ ...smol, max_position_embeddings: 2048 }));
	writeFileSync(file, joinSegments(segments, new Map()));
	return folder;
}

/** The model's file, read piece by piece. */
export function readShapeGraph(shape: Shape): { read: ReadGraph; bytes: number } {
	const graph = 'onnx/model_q4.onnx';
	const source = openNodeFile(new URL(graph, modelFolder(shape)).pathname);
	if (!source) throw new RangeError(`no model for ${shape}`);
	const files = new Map<string, ByteSource>([[graph, source]]);
	return { read: readGraph({ graph, files }), bytes: source.size };
}

/** The decoder as the app starts it on wasm; on one thread unless told, as every browser can without isolation. */
export async function openShape(
	shape: Shape,
	expandLimit = 2 ** 30,
	threads = 1
): Promise<{ ort: Ort; decoder: WasmDecoder; slots: LoraSlot[] }> {
	const ort = await Ort.start({ build: 'wasm', threads });
	const { model, slots } = wasmGraph(readShapeGraph(shape).read, expandLimit);
	return { ort, decoder: await WasmDecoder.create(ort, model), slots };
}
