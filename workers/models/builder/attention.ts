import { float } from '#workers/onnx/attribute.ts';
import { dataTypeNumber } from '#workers/onnx/types.ts';
import type { DecoderConfig } from './config.ts';
import { floatInitializer, floatType, int64s, MICROSOFT, nodeName, vector, type Emitter } from './emitter.ts';
import { linears } from './linear.ts';
import { ropeTables } from './rope.ts';

/** Values that every layer's attention reads. */
export interface AttentionInputs {
	/** Each row's length − 1, int32 [batch]. */
	lengths: string;
	/** The longest row's length, int32 []. */
	total: string;
	/** RoPE tables [context, headDim / 2]. */
	cos: string;
	sin: string;
}

export function attentionInputs(emitter: Emitter, config: DecoderConfig): AttentionInputs {
	const { graph } = emitter;
	const int32 = { to: dataTypeNumber('int32') };
	const one = int64s(emitter, [1]);
	graph.node('ReduceSum', ['attention_mask', one], ['/mask/sum'], { keepdims: 0 });
	graph.node('Sub', ['/mask/sum', one], ['/mask/last']);
	graph.node('Cast', ['/mask/last'], ['/mask/seqlens_k'], int32);
	graph.node('Shape', ['attention_mask'], ['/mask/shape'], { start: 1 });
	graph.node('Squeeze', ['/mask/shape'], ['/mask/length']);
	graph.node('Cast', ['/mask/length'], ['/mask/total_sequence_length'], int32);
	const { cos, sin } = ropeTables(config);
	const dims = [config.context, config.headDim / 2];
	return {
		lengths: '/mask/seqlens_k',
		total: '/mask/total_sequence_length',
		cos: floatInitializer(emitter, 'cos_cache', dims, cos),
		sin: floatInitializer(emitter, 'sin_cache', dims, sin)
	};
}

/** Causal self-attention of one layer, with its KV cache as inputs and outputs of the graph. Returns o_proj's output. */
export function attention(
	emitter: Emitter,
	config: DecoderConfig,
	layer: number,
	input: string,
	shared: AttentionInputs
): string {
	const { graph } = emitter;
	const path = `model.layers.${layer}.self_attn`;
	const projections = ['q_proj', 'k_proj', 'v_proj'].map((name) => `${path}.${name}`);
	const [q = '', k = '', value = ''] = linears(emitter, input, projections);
	const query = config.qkNorm ? normaliseHeads(emitter, config, `${path}.q_norm`, q, config.heads) : q;
	const key = config.qkNorm ? normaliseHeads(emitter, config, `${path}.k_norm`, k, config.kvHeads) : k;
	const cache = (name: string, length: string) =>
		['key', 'value'].map((kind) => ({
			name: `${name}.${layer}.${kind}`,
			dims: ['batch_size', config.kvHeads, length, config.headDim]
		}));
	const past = cache('past_key_values', 'past_sequence_length');
	const present = cache('present', 'total_sequence_length');
	for (const { name, dims } of past) graph.input(name, floatType(emitter), dims);
	for (const { name, dims } of present) graph.output(name, floatType(emitter), dims);
	const attended = `${nodeName(path)}/GroupQueryAttention/output_0`;
	graph.node(
		'GroupQueryAttention',
		[
			query,
			key,
			value,
			...past.map(({ name }) => name),
			shared.lengths,
			shared.total,
			shared.cos,
			shared.sin
		],
		[attended, ...present.map(({ name }) => name)],
		{
			num_heads: config.heads,
			kv_num_heads: config.kvHeads,
			scale: float(1 / Math.sqrt(config.headDim)),
			do_rotary: 1,
			rotary_interleaved: 0
		},
		MICROSOFT,
		`${nodeName(path)}/GroupQueryAttention`
	);
	return linears(emitter, attended, [`${path}.o_proj`])[0] ?? '';
}

/** Qwen3: RMS norm of each head by itself. [batch, sequence, heads · headDim] in and out. */
function normaliseHeads(
	emitter: Emitter,
	config: DecoderConfig,
	path: string,
	input: string,
	heads: number
): string {
	const { graph } = emitter;
	const name = nodeName(path);
	const [split, normed, joined] = [`${name}/split`, `${name}/output_0`, `${name}/joined`] as const;
	const weight = vector(emitter, `${path}.weight`);
	graph.node('Reshape', [input, int64s(emitter, [0, 0, heads, config.headDim])], [split]);
	const attributes = { axis: -1, epsilon: float(config.rmsEps), stash_type: 1 };
	graph.node('SimplifiedLayerNormalization', [split, weight], [normed], attributes, '', name);
	graph.node('Reshape', [normed, int64s(emitter, [0, 0, heads * config.headDim])], [joined]);
	return joined;
}
