import { beforeAll, describe, expect, test } from 'vitest';
import { adapterArrays, openWasmDecoder } from '#test/support/decoders.ts';
import { decoderModel } from '#test/support/onnx/decoder-model.ts';
import { TestAdapter } from '#test/support/onnx/slot-values.ts';
import type { LoraSlot } from '#workers/onnx/slots.ts';
import { Ort } from '#workers/runtime/ort.ts';
import type { WasmDecoder } from '#workers/runtime/wasm-decoder.ts';
import { score } from './score.ts';

const TOKENS = [1, 5, 9, 33, 7, 60, 61, 2, 14, 80];
const PROMPT = 4;

let decoder: WasmDecoder;
let slots: LoraSlot[];
beforeAll(async () => {
	const ort = await Ort.start({ build: 'wasm', threads: 1 });
	({ decoder, slots } = await openWasmDecoder(ort, decoderModel({ numLogitsToKeep: true })));
});

/** ln p of each reply token, from a run of its own for every prefix, in float64. */
async function plainly(): Promise<number[]> {
	const result: number[] = [];
	for (let i = PROMPT; i < TOKENS.length; i++) {
		const logits = await decoder.run(decoder.createState(), [TOKENS.slice(0, i)]);
		const row = Float64Array.from(await logits.last(0));
		const sum = row.reduce((total, logit) => total + Math.exp(logit), 0);
		result.push((row[TOKENS[i] as number] as number) - Math.log(sum));
	}
	return result;
}

describe('the score of a reply', () => {
	test.each([1, 2, 3, 4, 6, 100])('is that of its tokens one by one, in runs of %d', async (chunk) => {
		const expected = await plainly();
		const { tokens, logLikelihood } = await score(decoder, TOKENS, PROMPT, { chunk });
		expect(tokens).toHaveLength(expected.length);
		expected.forEach((value, i) => expect(tokens[i]).toBeCloseTo(value, 5));
		expect(logLikelihood).toBeCloseTo(
			expected.reduce((a, b) => a + b),
			4
		);
	});

	test('of one token after one token', async () => {
		const { tokens } = await score(decoder, [3, 4], 1, { chunk: 8 });
		expect(tokens).toHaveLength(1);
	});

	test('differs under an adapter', async () => {
		const adapter = decoder.upload(adapterArrays(slots, new TestAdapter(1, () => 4)));
		const base = await score(decoder, TOKENS, PROMPT, { chunk: 8 });
		const lifted = await score(decoder, TOKENS, PROMPT, { chunk: 8, adapter });
		expect(Math.abs(lifted.logLikelihood - base.logLikelihood)).toBeGreaterThan(0.01);
	});

	test('needs a prompt and a reply', async () => {
		await expect(score(decoder, [1, 2], 2, { chunk: 8 })).rejects.toThrow(RangeError);
		await expect(score(decoder, [1, 2], 0, { chunk: 8 })).rejects.toThrow(RangeError);
	});
});
