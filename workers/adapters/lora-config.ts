import { OpenLedgerError } from '#workers/errors.ts';
import { isJsonObject, parseStrictJson } from '#workers/formats/strict-json.ts';

const MAX_RANK = 1024;
const MAX_CONFIG_BYTES = 1 << 20;
const MAX_NAMES = 10_000;

/** A LoRA configuration in PEFT's meaning (`peft.LoraConfig`), as far as it bears on inference. */
export interface LoraConfig {
	/** Rank `r`, 1 to 1024, and `lora_alpha`: the branch is scaled by alpha / rank. */
	rank: number;
	alpha: number;
	/** Rank-stabilised LoRA: scaled by alpha / √rank instead (Kalajdzievski 2023). */
	rankStabilised: boolean;
	/** Other ranks and alphas for the modules whose path ends in a match of the key, a regular expression; first match wins. */
	rankPattern: Record<string, number>;
	alphaPattern: Record<string, number>;
	/** Names (a path equals one or ends in `.` and one), or a regular expression over whole paths, or `all-linear`. */
	targetModules: string[] | string;
	/** The same two forms; empty for none. */
	excludeModules: string[] | string;
	/** Only these layers; undefined for all. */
	layers?: number[];
	/** Names of the list that holds the layers (a regular expression each); empty for any. */
	layersPattern: string[];
	/** The base stores its weights transposed (GPT-2's Conv1D). A and B are stored the same way in either case. */
	fanInFanOut: boolean;
	/** As the adapter's author named it: a Hub id, sometimes a path of their machine. */
	baseModel?: string;
}

/**
 * Reads adapter_config.json (text or bytes).
 *
 * Throws `adapter/malformed` for what is no such file, and `adapter/unsupported`, with the reason, for what would be
 * computed wrongly if it were ignored: other methods than LoRA, variants of it, trained biases or further trained modules.
 */
export function parseAdapterConfig(json: string | Uint8Array): LoraConfig {
	const config = parseObject(json);
	refuseUnsupported(config);
	const rank = config.r ?? 8;
	if (!isRank(rank)) throw unsupported(`has rank ${show(rank)}; ranks from 1 to ${MAX_RANK} can be used`);
	const alpha = config.lora_alpha ?? 8;
	if (!isFinite(alpha)) throw malformed('lora_alpha is not a number');
	const layers = config.layers_to_transform ?? [];
	const layerList = Array.isArray(layers) ? layers : [layers];
	if (!layerList.every((layer) => Number.isSafeInteger(layer) && (layer as number) >= 0))
		throw malformed('layers_to_transform is not a list of layer numbers');
	const base = config.base_model_name_or_path ?? undefined;
	if (base !== undefined && typeof base !== 'string') throw malformed('base_model_name_or_path is not text');
	const targetModules = namesOrPattern(config.target_modules, 'target_modules');
	if (targetModules.length === 0) throw malformed('it names no target modules');
	return {
		rank,
		alpha,
		rankStabilised: flag(config.use_rslora, 'use_rslora'),
		rankPattern: numbersByPattern(config.rank_pattern, 'rank_pattern', isRank),
		alphaPattern: numbersByPattern(config.alpha_pattern, 'alpha_pattern', isFinite),
		targetModules,
		excludeModules: namesOrPattern(config.exclude_modules, 'exclude_modules'),
		layers: layerList.length ? (layerList as number[]) : undefined,
		layersPattern: [namesOrPattern(config.layers_pattern, 'layers_pattern')]
			.flat()
			.filter((name) => name !== ''),
		fanInFanOut: flag(config.fan_in_fan_out, 'fan_in_fan_out'),
		baseModel: base
	};
}

/**
 * Writes adapter_config.json with PEFT's names. Fields that came after PEFT 0.4 are left out while they say nothing, since
 * older versions refuse names they do not know.
 */
export function formatAdapterConfig(config: LoraConfig): string {
	const hasKeys = (value: object) => Object.keys(value).length > 0;
	const json = {
		peft_type: 'LORA',
		task_type: 'CAUSAL_LM',
		base_model_name_or_path: config.baseModel ?? null,
		r: config.rank,
		lora_alpha: config.alpha,
		lora_dropout: 0,
		bias: 'none',
		fan_in_fan_out: config.fanInFanOut,
		inference_mode: true,
		init_lora_weights: true,
		target_modules: config.targetModules,
		layers_to_transform: config.layers ?? null,
		layers_pattern: config.layersPattern.length ? config.layersPattern : null,
		modules_to_save: null,
		...(hasKeys(config.rankPattern) && { rank_pattern: config.rankPattern }),
		...(hasKeys(config.alphaPattern) && { alpha_pattern: config.alphaPattern }),
		...(config.rankStabilised && { use_rslora: true }),
		...(config.excludeModules.length > 0 && { exclude_modules: config.excludeModules })
	};
	return JSON.stringify(json, null, '\t') + '\n';
}

