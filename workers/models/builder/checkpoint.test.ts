import { describe, expect, it } from 'vitest';
import { fails } from '#test/support/check.ts';
import { memorySource } from '#workers/bytes.ts';
import { writeSafetensors, type TensorData } from '#workers/formats/safetensors.ts';
import { f32ToBf16, f32ToF16 } from '#workers/formats/half.ts';
import { openCheckpoint } from './checkpoint.ts';
import { parseModelConfig } from './config.ts';
import { expectedTensors, randomWeights, type DecoderWeights } from './weights.ts';

const json = {
	model_type: 'llama',
	hidden_size: 32,
	intermediate_size: 48,
	num_hidden_layers: 2,
	num_attention_heads: 2,
	vocab_size: 40,
	max_position_embeddings: 16
};
const config = parseModelConfig(json);
const random = randomWeights(config, 3);
const text = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));

/** The random checkpoint's tensors, in one of the three types. */
function tensors(dtype: 'F32' | 'F16' | 'BF16' = 'F32'): [string, TensorData][] {
	return [...expectedTensors(config)].map(([name, shape]) => {
		const values = random.rows(name, 0, shape.length === 2 ? (shape[0] ?? 0) : 1);
		const data = { F32: () => values, F16: () => f32ToF16(values), BF16: () => f32ToBf16(values) }[dtype]();
		return [name, { dtype, shape, data }];
	});
}

/** Opens a folder given as file contents by name. */
function open(files: Record<string, Uint8Array>) {
	return openCheckpoint((name) => {
		const bytes = Object.hasOwn(files, name) ? files[name] : undefined;
		return bytes && memorySource(bytes);
	});
}

/** Two shards, cut in the middle, and their index. */
function sharded() {
	const all = tensors();
	const middle = all.length >> 1;
	const shards = { 'model-1.safetensors': all.slice(0, middle), 'model-2.safetensors': all.slice(middle) };
	const map = Object.entries(shards).flatMap(([file, part]) => part.map(([name]) => [name, file]));
	return {
		'config.json': text(json),
		'model.safetensors.index.json': text({ weight_map: Object.fromEntries(map) }),
		'model-1.safetensors': writeSafetensors(new Map(shards['model-1.safetensors'])),
		'model-2.safetensors': writeSafetensors(new Map(shards['model-2.safetensors']))
	};
}

const single = (changed = new Map(tensors())) => ({
	'config.json': text(json),
	'model.safetensors': writeSafetensors(changed)
});

function largestDifference(weights: DecoderWeights): number {
	let most = 0;
	for (const [name, shape] of expectedTensors(config)) {
		const rows = shape.length === 2 ? (shape[0] ?? 0) : 1;
		const expected = random.rows(name, 0, rows);
		weights.rows(name, 0, rows).forEach((value, i) => {
			most = Math.max(most, Math.abs(value - (expected[i] ?? NaN)));
		});
	}
	return most;
}

describe('openCheckpoint', () => {
	it('reads weights in F32 exactly, in F16 and BF16 as far as they hold them', () => {
		expect(largestDifference(open(single()).weights)).toBe(0);
		expect(largestDifference(open(single(new Map(tensors('F16')))).weights)).toBeLessThan(1e-3);
		expect(largestDifference(open(single(new Map(tensors('BF16')))).weights)).toBeLessThan(6e-3);
	});

	it('reads any rows of a matrix by themselves', () => {
		const { weights } = open(single());
		const name = 'model.layers.1.mlp.down_proj.weight';
		expect(weights.rows(name, 5, 3)).toEqual(random.rows(name, 5, 3));
	});

	it('joins shards by their index', () => {
		expect(largestDifference(open(sharded()).weights)).toBe(0);
	});

	it.each([
		['config.json', undefined],
		['config.json', new TextEncoder().encode('{"model_type": "llama"')],
		['config.json', Uint8Array.of(0xff, 0xfe, 0x7b)],
		['config.json', text([])],
		['model.safetensors.index.json', undefined],
		['model.safetensors.index.json', text({})],
		['model.safetensors.index.json', text({ weight_map: { a: '../../etc/x.safetensors' } })],
		['model.safetensors.index.json', text({ weight_map: { a: 'C:\\x.safetensors' } })],
		['model.safetensors.index.json', text({ weight_map: { a: 7 } })],
		['model-2.safetensors', undefined]
	])('refuses a folder whose %s is %j', async (name, bytes) => {
		const { [name as 'config.json']: removed, ...rest } = sharded();
		expect(removed).toBeDefined();
		await fails(() => open(bytes ? { ...rest, [name]: bytes } : rest), 'config/malformed');
	});

	it('refuses a tensor that two shards hold', async () => {
		const files = sharded();
		const [first] = tensors();
		files['model-2.safetensors'] = writeSafetensors(
			new Map([...tensors().slice(-4), ...(first ? [first] : [])])
		);
		const error = await fails(() => open(files), 'safetensors/malformed');
		expect(error.message).toContain('model.embed_tokens.weight');
	});

	it('refuses weights of another type than F32, F16 and BF16, and values that are not finite, naming the tensor', async () => {
		const name = 'model.norm.weight';
		const integers = new Map(tensors()).set(name, { dtype: 'I32', shape: [32], data: new Int32Array(32) });
		const nan = new Map(tensors()).set(name, {
			dtype: 'F32',
			shape: [32],
			data: new Float32Array(32).fill(1).fill(NaN, 7, 8)
		});
		for (const changed of [integers, nan]) {
			const { weights } = open(single(changed));
			const error = await fails(() => weights.rows(name, 0, 1), 'safetensors/malformed');
			expect(error.message).toContain(name);
		}
	});

	it('refuses weights that do not fit config.json', async () => {
		const wide = { ...single(), 'config.json': text({ ...json, intermediate_size: 64 }) };
		const error = await fails(() => open(wide), 'safetensors/malformed');
		expect(error.message).toContain('mlp.gate_proj.weight');
	});
});
