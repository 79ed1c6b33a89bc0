import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { adapterArrays, openWasmDecoder, relativeError } from '#test/support/decoders.ts';
import { decoderModel } from '#test/support/onnx/decoder-model.ts';
import { TestAdapter } from '#test/support/onnx/slot-values.ts';
import type { LoraSlot } from '#workers/onnx/slots.ts';
import type { DeviceAdapter, KvState } from './decoder.ts';
import { expandQuantised } from './expand.ts';
import { Ort } from './ort.ts';
import type { WasmDecoder } from './wasm-decoder.ts';

const PROMPTS = [
	[1, 5, 9, 33, 7],
	[2, 4],
	[60, 61, 62, 63, 64, 65, 66, 67]
];
/** Rows of a batch use other kernels than a single row: float32 rounding apart. */
const ROUNDING = 1e-5;

let ort: Ort;
let decoder: WasmDecoder;
let slots: LoraSlot[];
beforeAll(async () => {
	ort = await Ort.start({ build: 'wasm', threads: 1 });
	({ decoder, slots } = await openWasmDecoder(ort, decoderModel({ linear: 'q4', numLogitsToKeep: true })));
});
afterAll(() => decoder.dispose());

/** Logits of each row after its prompt and one more token. */
async function oneByOne(adapters: readonly (DeviceAdapter | undefined)[], tokens: readonly number[]) {
	const results: Float32Array[] = [];
	for (const [row, prompt] of PROMPTS.entries()) {
		const state = decoder.createState();
		await decoder.run(state, [prompt], { adapters: [adapters[row]] });
		const logits = await decoder.run(state, [[tokens[row] as number]], { adapters: [adapters[row]] });
		results.push((await logits.last(0)).slice());
		state.dispose();
	}
	return results;
}

async function prefilled(adapters: readonly (DeviceAdapter | undefined)[]): Promise<KvState[]> {
	const states: KvState[] = [];
	for (const [row, prompt] of PROMPTS.entries()) {
		const state = decoder.createState();
		await decoder.run(state, [prompt], { adapters: [adapters[row]] });
		states.push(state);
	}
	return states;
}

const upload = (seed: number, rank: number) =>
	decoder.upload(adapterArrays(slots, new TestAdapter(seed, () => rank)));

describe('rows of different length', () => {
	test.each([
		['the base model', () => [undefined, undefined, undefined]],
		['one adapter for all', () => new Array<DeviceAdapter>(3).fill(upload(1, 4))],
		['adapters of different rank, and none', () => [upload(1, 8), undefined, upload(2, 3)]]
	])('with %s give what each gives alone', async (_, make) => {
		const adapters = make();
		const expected = await oneByOne(adapters, [10, 20, 30]);
		const states = await prefilled(adapters);
		const joined = decoder.join(states);
		expect(joined.lengths).toEqual([5, 2, 8]);
		const logits = await decoder.run(joined, [[10], [20], [30]], { adapters });
		for (const row of [0, 1, 2])
			expect(relativeError(await logits.last(row), expected[row] as Float32Array)).toBeLessThan(ROUNDING);
	});

	test('go on alone after they were rows of a batch', async () => {
		const states = await prefilled([]);
		const joined = decoder.join(states);
		await decoder.run(joined, [[10], [20], [30]]);
		const alone = decoder.split(joined, 1);
		expect(alone.lengths).toEqual([3]);
		const expected = decoder.createState();
		await decoder.run(expected, [[...(PROMPTS[1] as number[]), 20]]);
		const wanted = (await (await decoder.run(expected, [[40]])).last(0)).slice();
		const got = await (await decoder.run(alone, [[40]])).last(0);
		expect(relativeError(got, wanted)).toBeLessThan(ROUNDING);
	});
});

describe('a cache', () => {
	test('that was cropped goes on as if the rest had never been', async () => {
		const state = decoder.createState();
		await decoder.run(state, [[1, 5, 9, 33, 7]]);
		decoder.crop(state, 3);
		const got = (await (await decoder.run(state, [[40, 41]])).last(0)).slice();
		const fresh = decoder.createState();
		const wanted = await (await decoder.run(fresh, [[1, 5, 9, 40, 41]])).last(0);
		expect(relativeError(got, wanted)).toBeLessThan(ROUNDING);
	});

	test('is as it was after a run that failed', async () => {
		const state = decoder.createState();
		await decoder.run(state, [[1, 5, 9]]);
		// 96 is the first id beyond the vocabulary.
		await expect(decoder.run(state, [[96]])).rejects.toMatchObject({ code: 'engine/failed' });
		expect(state.lengths).toEqual([3]);
		const got = (await (await decoder.run(state, [[7]])).last(0)).slice();
		const wanted = await (await decoder.run(decoder.createState(), [[1, 5, 9, 7]])).last(0);
		expect(relativeError(got, wanted)).toBeLessThan(ROUNDING);
	});
});

describe('adapters', () => {
	test('change the logits, and the base model is untouched by them', async () => {
		const run = async (adapter?: DeviceAdapter) =>
			(
				await (await decoder.run(decoder.createState(), [[1, 2, 3]], { adapters: [adapter] })).last(0)
			).slice();
		const before = await run();
		expect(relativeError(await run(upload(1, 4)), before)).toBeGreaterThan(0.05);
		expect(await run()).toEqual(before);
	});
});

describe('linears as float32', () => {
	test.each([
		['4 bits', { linear: 'q4' }],
		['4 bits, q, k and v in one', { linear: 'q4', packed: true, qkvBias: true }]
	] as const)('%s: same logits as the quantised kernels', async (_, options) => {
		const model = decoderModel(options);
		const expanded = expandQuantised(model, new Map());
		expect([...expanded.model.graph.nodes].some(({ opType }) => opType === 'MatMulNBits')).toBe(false);
		const plain = await openWasmDecoder(ort, model);
		const fast = await openWasmDecoder(ort, expanded.model, expanded.sources);
		const prompt = [3, 1, 4, 1, 5, 9, 2, 6];
		const wanted = await (await plain.decoder.run(plain.decoder.createState(), [prompt])).last(0);
		const got = await (await fast.decoder.run(fast.decoder.createState(), [prompt])).last(0);
		expect(relativeError(got, wanted)).toBeLessThan(ROUNDING);
		await plain.decoder.dispose();
		await fast.decoder.dispose();
	});
});
