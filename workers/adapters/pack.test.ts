import { describe, expect, it } from 'vitest';
import { f16ToF32 } from '#workers/formats/half.ts';
import { seededRandom } from '#test/support/random.ts';
import { checkFit } from './check-fit.ts';
import type { LoraAdapter, LoraModule } from './lora-adapter.ts';
import { parseAdapterConfig } from './lora-config.ts';
import type { LoraSlot } from '#workers/onnx/slots.ts';
import { blend, packAdapter } from './pack.ts';
import { stackRows, type LoraInput } from './stack-rows.ts';

const config = parseAdapterConfig(
	'{"peft_type":"LORA","target_modules":"all-linear","base_model_name_or_path":"b/c"}'
);
const part = (path: string, outFeatures: number, offset: number) => ({
	module: path,
	path,
	outFeatures,
	offset
});
/** A fused slot of three modules and a plain one. */
const slotsOf = (dataType: LoraSlot['dataType']): LoraSlot[] => [
	{
		name: 'qkv',
		layer: 0,
		a: 'qkv.a',
		b: 'qkv.b',
		inFeatures: 5,
		outFeatures: 12,
		dataType,
		parts: [part('q', 6, 0), part('k', 2, 6), part('v', 4, 8)]
	},
	{
		name: 'o',
		layer: 0,
		a: 'o.a',
		b: 'o.b',
		inFeatures: 6,
		outFeatures: 5,
		dataType,
		parts: [part('o', 5, 0)]
	}
];
const slots = slotsOf('float32');

function randomAdapter(random: () => number, ranks: Record<string, number>): LoraAdapter {
	const values = (length: number) => Float32Array.from({ length }, () => random() * 2 - 1);
	const modules = new Map<string, LoraModule>();
	for (const { inFeatures, parts } of slots)
		for (const { path, outFeatures } of parts) {
			const rank = ranks[path];
			if (!rank) continue;
			const shape = { rank, inFeatures, outFeatures, scale: random() * 3 };
			modules.set(path, { ...shape, a: values(rank * inFeatures), b: values(outFeatures * rank) });
		}
	return { config, modules };
}

/** What the adapter adds to a slot's output, by the definition: scale · B·(A·x), float64. */
function expectedDelta(adapter: LoraAdapter, slot: LoraSlot, x: number[]): number[] {
	const y = new Array<number>(slot.outFeatures).fill(0);
	for (const { path, offset } of slot.parts) {
		const module = adapter.modules.get(path);
		if (!module) continue;
		for (let j = 0; j < module.outFeatures; j++)
			for (let k = 0; k < module.rank; k++)
				for (let i = 0; i < module.inFeatures; i++)
					y[offset + j] =
						(y[offset + j] as number) +
						module.scale *
							(module.b[j * module.rank + k] as number) *
							(module.a[k * module.inFeatures + i] as number) *
							(x[i] as number);
	}
	return y;
}

/** What the serve graph computes for one row: x·A·B, float64. */
function graphDelta(inputs: Map<string, LoraInput>, slot: LoraSlot, row: number, x: number[]): number[] {
	const matrix = (name: string) => {
		const { dims, data } = inputs.get(name) as LoraInput;
		const [, rows, columns] = dims;
		const wide = data instanceof Uint16Array ? f16ToF32(data) : data;
		expect(wide.length).toBe(dims[0] * rows * columns);
		return { columns, at: (i: number, j: number) => wide[(row * rows + i) * columns + j] as number };
	};
	const [a, b] = [matrix(slot.a), matrix(slot.b)];
	const y = new Array<number>(slot.outFeatures).fill(0);
	for (let k = 0; k < a.columns; k++) {
		const xa = x.reduce((sum, xi, i) => sum + xi * a.at(i, k), 0);
		for (let j = 0; j < y.length; j++) y[j] = (y[j] as number) + xa * b.at(k, j);
	}
	return y;
}

const maxDifference = (x: number[], y: number[]) =>
	Math.max(...x.map((value, i) => Math.abs(value - (y[i] as number))));
const example = (seed: number) => {
	const random = seededRandom(seed);
	const adapters = [
		randomAdapter(random, { q: 3, v: 2, o: 1 }),
		randomAdapter(random, { q: 1, k: 4, v: 1 }),
		randomAdapter(random, { o: 8 })
	] as const;
	const x = (length: number) => Array.from({ length }, () => random() * 2 - 1);
	return { adapters, x };
};

