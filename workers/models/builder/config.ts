import { OpenLedgerError } from '#workers/errors.ts';

/** Decoder families the builder knows. They differ only in biases and in QK norm (see DecoderConfig). */
type Family = 'llama' | 'qwen2' | 'qwen3';

/** Llama 3's stretching of the low RoPE frequencies; names as in config.json. */
export interface Llama3RopeScaling {
	factor: number;
	lowFreqFactor: number;
	highFreqFactor: number;
	originalContext: number;
}

/** What the builder needs to know of a Hugging Face config.json, checked and with every default filled in. */
export interface DecoderConfig {
	family: Family;
	hidden: number;
	layers: number;
	heads: number;
	kvHeads: number;
	headDim: number;
	ffn: number;
	vocab: number;
	/** Longest sequence in tokens, prompt and reply together. */
	context: number;
	rmsEps: number;
	ropeTheta: number;
	ropeScaling: Llama3RopeScaling | undefined;
	/** The output head is the transposed token embedding. */
	tied: boolean;
	qkvBias: boolean;
	outputBias: boolean;
	mlpBias: boolean;
	/** RMS norm of each query and key head before RoPE. */
	qkNorm: boolean;
	eosIds: number[];
}

type Json = Record<string, unknown>;

const malformed = (message: string, details?: Record<string, string | number>) =>
	new OpenLedgerError('config/malformed', `config.json is not a usable model description: ${message}.`, {
		remedy: 'Check that config.json is the one published with these weights.',
		details
	});

const unsupported = (message: string, details?: Record<string, string | number>) =>
	new OpenLedgerError('config/unsupported', `This model cannot be built: ${message}.`, {
		remedy: 'Use a model of the Llama, Qwen2 or Qwen3 family, or an ONNX export of this one.',
		details
	});

const isObject = (value: unknown): value is Json =>
	typeof value === 'object' && value !== null && !Array.isArray(value);

/** For messages: what stood there, short enough to print. */
const shown = (value: unknown) => (JSON.stringify(value) ?? String(value)).slice(0, 60);

function integer(json: Json, key: string, max: number, fallback?: number): number {
	const value = json[key] ?? fallback;
	if (!Number.isInteger(value) || Number(value) < 1 || Number(value) > max)
		throw malformed(`${key} must be a whole number from 1 to ${max}, not ${shown(value)}`, { key });
	return Number(value);
}

function positive(json: Json, key: string, max: number, fallback?: number): number {
	const value = json[key] ?? fallback;
	if (typeof value !== 'number' || !(value > 0) || value > max)
		throw malformed(`${key} must be a positive number up to ${max}, not ${shown(value)}`, { key });
	return value;
}

function flag(json: Json, key: string, fallback: boolean): boolean {
	const value = json[key] ?? fallback;
	if (typeof value !== 'boolean')
		throw malformed(`${key} must be true or false, not ${shown(value)}`, { key });
	return value;
}

function parseFamily(json: Json): Family {
	const type = json['model_type'];
	if (typeof type !== 'string') throw malformed('it has no model_type');
	if (type !== 'llama' && type !== 'qwen2' && type !== 'qwen3')
		throw unsupported(`model type ${shown(type)} is not one of llama, qwen2, qwen3`);
	const architecture = Array.isArray(json['architectures']) ? json['architectures'][0] : undefined;
	const expected = { llama: 'LlamaForCausalLM', qwen2: 'Qwen2ForCausalLM', qwen3: 'Qwen3ForCausalLM' }[type];
	if (architecture !== undefined && architecture !== expected)
		throw unsupported(`architecture ${shown(architecture)} is not ${expected}`);
	return type;
}

