import type { LoraConfig } from './lora-config.ts';

/** The low-rank change of one linear module: W + scale · B·A. */
export interface LoraModule {
	/** `[rank, inFeatures]`, row-major. */
	a: Float32Array;
	/** `[outFeatures, rank]`, row-major. */
	b: Float32Array;
	rank: number;
	inFeatures: number;
	outFeatures: number;
	scale: number;
}

/** A LoRA adapter in memory. */
export interface LoraAdapter {
	config: LoraConfig;
	/** By path in the base, without PEFT's prefix: `model.layers.3.self_attn.q_proj`. */
	modules: Map<string, LoraModule>;
}

/** Files of PEFT's layout. */
export const CONFIG_FILE = 'adapter_config.json';
export const WEIGHTS_FILE = 'adapter_model.safetensors';
export const MANIFEST_FILE = 'openledger.json';
/** Its attribution index, where one was made (workers/attribution/index/index-file.ts). */
export const INDEX_FILE = 'attribution.safetensors';
/** What PEFT puts before the module's path in the names of tensors. */
export const PEFT_PREFIX = 'base_model.model.';