function parseObject(json: string | Uint8Array): Record<string, unknown> {
	if (json.length > MAX_CONFIG_BYTES) throw malformed(`it is larger than ${MAX_CONFIG_BYTES} bytes`);
	let config: unknown;
	try {
		config = parseStrictJson(json, { maxDepth: 16 });
	} catch (cause) {
		throw malformed(cause instanceof Error ? cause.message : String(cause), cause);
	}
	if (!isJsonObject(config)) throw malformed('it is not a JSON object');
	return config;
}

/** Fields that mean nothing to us only while they are empty, with what they would need. */
const UNSUPPORTED: Record<string, string> = {
	use_dora: 'is trained with DoRA, which also rescales the base weights',
	lora_bias: 'has trained biases',
	modules_to_save: 'replaces whole modules of the base besides its low-rank matrices',
	trainable_token_indices: 'has trained token embeddings',
	target_parameters: 'changes bare parameters instead of linear modules',
	layer_replication: 'repeats layers of the base',
	use_qalora: 'is trained with QALoRA, which pools the inputs',
	alora_invocation_tokens: 'is an activated LoRA, which works only from certain tokens on',
	megatron_config: 'is divided for Megatron',
	use_bdlora: 'is a block-diagonal LoRA',
	arrow_config: 'routes between several adapters (Arrow)',
	kasa_config: 'is trained with KaSA, which changes the base weights',
	velora_config: 'is trained with VeLoRA',
	monteclora_config: 'is trained with MonteCLoRA'
};

/** Starting points of the training that leave the base as it is. The others (PiSSA, OLoRA, …) subtract from it. */
const HARMLESS_INIT: unknown[] = [undefined, null, true, false, 'gaussian', 'eva', 'orthogonal'];

function refuseUnsupported(config: Record<string, unknown>): void {
	if (config.peft_type !== 'LORA')
		throw unsupported(`is of the type ${show(config.peft_type)}; only LoRA can be used`);
	for (const [field, reason] of Object.entries(UNSUPPORTED)) {
		const value = config[field] ?? false;
		if (value !== false && !(Array.isArray(value) && value.length === 0)) throw unsupported(reason);
	}
	if ((config.bias ?? 'none') !== 'none')
		throw unsupported(`has trained biases (bias: ${show(config.bias)})`);
	if (!HARMLESS_INIT.includes(config.init_lora_weights))
		throw unsupported(
			`starts from changed base weights (init_lora_weights: ${show(config.init_lora_weights)})`
		);
}

function flag(value: unknown, field: string): boolean {
	if ((value ?? false) !== false && value !== true) throw malformed(`${field} is not true or false`);
	return value === true;
}

function namesOrPattern(value: unknown, field: string): string[] | string {
	if (typeof value === 'string') return value;
	const names = value ?? [];
	if (!Array.isArray(names) || names.length > MAX_NAMES || !names.every((name) => typeof name === 'string'))
		throw malformed(`${field} is neither a list of names nor a pattern`);
	return names;
}

function numbersByPattern(
	value: unknown,
	field: string,
	isValid: (value: unknown) => value is number
): Record<string, number> {
	const entries = Object.entries(isJsonObject(value) ? value : {});
	if (!isJsonObject(value ?? {}) || entries.length > MAX_NAMES)
		throw malformed(`${field} is not a map from patterns`);
	return Object.fromEntries(
		entries.map(([pattern, number]) => {
			if (!isValid(number)) throw unsupported(`has ${show(number)} in ${field}, which cannot be used`);
			return [pattern, number];
		})
	);
}

function isRank(value: unknown): value is number {
	return Number.isInteger(value) && (value as number) >= 1 && (value as number) <= MAX_RANK;
}

function isFinite(value: unknown): value is number {
	return Number.isFinite(value);
}

/** A value from a stranger's file, fit for a message. */
function show(value: unknown): string {
	return value === undefined ? 'nothing' : JSON.stringify(value).slice(0, 80);
}

function malformed(reason: string, cause?: unknown): OpenLedgerError {
	return new OpenLedgerError('adapter/malformed', `This adapter_config.json cannot be used: ${reason}.`, {
		remedy: 'Export the adapter again with PEFT (save_pretrained).',
		cause
	});
}

function unsupported(reason: string): OpenLedgerError {
	return new OpenLedgerError('adapter/unsupported', `This adapter ${reason}.`, {
		remedy:
			'Use a plain LoRA adapter, or merge this one into its base with PEFT and import the result as a model.'
	});
}
