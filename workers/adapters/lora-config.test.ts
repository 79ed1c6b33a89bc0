import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { OpenLedgerError } from '#workers/errors.ts';
import { seededRandom } from '#test/support/random.ts';
import { sharedPath } from '#test/support/shared.ts';
import { formatAdapterConfig, parseAdapterConfig } from './lora-config.ts';
import { moduleSettings } from './module-settings.ts';

/** As PEFT 0.17 writes it. */
const full = {
	alpha_pattern: { 'layers.0.mlp.up_proj': 4 },
	auto_mapping: null,
	base_model_name_or_path: 'openledger/nano',
	bias: 'none',
	corda_config: null,
	eva_config: null,
	exclude_modules: null,
	fan_in_fan_out: false,
	inference_mode: true,
	init_lora_weights: true,
	layer_replication: null,
	layers_pattern: null,
	layers_to_transform: null,
	loftq_config: {},
	lora_alpha: 16,
	lora_bias: false,
	lora_dropout: 0.05,
	megatron_config: null,
	megatron_core: 'megatron.core',
	modules_to_save: null,
	peft_type: 'LORA',
	qalora_group_size: 16,
	r: 8,
	rank_pattern: { '.*\\.v_proj': 2, v_proj: 3 },
	revision: null,
	target_modules: ['q_proj', 'v_proj', 'up_proj'],
	target_parameters: null,
	task_type: 'CAUSAL_LM',
	trainable_token_indices: null,
	use_dora: false,
	use_qalora: false,
	use_rslora: false
};

const parse = (changes: Record<string, unknown>) =>
	parseAdapterConfig(JSON.stringify({ ...full, ...changes }));
const layer = (i: number, module: string) => `model.layers.${i}.${module}`;
const settingsOf = (changes: Record<string, unknown>, path: string) =>
	moduleSettings(parse(changes), [path]).get(path);

describe('PEFT configuration', () => {
	it('reads rank, alpha, scaling, targets and base', () => {
		expect(parse({ use_rslora: true, fan_in_fan_out: true })).toEqual({
			rank: 8,
			alpha: 16,
			rankStabilised: true,
			rankPattern: full.rank_pattern,
			alphaPattern: full.alpha_pattern,
			targetModules: full.target_modules,
			excludeModules: [],
			layers: undefined,
			layersPattern: [],
			fanInFanOut: true,
			baseModel: 'openledger/nano'
		});
	});

	it('comes back the same from what it writes', () => {
		for (const changes of [
			{},
			{ use_rslora: true, rank_pattern: {}, alpha_pattern: null },
			{ layers_to_transform: [0, 2], layers_pattern: 'layers', exclude_modules: ['lm_head'] },
			{ target_modules: 'all-linear' }
		]) {
			const config = parse(changes);
			expect(parseAdapterConfig(formatAdapterConfig(config))).toEqual(config);
		}
	});

	it.each([
		['another method', { peft_type: 'IA3' }, /IA3/],
		['no method', { peft_type: undefined }, /nothing/],
		['DoRA', { use_dora: true }, /DoRA/],
		['trained biases', { bias: 'all' }, /biases/],
		['LoRA biases', { lora_bias: true }, /biases/],
		['further modules', { modules_to_save: ['lm_head'] }, /whole modules/],
		['trained tokens', { trainable_token_indices: [3] }, /token embeddings/],
		['bare parameters', { target_parameters: ['experts.w1'] }, /parameters/],
		['repeated layers', { layer_replication: [[0, 4]] }, /repeats/],
		['activated LoRA', { alora_invocation_tokens: [1, 2] }, /certain tokens/],
		['PiSSA', { init_lora_weights: 'pissa_niter_4' }, /pissa/],
		['rank 0', { r: 0 }, /rank 0/],
		['rank 4096', { r: 4096 }, /rank 4096/],
		['rank 1.5', { r: 1.5 }, /rank 1.5/],
		['rank 0 in a pattern', { rank_pattern: { q_proj: 0 } }, /rank_pattern/]
	])('refuses %s and says why', (_, changes, reason) => {
		expect(() => parse(changes)).toThrow(expect.objectContaining({ code: 'adapter/unsupported' }));
		expect(() => parse(changes)).toThrow(reason);
	});

	it.each([
		['text that is not JSON', '{'],
		['a list', '[]'],
		['a key given twice', '{"peft_type":"LORA","r":1,"r":2,"target_modules":["a"]}'],
		['no targets', JSON.stringify({ ...full, target_modules: null })],
		['targets that are numbers', JSON.stringify({ ...full, target_modules: [1] })],
		['an alpha that is text', JSON.stringify({ ...full, lora_alpha: '16' })],
		['an alpha beyond all numbers', JSON.stringify(full).replace('"lora_alpha":16', '"lora_alpha":1e999')],
		['a flag that is a number', JSON.stringify({ ...full, use_rslora: 1 })],
		['a negative layer', JSON.stringify({ ...full, layers_to_transform: [-1] })],
		['a pattern map that is a list', JSON.stringify({ ...full, rank_pattern: [8] })],
		['a base that is a number', JSON.stringify({ ...full, base_model_name_or_path: 3 })],
		['two megabytes', JSON.stringify({ ...full, revision: 'x'.repeat(2 ** 21) })]
	])('refuses %s', (_, json) => {
		expect(() => parseAdapterConfig(json)).toThrow(expect.objectContaining({ code: 'adapter/malformed' }));
	});

	it('answers 20,000 damaged configurations with settings or with a typed error', () => {
		const seed = 11;
		const random = seededRandom(seed);
		const pick = <T>(list: readonly T[]) => list[Math.floor(random() * list.length)] as T;
		const values = [
			null,
			true,
			0,
			-1,
			1e308,
			'',
			'q_proj',
			'(a+)+$',
			'[',
			[],
			[[]],
			['v_proj'],
			{},
			{ a: {} },
			{ '.*': 4 },
			{ '(': 1 }
		];
		const tokens = ['{', '}', '"', ',', ':', '\\', '1e999', 'null', '[[', '\u0000'];
		const outcomes = { read: 0, refused: 0 };
		for (let i = 0; i < 20_000; i++) {
			const config: Record<string, unknown> = structuredClone(full);
			for (let e = Math.floor(random() * 3); e >= 0; e--) config[pick(Object.keys(full))] = pick(values);
			let text = JSON.stringify(config);
			if (random() < 0.5) {
				const at = Math.floor(random() * text.length);
				text = text.slice(0, at) + pick(tokens) + text.slice(at + Math.floor(random() * 4));
			}
			try {
				const settings = moduleSettings(parseAdapterConfig(text), [layer(0, 'self_attn.q_proj'), 'x']);
				for (const { rank, scale } of settings.values())
					if (!(rank >= 1 && rank <= 1024 && Number.isFinite(scale)))
						throw new Error(`rank ${rank}, scale ${scale}`);
				outcomes.read++;
			} catch (error) {
				if (!(error instanceof OpenLedgerError))
					throw new Error(`seed ${seed}, case ${i}: ${text}`, { cause: error });
				outcomes.refused++;
			}
		}
		expect(outcomes.read).toBeGreaterThan(2_000);
		expect(outcomes.refused).toBeGreaterThan(2_000);
		expect(outcomes.read + outcomes.refused).toBeGreaterThanOrEqual(10_000);
	});

	const folder = sharedPath('data/lora-peft');
	it.skipIf(!folder)('reads three real configurations (skipped where ../shared is absent)', () => {
		const read = (name: string) => parseAdapterConfig(readFileSync(`${folder}/${name}/adapter_config.json`));
		expect(read('gpt2-causal-r8-fmi')).toMatchObject({
			rank: 8,
			alpha: 32,
			targetModules: ['c_attn'],
			fanInFanOut: true
		});
		expect(read('gpt2-causal-r8-tigrinya')).toMatchObject({
			targetModules: ['c_attn', 'c_proj'],
			baseModel: 'gpt2'
		});
		expect(read('open-calm-1b-gptneox-r1')).toMatchObject({ rank: 1, fanInFanOut: false });
	});
});

