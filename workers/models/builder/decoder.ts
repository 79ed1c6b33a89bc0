import { float } from '#workers/onnx/attribute.ts';
import { createModel, type Model } from '#workers/onnx/model.ts';
import { attention, attentionInputs } from './attention.ts';
import type { DecoderConfig } from './config.ts';
import { precisionOf, type BuildDtype } from './dtype.ts';
import { floatType, int64s, MICROSOFT, nodeName, vector, type Emitter } from './emitter.ts';
import { linears } from './linear.ts';
import { inMemory, type StoreWeight } from './store.ts';
import { embedding, outputHead } from './table.ts';
import { checkWeights, type DecoderWeights } from './weights.ts';

export interface BuildOptions {
	dtype: BuildDtype;
	/** Where weights go as they are made; in memory unless given. */
	store?: StoreWeight;
	/** A zero point for each block of the 4-bit matrices. WebGPU then runs them unfused. */
	zeroPoints?: boolean;
}

/**
 * A decoder in the layout of onnx-community's exports.
 *
 * Inputs, int64: `input_ids` [batch, sequence]; `attention_mask` [batch, past + sequence], 1 for tokens, rows padded on the
 * right with 0; `position_ids` [batch, sequence], declared for that layout and not read: positions follow from the mask;
 * `num_logits_to_keep` []: 0 for the logits of all positions, n for those of the last n. And `past_key_values.N.key|value`
 * [batch, kvHeads, past, headDim]. Outputs: `logits` [batch, kept, vocab], `present.N.key|value`
 * [batch, kvHeads, past + sequence, headDim]. Floating-point inputs and outputs are F32; F16 for fp16 and q4f16.
 *
 * Throws 'safetensors/malformed' where the weights do not fit the config.
 */
export function buildDecoder(config: DecoderConfig, weights: DecoderWeights, options: BuildOptions): Model {
	const steps = decoderSteps(config, weights, options);
	for (;;) {
		const step = steps.next();
		if (step.done) return step.value;
	}
}

/** The same in steps of some seconds at most: yields the share done, 0 to 1, after the token table and after each layer. */
export function* decoderSteps(
	config: DecoderConfig,
	weights: DecoderWeights,
	options: BuildOptions
): Generator<number, Model> {
	checkWeights(config, weights);
	const model = createModel('decoder');
	const { graph } = model;
	const precision = precisionOf(options.dtype, options.zeroPoints ?? false);
	const emitter: Emitter = { graph, weights, store: options.store ?? inMemory, precision };

	graph.input('input_ids', 'int64', ['batch_size', 'sequence_length']);
	graph.input('attention_mask', 'int64', ['batch_size', 'total_sequence_length']);
	graph.input('position_ids', 'int64', ['batch_size', 'sequence_length']);
	graph.input('num_logits_to_keep', 'int64', []);
	graph.output('logits', floatType(emitter), ['batch_size', 'num_logits', config.vocab]);

	const shared = attentionInputs(emitter, config);
	const embedded = embedding(emitter, config);
	yield 0;
	let residual = embedded.output;
	let branch: string | undefined;
	const normalise = (path: string) => {
		const sum = addAndNormalise(emitter, config, path, residual, branch);
		residual = sum.residual;
		return sum.normed;
	};
	for (let layer = 0; layer < config.layers; layer++) {
		const path = `model.layers.${layer}`;
		branch = attention(emitter, config, layer, normalise(`${path}.input_layernorm`), shared);
		branch = mlp(emitter, `${path}.mlp`, normalise(`${path}.post_attention_layernorm`));
		yield (layer + 1) / config.layers;
	}
	outputHead(emitter, config, embedded, keepLast(emitter, normalise('model.norm')));
	return model;
}

/**
 * Adds `branch`, the last block's output, to the residual stream, and takes the sum's RMS norm: x / √(mean(x²) + ε) · w.
 * One operator does both, and WebGPU fuses it with the matrices that follow.
 */
function addAndNormalise(
	emitter: Emitter,
	config: DecoderConfig,
	path: string,
	residual: string,
	branch: string | undefined
): { normed: string; residual: string } {
	const { graph } = emitter;
	const weight = vector(emitter, `${path}.weight`);
	const name = nodeName(path);
	const normed = `${name}/output_0`;
	const epsilon = float(config.rmsEps);
	if (branch === undefined) {
		const attributes = { axis: -1, epsilon, stash_type: 1 };
		graph.node('SimplifiedLayerNormalization', [residual, weight], [normed], attributes, '', name);
		return { normed, residual };
	}
	const sum = `${name}/output_3`;
	const outputs = path === 'model.norm' ? [normed] : [normed, '', '', sum];
	graph.node(
		'SkipSimplifiedLayerNormalization',
		[residual, branch, weight],
		outputs,
		{ epsilon },
		MICROSOFT,
		name
	);
	return { normed, residual: sum };
}

/** SwiGLU: down(silu(gate(x)) · up(x)); silu is written x · sigmoid(x), the form that WebGPU fuses. */
function mlp(emitter: Emitter, path: string, input: string): string {
	const { graph } = emitter;
	const name = nodeName(path);
	const [gate = '', up = ''] = linears(emitter, input, [`${path}.gate_proj`, `${path}.up_proj`]);
	const [sigmoid, silu, gated] = [`${name}/sigmoid`, `${name}/silu`, `${name}/gated`] as const;
	graph.node('Sigmoid', [gate], [sigmoid]);
	graph.node('Mul', [gate, sigmoid], [silu]);
	graph.node('Mul', [silu, up], [gated]);
	return linears(emitter, gated, [`${path}.down_proj`], emitter.precision.down)[0] ?? '';
}

/** The hidden states whose logits are wanted: the last `num_logits_to_keep`, or all for 0, a slice from −0. */
function keepLast(emitter: Emitter, hidden: string): string {
	const { graph } = emitter;
	graph.node('Neg', ['num_logits_to_keep'], ['/keep/from']);
	graph.node('Reshape', ['/keep/from', int64s(emitter, [1])], ['/keep/start']);
	const end = graph.initializer('int64_end', 'int64', [1], BigInt64Array.of(2n ** 63n - 1n));
	graph.node('Slice', [hidden, '/keep/start', end, int64s(emitter, [1])], ['/keep/hidden']);
	return '/keep/hidden';
}
