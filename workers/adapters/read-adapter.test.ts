import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { memorySource } from '#workers/bytes.ts';
import { writeSafetensors, type TensorData } from '#workers/formats/safetensors.ts';
import { sharedPath } from '#test/support/shared.ts';
import { parseAdapterConfig, type LoraConfig } from './lora-config.ts';
import { readAdapter } from './read-adapter.ts';
import { writeAdapter } from './write-adapter.ts';

const config = parseAdapterConfig(
	JSON.stringify({
		peft_type: 'LORA',
		r: 2,
		lora_alpha: 6,
		target_modules: ['q_proj', 'v_proj'],
		rank_pattern: { v_proj: 1 }
	})
);
const f32 = (shape: number[], ...values: number[]): TensorData => ({
	dtype: 'F32',
	shape,
	data: Float32Array.from({ length: shape.reduce((n, size) => n * size, 1) }, (_, i) => values[i] ?? 0)
});
const tensors = () =>
	new Map<string, TensorData>([
		['base_model.model.m.0.q_proj.lora_A.weight', f32([2, 3], 1, 2, 3, 4, 5, 6)],
		['base_model.model.m.0.q_proj.lora_B.weight', f32([2, 2], 1, 0.5, -1, 0.25)],
		['m.0.v_proj.lora_A.weight', f32([1, 3], 7, 8, 9)],
		['m.0.v_proj.lora_B.weight', f32([1, 1], 2)]
	]);
const read = (map: Map<string, TensorData>, options = {}) =>
	readAdapter(config, memorySource(writeSafetensors(map)), options);
const changed = (changes: Record<string, TensorData | undefined>) => {
	const map = tensors();
	for (const [name, tensor] of Object.entries(changes)) {
		if (tensor) map.set(name, tensor);
		else map.delete(name);
	}
	return map;
};

describe('PEFT weights', () => {
	it('reads matrices, rank and scale of each module, with and without the prefix', () => {
		const { modules } = read(tensors());
		expect([...modules.keys()].sort()).toEqual(['m.0.q_proj', 'm.0.v_proj']);
		const common = { inFeatures: 3 };
		expect(modules.get('m.0.q_proj')).toEqual({
			...common,
			rank: 2,
			outFeatures: 2,
			scale: 3,
			a: Float32Array.of(1, 2, 3, 4, 5, 6),
			b: Float32Array.of(1, 0.5, -1, 0.25)
		});
		expect(modules.get('m.0.v_proj')).toMatchObject({ ...common, rank: 1, outFeatures: 1, scale: 6 });
	});

	it.each<[string, Record<string, TensorData | undefined>, RegExp]>([
		['a missing B', { 'm.0.v_proj.lora_B.weight': undefined }, /lacks the tensor m\.0\.v_proj\.lora_B/],
		['a missing A', { 'm.0.v_proj.lora_A.weight': undefined }, /lacks the tensor m\.0\.v_proj\.lora_A/],
		['a tensor of something else', { 'm.0.q_proj.weight': f32([1], 1) }, /"m\.0\.q_proj\.weight"/],
		['one tensor under two names', { 'm.0.q_proj.lora_A.weight': f32([2, 3]) }, /two tensors lora_A/],
		[
			'a module that is not targeted',
			{ 'k.lora_A.weight': f32([2, 3]), 'k.lora_B.weight': f32([2, 2]) },
			/for k,/
		],
		['another rank', { 'm.0.v_proj.lora_A.weight': f32([2, 3]) }, /m\.0\.v_proj, where rank 1/],
		['another rank in B', { 'm.0.v_proj.lora_B.weight': f32([1, 2]) }, /m\.0\.v_proj, where rank 1/],
		['a vector', { 'm.0.v_proj.lora_B.weight': f32([1]) }, /m\.0\.v_proj, where/],
		['an empty matrix', { 'm.0.v_proj.lora_B.weight': f32([0, 1]) }, /m\.0\.v_proj, where/],
		['NaN', { 'm.0.v_proj.lora_A.weight': f32([1, 3], 0, NaN) }, /not finite at m\.0\.v_proj/],
		['infinity', { 'm.0.v_proj.lora_B.weight': f32([1, 1], -Infinity) }, /not finite at m\.0\.v_proj/]
	])('refuses %s and names it', (_, changes, reason) => {
		expect(() => read(changed(changes))).toThrow(expect.objectContaining({ code: 'adapter/malformed' }));
		expect(() => read(changed(changes))).toThrow(reason);
	});

	it('refuses an empty file, DoRA and embeddings', () => {
		expect(() => read(new Map())).toThrow(expect.objectContaining({ code: 'adapter/malformed' }));
		for (const name of ['m.0.q_proj.lora_magnitude_vector.weight', 'm.embed.lora_embedding_A'])
			expect(() => read(changed({ [name]: f32([1], 1) }))).toThrow(
				expect.objectContaining({ code: 'adapter/unsupported' })
			);
	});

	it('refuses more bytes than allowed before reading them', () => {
		expect(read(tensors(), { maxBytes: 56 }).modules.size).toBe(2);
		expect(() => read(tensors(), { maxBytes: 55 })).toThrow(
			expect.objectContaining({ code: 'adapter/too-large' })
		);
	});

	it.each(['F32', 'F16', 'BF16'] as const)('reads back what it writes as %s', (dtype) => {
		const adapter = read(tensors());
		const files = writeAdapter(adapter, dtype);
		const again = readAdapter(
			parseAdapterConfig(files.get('adapter_config.json') ?? ''),
			memorySource(files.get('adapter_model.safetensors') ?? new Uint8Array())
		);
		expect(again.config).toEqual(adapter.config);
		expect(new Map([...again.modules].sort())).toEqual(new Map([...adapter.modules].sort()));
	});

	const real: [string, number, Partial<LoraConfig>][] = [
		['data/lora-peft/gpt2-causal-r8-fmi', 12, { rank: 8 }],
		['data/lora-peft/gpt2-causal-r8-tigrinya', 36, { rank: 8 }],
		['data/lora-peft/open-calm-1b-gptneox-r1', 24, { rank: 1 }],
		['models/nano/reference_adapter', 56, { rank: 8 }]
	];
	it.skipIf(!sharedPath('models/nano')).each(real)(
		'reads and writes %s without changing a value (skipped where ../shared is absent)',
		(name, count, expected) => {
			const folder = sharedPath(name) ?? '';
			const realConfig = parseAdapterConfig(readFileSync(`${folder}/adapter_config.json`));
			const weights = readFileSync(`${folder}/adapter_model.safetensors`);
			const adapter = readAdapter(realConfig, memorySource(weights));
			expect(adapter.config).toMatchObject(expected);
			expect(adapter.modules.size).toBe(count);
			const written = writeAdapter(adapter, 'F32');
			const again = readAdapter(
				parseAdapterConfig(written.get('adapter_config.json') ?? ''),
				memorySource(written.get('adapter_model.safetensors') ?? new Uint8Array())
			);
			expect(again.config).toEqual(adapter.config);
			for (const [path, module] of adapter.modules) {
				const other = again.modules.get(path);
				expect(Buffer.from(module.a.buffer).equals(Buffer.from(other?.a.buffer ?? new ArrayBuffer(0)))).toBe(
					true
				);
				expect(Buffer.from(module.b.buffer).equals(Buffer.from(other?.b.buffer ?? new ArrayBuffer(0)))).toBe(
					true
				);
			}
		}
	);
});