describe('module settings', () => {
	it('targets by whole segments at the end of a path', () => {
		const targeted = (targets: unknown, path: string) =>
			settingsOf({ target_modules: targets }, path)?.targeted;
		expect(targeted(['q_proj'], layer(0, 'self_attn.q_proj'))).toBe(true);
		expect(targeted(['proj'], layer(0, 'self_attn.q_proj'))).toBe(false);
		expect(targeted(['self_attn.q_proj'], layer(0, 'self_attn.q_proj'))).toBe(true);
		expect(targeted(['lm_head'], 'lm_head')).toBe(true);
		expect(targeted('all-linear', 'anything')).toBe(true);
		expect(targeted('.*q_proj', layer(0, 'self_attn.q_proj'))).toBe(true);
		expect(targeted('q_proj', layer(0, 'self_attn.q_proj'))).toBe(false);
	});

	it('leaves out excluded modules and other layers', () => {
		const q = (i: number) => layer(i, 'self_attn.q_proj');
		expect(settingsOf({ exclude_modules: ['q_proj'] }, q(0))?.targeted).toBe(false);
		expect(settingsOf({ target_modules: 'all-linear', exclude_modules: '.*[.]q_proj' }, q(0))?.targeted).toBe(
			false
		);
		const layers = { layers_to_transform: [1, 11] };
		expect([0, 1, 2, 11].filter((i) => settingsOf(layers, q(i))?.targeted)).toEqual([1, 11]);
		expect(settingsOf({ layers_to_transform: 1 }, q(1))?.targeted).toBe(true);
		expect(settingsOf({ ...layers, layers_pattern: 'h' }, q(1))?.targeted).toBe(false);
		expect(settingsOf({ ...layers, layers_pattern: ['h', 'lay.*'] }, q(1))?.targeted).toBe(true);
		expect(settingsOf(layers, 'model.layers.1.experts.0.up_proj')?.targeted).toBe(true);
	});

	it('takes rank and alpha from the first pattern that ends the path at a segment, and scales by them', () => {
		expect(settingsOf({}, layer(0, 'self_attn.v_proj'))).toMatchObject({ rank: 2, alpha: 16, scale: 8 });
		expect(settingsOf({}, layer(0, 'mlp.up_proj'))).toMatchObject({ rank: 8, alpha: 4, scale: 0.5 });
		expect(settingsOf({}, layer(10, 'mlp.up_proj'))).toMatchObject({ rank: 8, alpha: 16 });
		expect(settingsOf({ rank_pattern: { proj: 2 } }, layer(0, 'mlp.up_proj'))?.rank).toBe(8);
		expect(settingsOf({ rank_pattern: { 'up|down': 2 } }, 'x.up')?.rank).toBe(2);
		expect(settingsOf({ rank_pattern: { 'm.p': 2 } }, 'mxp')?.rank).toBe(2);
		expect(settingsOf({ use_rslora: true, r: 16 }, layer(3, 'self_attn.q_proj'))?.scale).toBe(4);
	});
});