/** `rope_scaling` (transformers 4) or `rope_parameters` (transformers 5), which also holds theta. */
function parseRope(json: Json): Pick<DecoderConfig, 'ropeTheta' | 'ropeScaling'> {
	const rope = json['rope_parameters'] ?? json['rope_scaling'] ?? {};
	if (!isObject(rope)) throw malformed(`rope_scaling must be an object, not ${shown(rope)}`);
	const ropeTheta = positive(
		{ rope_theta: rope['rope_theta'] ?? json['rope_theta'] },
		'rope_theta',
		1e12,
		10000
	);
	const type = rope['rope_type'] ?? rope['type'] ?? 'default';
	if (type === 'default') return { ropeTheta, ropeScaling: undefined };
	if (type !== 'llama3') throw unsupported(`RoPE scaling of type ${shown(type)} is not known`);
	const ropeScaling = {
		factor: positive(rope, 'factor', 1e6),
		lowFreqFactor: positive(rope, 'low_freq_factor', 1e6),
		highFreqFactor: positive(rope, 'high_freq_factor', 1e6),
		originalContext: integer(rope, 'original_max_position_embeddings', 1 << 24)
	};
	if (ropeScaling.highFreqFactor <= ropeScaling.lowFreqFactor)
		throw malformed('high_freq_factor must be greater than low_freq_factor');
	return { ropeTheta, ropeScaling };
}

/** Things some members of these families have that would change the arithmetic. */
function refuseVariants(json: Json): void {
	if ((json['hidden_act'] ?? 'silu') !== 'silu')
		throw unsupported(`activation ${shown(json['hidden_act'])} is not silu`);
	if (json['quantization_config'] != null)
		throw unsupported(
			'its weights are already quantised; the builder needs the original F32, F16 or BF16 weights'
		);
	if (json['use_sliding_window'] === true) throw unsupported('it uses sliding-window attention');
	const layerTypes = json['layer_types'];
	if (Array.isArray(layerTypes) && layerTypes.some((type) => type !== 'full_attention'))
		throw unsupported('some of its layers do not use full attention');
	if ((json['partial_rotary_factor'] ?? 1) !== 1) throw unsupported('it rotates only a part of each head');
}

function parseEosIds(json: Json, vocab: number): number[] {
	const given = json['eos_token_id'] ?? [];
	const ids: unknown[] = Array.isArray(given) ? given : [given];
	return ids.slice(0, 64).map((id) => {
		if (typeof id !== 'number' || !Number.isInteger(id) || id < 0 || id >= vocab)
			throw malformed(`eos_token_id ${shown(id)} is not a token id below ${vocab}`);
		return id;
	});
}

/**
 * Reads a Hugging Face `config.json` of the Llama, Qwen2 or Qwen3 family.
 * Throws `config/malformed` for values out of range and `config/unsupported`, with the reason, for what would compute
 * something else than the builder's graph.
 */
export function parseModelConfig(json: unknown): DecoderConfig {
	if (!isObject(json)) throw malformed('it is not a JSON object');
	const family = parseFamily(json);
	refuseVariants(json);
	const hidden = integer(json, 'hidden_size', 1 << 16);
	const heads = integer(json, 'num_attention_heads', 1 << 10);
	const kvHeads = integer(json, 'num_key_value_heads', 1 << 10, heads);
	const headDim = integer(json, 'head_dim', 1 << 10, family === 'qwen3' ? 128 : hidden / heads);
	const vocab = integer(json, 'vocab_size', 1 << 22);
	if (heads % kvHeads !== 0)
		throw malformed(`${heads} attention heads cannot share ${kvHeads} key-value heads evenly`);
	if (headDim % 2 !== 0) throw malformed(`head_dim must be even for RoPE, not ${headDim}`);
	if (headDim % 16 !== 0)
		throw unsupported(`its heads have ${headDim} dimensions, and GroupQueryAttention needs a multiple of 16`);
	const attentionBias = family === 'qwen2' ? false : flag(json, 'attention_bias', false);
	return {
		family,
		hidden,
		layers: integer(json, 'num_hidden_layers', 1 << 10),
		heads,
		kvHeads,
		headDim,
		ffn: integer(json, 'intermediate_size', 1 << 20),
		vocab,
		context: integer(json, 'max_position_embeddings', 1 << 24),
		rmsEps: positive(json, 'rms_norm_eps', 1, 1e-6),
		...parseRope(json),
		tied: flag(json, 'tie_word_embeddings', false),
		qkvBias: family === 'qwen2' || attentionBias,
		outputBias: attentionBias,
		mlpBias: family === 'llama' && flag(json, 'mlp_bias', false),
		qkNorm: family === 'qwen3',
		eosIds: parseEosIds(json, vocab)
	};
}
