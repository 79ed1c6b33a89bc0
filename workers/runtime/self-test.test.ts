import { beforeAll, expect, test } from 'vitest';
import { openWasmDecoder } from '#test/support/decoders.ts';
import { decoderModel } from '#test/support/onnx/decoder-model.ts';
import type { Decoder, KvState, RunOptions } from './decoder.ts';
import { Ort } from './ort.ts';
import { selfTest } from './self-test.ts';

const OPTIONS = { tolerance: 1e-3 };
const open = async (seed: number): Promise<Decoder> =>
	(await openWasmDecoder(await Ort.start({ build: 'wasm', threads: 1 }), decoderModel({ seed }))).decoder;

let reference: Decoder;
beforeAll(async () => {
	reference = await open(1);
});

/** A decoder that is wrong for long prompt pieces, as fused attention is on SwiftShader. */
async function wrongFrom(length: number): Promise<Decoder> {
	const right = await open(1);
	const run = right.run.bind(right);
	right.run = (state: KvState, tokens: readonly (readonly number[])[], options?: RunOptions) =>
		run(
			state,
			tokens[0] && tokens[0].length >= length ? [tokens[0].map((id) => (id + 1) % 96)] : tokens,
			options
		);
	return right;
}

test('a device that agrees runs the model as it is', async () => {
	const { report, decoder } = await selfTest(reference, [{ graph: 'fused', open: () => open(1) }], OPTIONS);
	expect(report).toMatchObject({ plan: 'fused', failures: [] });
	expect(report.prefillChunk).toBeUndefined();
	expect(report.checks).toHaveLength(1);
	expect(report.checks[0]?.relativeError).toBeLessThan(1e-5);
	await decoder?.dispose();
});

test('a device that is wrong for long prompt pieces gets short ones', async () => {
	const { report } = await selfTest(reference, [{ graph: 'fused', open: () => wrongFrom(32) }], OPTIONS);
	expect(report).toMatchObject({ plan: 'fused', prefillChunk: 31 });
	expect(report.checks.map(({ passed }) => passed)).toEqual([false, true]);
});

test('one that stays wrong gets the next graph', async () => {
	const attempts = [
		{ graph: 'fused', open: () => wrongFrom(2) },
		{ graph: 'decomposed', open: () => open(1) }
	] as const;
	const { report } = await selfTest(reference, attempts, OPTIONS);
	expect(report.plan).toBe('decomposed');
	expect(report.checks.map(({ graph }) => graph)).toEqual(['fused', 'fused', 'decomposed']);
});

test('where nothing agrees, or nothing runs, wasm is left', async () => {
	const attempts = [
		{ graph: 'fused', open: () => open(2) },
		{ graph: 'fp32', open: () => Promise.reject(new Error('no memory')) }
	] as const;
	const { report, decoder } = await selfTest(reference, attempts, OPTIONS);
	expect(report.plan).toBe('wasm');
	expect(report.failures).toEqual([{ graph: 'fp32', message: 'no memory' }]);
	expect(decoder).toBeUndefined();
});
