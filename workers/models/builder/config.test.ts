import { describe, expect, it } from 'vitest';
import { seededRandom } from '#test/support/random.ts';
import { OpenLedgerError } from '#workers/errors.ts';
import { parseModelConfig } from './config.ts';

const llama = {
	architectures: ['LlamaForCausalLM'],
	model_type: 'llama',
	hidden_size: 256,
	intermediate_size: 704,
	num_hidden_layers: 8,
	num_attention_heads: 4,
	num_key_value_heads: 2,
	vocab_size: 4096,
	max_position_embeddings: 512,
	rms_norm_eps: 1e-5,
	tie_word_embeddings: true,
	eos_token_id: [2, 0]
};

/** The error code for `llama` with some fields changed, or 'none'. */
function outcome(changes: Record<string, unknown>): string {
	try {
		parseModelConfig({ ...llama, ...changes });
		return 'none';
	} catch (error) {
		if (error instanceof OpenLedgerError) return error.code;
		throw error;
	}
}

describe('parseModelConfig', () => {
	it('fills in what Llama leaves to its defaults', () => {
		expect(parseModelConfig(llama)).toEqual({
			family: 'llama',
			hidden: 256,
			layers: 8,
			heads: 4,
			kvHeads: 2,
			headDim: 64,
			ffn: 704,
			vocab: 4096,
			context: 512,
			rmsEps: 1e-5,
			ropeTheta: 10000,
			ropeScaling: undefined,
			tied: true,
			qkvBias: false,
			outputBias: false,
			mlpBias: false,
			qkNorm: false,
			eosIds: [2, 0]
		});
	});

	it('knows that Qwen2 has biases on q, k and v only, and Qwen3 norms on heads of 128', () => {
		const qwen2 = parseModelConfig({ ...llama, model_type: 'qwen2', architectures: undefined });
		expect(qwen2).toMatchObject({ qkvBias: true, outputBias: false, qkNorm: false, headDim: 64 });
		const qwen3 = parseModelConfig({ ...llama, model_type: 'qwen3', architectures: ['Qwen3ForCausalLM'] });
		expect(qwen3).toMatchObject({ qkvBias: false, qkNorm: true, headDim: 128 });
	});

	it("reads Llama 3's RoPE scaling in the form of transformers 4 and of transformers 5", () => {
		const rope = {
			factor: 32,
			low_freq_factor: 1,
			high_freq_factor: 4,
			original_max_position_embeddings: 8192,
			rope_type: 'llama3'
		};
		const expected = {
			ropeTheta: 500000,
			ropeScaling: { factor: 32, lowFreqFactor: 1, highFreqFactor: 4, originalContext: 8192 }
		};
		expect(parseModelConfig({ ...llama, rope_theta: 500000, rope_scaling: rope })).toMatchObject(expected);
		expect(parseModelConfig({ ...llama, rope_parameters: { ...rope, rope_theta: 500000 } })).toMatchObject(
			expected
		);
	});

	it.each([
		{ model_type: 'gemma3' },
		{ architectures: ['LlamaForSequenceClassification'] },
		{ hidden_act: 'gelu' },
		{ quantization_config: { quant_method: 'gptq' } },
		{ use_sliding_window: true },
		{ layer_types: ['full_attention', 'sliding_attention'] },
		{ partial_rotary_factor: 0.5 },
		{ rope_scaling: { type: 'linear', factor: 2 } },
		{ rope_scaling: { rope_type: 'yarn', factor: 4 } },
		{ head_dim: 24 }
	])('refuses %j as a model of another kind', (changes) => {
		expect(outcome(changes)).toBe('config/unsupported');
	});

	it.each([
		{ model_type: undefined },
		{ hidden_size: 0 },
		{ hidden_size: -256 },
		{ hidden_size: 256.5 },
		{ hidden_size: '256' },
		{ hidden_size: 1e300 },
		{ hidden_size: 250, num_attention_heads: 4 },
		{ num_hidden_layers: 1e6 },
		{ num_attention_heads: 4, num_key_value_heads: 3 },
		{ head_dim: 63 },
		{ rms_norm_eps: 0 },
		{ rms_norm_eps: null, rope_theta: -1 },
		{ tie_word_embeddings: 'yes' },
		{ eos_token_id: 4096 },
		{ eos_token_id: [[2]] },
		{ rope_scaling: 'llama3' },
		{ rope_scaling: { rope_type: 'llama3' } }
	])('refuses %j as malformed', (changes) => {
		expect(outcome(changes)).toBe('config/malformed');
	});

	it.each([null, undefined, [], 'llama', 7, true])('refuses %j, which is no object', (json) => {
		expect(() => parseModelConfig(json)).toThrowError(OpenLedgerError);
	});

	it('answers 10,000 mangled configurations with a config in range or a typed error', () => {
		const seed = Number(process.env.SEED ?? Date.now() % 1e9);
		const random = seededRandom(seed);
		const pick = <T>(values: readonly T[]): T => values[Math.floor(random() * values.length)] as T;
		const junk: unknown[] = [
			...[null, true, false, '', 'llama', '__proto__', 0, -1, 1, 2, 3, 0.5, 64, 1e9, 2 ** 53, 1e308, NaN, -0],
			...[
				Infinity,
				[],
				[null],
				{},
				{ type: 'llama3' },
				{ toString: 1 },
				[[[]]],
				{ factor: {} },
				'x'.repeat(1e4)
			]
		];
		const keys = [...Object.keys(llama), 'head_dim', 'rope_theta', 'rope_scaling', 'rope_parameters'];
		keys.push('attention_bias', 'mlp_bias', 'hidden_act', 'layer_types', 'use_sliding_window', 'constructor');
		for (let i = 0; i < 10_000; i++) {
			const json: Record<string, unknown> = { ...llama, model_type: pick(['llama', 'qwen2', 'qwen3']) };
			delete json['architectures'];
			for (let n = 1 + Math.floor(random() * 3); n > 0; n--)
				if (random() < 0.2) delete json[pick(keys)];
				else json[pick(keys)] = pick(junk);
			try {
				const config = parseModelConfig(json);
				const numbers = Object.values(config).filter((value) => typeof value === 'number');
				if (numbers.some((value) => !(value > 0 && value < 1e13)) || config.heads % config.kvHeads !== 0)
					throw new Error(`accepted ${JSON.stringify(json)}`);
			} catch (error) {
				if (error instanceof OpenLedgerError && error.message && error.remedy) continue;
				throw new Error(`seed ${seed}: ${JSON.stringify(json).slice(0, 500)}`, { cause: error });
			}
		}
		expect(seed).toBeGreaterThanOrEqual(0);
	});
});