describe('packing for a serve graph', () => {
	it.each([
		['float32', 2e-6],
		['float16', 6e-3]
	] as const)('gives every row its own adapter’s change, in %s', (dataType, bound) => {
		const seed = 3;
		const { adapters, x } = example(seed);
		const typed = slotsOf(dataType);
		const packed = adapters.map((adapter) => packAdapter(adapter, typed));
		const rows = [packed[1], null, packed[0], packed[2]].map((row) => row ?? null);
		const inputs = stackRows(rows, typed);
		expect(inputs.get('qkv.a')?.dims).toEqual([4, 5, 6]);
		expect(inputs.get('o.b')?.dims).toEqual([4, 8, 5]);
		expect(inputs.get('o.b')?.dataType).toBe(dataType);
		for (const slot of typed) {
			const input = x(slot.inFeatures);
			[adapters[1], undefined, adapters[0], adapters[2]].forEach((adapter, row) => {
				const expected = adapter
					? expectedDelta(adapter, slot, input)
					: new Array<number>(slot.outFeatures).fill(0);
				const difference = maxDifference(graphDelta(inputs, slot, row, input), expected);
				expect(difference, `seed ${seed}, ${slot.name}, row ${row}`).toBeLessThan(bound);
			});
		}
	});

	it.each([
		['float32', 2e-6],
		['float16', 6e-3]
	] as const)('blends adapters by weight, in %s', (dataType, bound) => {
		const seed = 4;
		const { adapters, x } = example(seed);
		const typed = slotsOf(dataType);
		const weights = [0.5, -1, 1];
		const mixed = blend(
			adapters.map((adapter, i) => ({ adapter: packAdapter(adapter, typed), weight: weights[i] as number })),
			typed
		);
		expect(mixed.slots.map(({ rank }) => rank)).toEqual([11, 9]);
		for (const slot of typed) {
			const input = x(slot.inFeatures);
			const sum = new Array<number>(slot.outFeatures).fill(0);
			adapters.forEach((adapter, i) =>
				expectedDelta(adapter, slot, input).forEach((value, j) => {
					sum[j] = (sum[j] as number) + (weights[i] as number) * value;
				})
			);
			const difference = maxDifference(graphDelta(stackRows([mixed], typed), slot, 0, input), sum);
			expect(difference, `seed ${seed}, ${slot.name}`).toBeLessThan(bound);
		}
	});

	it('gives slots without a module rank 0, or rank-1 zeros when asked', () => {
		const packed = packAdapter(example(5).adapters[2], slots);
		expect(stackRows([packed], slots).get('qkv.a')).toEqual({
			dataType: 'float32',
			dims: [1, 5, 0],
			data: new Float32Array()
		});
		const padded = stackRows([packed], slots, { minRank: 1 });
		expect(padded.get('qkv.b')).toEqual({
			dataType: 'float32',
			dims: [1, 1, 12],
			data: new Float32Array(12)
		});
		expect(padded.get('o.b')?.data).toBe(packed.slots[1]?.b);
		expect(stackRows([null], slots, { minRank: 1 }).get('o.a')?.dims).toEqual([1, 6, 1]);
		expect(stackRows([null, null], slots).get('o.a')?.dims).toEqual([2, 6, 0]);
	});

	it('counts its bytes', () => {
		const { adapters } = example(6);
		expect(packAdapter(adapters[2], slots).bytes).toBe(4 * 8 * (6 + 5));
		expect(packAdapter(adapters[2], slotsOf('float16')).bytes).toBe(2 * 8 * (6 + 5));
	});

	it('refuses values beyond float16 and weights that are no numbers', () => {
		const adapter = example(7).adapters[2];
		const module = adapter.modules.get('o') as LoraModule;
		const packed = packAdapter(adapter, slots);
		expect(() => blend([{ adapter: packed, weight: NaN }], slots)).toThrow(RangeError);
		module.scale = 1e7;
		expect(() => packAdapter(adapter, slotsOf('float16'))).toThrow(
			expect.objectContaining({ code: 'adapter/unsupported' })
		);
	});
});

describe('fit to a base', () => {
	it('accepts an adapter whose modules the base has', () => {
		expect(() => checkFit(example(8).adapters[0], slots)).not.toThrow();
	});

	it('names the module that the base lacks or has in other shapes, and the base it was made for', () => {
		const refusal = (adapter: LoraAdapter) => {
			try {
				checkFit(adapter, slots);
			} catch (error) {
				return error;
			}
			return undefined;
		};
		const [adapter] = example(9).adapters;
		const module = adapter.modules.get('o') as LoraModule;
		adapter.modules.set('o', { ...module, outFeatures: 7 });
		expect(refusal(adapter)).toMatchObject({
			code: 'adapter/wrong-base',
			message: 'This adapter changes o, as 6 → 7, where this model has 6 → 5.',
			remedy: 'Load the base model it was made for: "b/c".'
		});
		adapter.modules.set('o', { ...module, inFeatures: 7 });
		expect(refusal(adapter)).toMatchObject({ code: 'adapter/wrong-base', details: { module: 'o' } });
		adapter.modules.delete('o');
		adapter.modules.set('lm_head', module);
		expect(refusal(adapter)).toMatchObject({ code: 'adapter/wrong-base', details: { module: 'lm_head' } });
	});
});
