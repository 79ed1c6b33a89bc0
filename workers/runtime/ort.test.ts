import { expect, test } from 'vitest';
import { ortModelOf } from '#test/support/decoders.ts';
import { decoderModel } from '#test/support/onnx/decoder-model.ts';
import { Ort } from './ort.ts';
import { WasmDecoder } from './wasm-decoder.ts';

const start = () => Ort.start({ build: 'wasm', threads: 1 });

test('bytes that are no graph give one typed error, and the runtime goes on', async () => {
	const ort = await start();
	await expect(WasmDecoder.create(ort, { graph: new Uint8Array(100).fill(0xff) })).rejects.toMatchObject({
		code: 'engine/failed'
	});
	const decoder = await WasmDecoder.create(ort, ortModelOf(decoderModel()));
	expect(decoder.shape).toMatchObject({ layers: 2, kvHeads: 2, headDim: 16, vocabSize: 96 });
});

test('a graph that is no decoder is refused by what it lacks', async () => {
	const model = decoderModel({ layers: 1 });
	model.graph.outputs = model.graph.outputs.filter(({ name }) => name !== 'present.0.value');
	await expect(WasmDecoder.create(await start(), ortModelOf(model))).rejects.toMatchObject({
		code: 'onnx/unsupported',
		message: expect.stringContaining('layer 0 has no value cache') as string
	});
});

test('weights that cannot be read fail the load, not the runtime', async () => {
	const ort = await start();
	const { graph, weights } = ortModelOf(decoderModel());
	const broken = {
		size: weights?.source.size ?? 0,
		read: () => {
			throw new Error('the file is gone');
		}
	};
	await expect(
		WasmDecoder.create(ort, { graph, weights: { path: weights?.path ?? '', source: broken } })
	).rejects.toMatchObject({ code: 'engine/failed' });
	await WasmDecoder.create(ort, ortModelOf(decoderModel()));
});

test('more memory than wasm has is reported as such', async () => {
	const ort = await start();
	for (const elements of [2 ** 30 - 2 ** 15, 2 ** 30, 2 ** 40])
		expect(() => ort.allocate('float32', [elements])).toThrow(
			expect.objectContaining({ code: 'device/out-of-memory' })
		);
	ort.allocate('float32', [1024]).dispose();
});

test('an abort in wasm is a lost device, from then on for every call', async () => {
	const ort = await start();
	const abort = () => {
		throw new WebAssembly.RuntimeError('Aborted()');
	};
	await expect(ort.exclusive(abort)).rejects.toMatchObject({ code: 'device/lost' });
	await expect(ort.exclusive(() => 1)).rejects.toMatchObject({ code: 'device/lost' });
	expect(ort.failure?.remedy).toContain('Continue');
});

test('tasks never overlap, and a failing one does not hold up the next', async () => {
	const ort = await start();
	let running = 0;
	const order: number[] = [];
	const task = (id: number) => async () => {
		expect(++running).toBe(1);
		await new Promise((resolve) => setTimeout(resolve, 5));
		running--;
		order.push(id);
		if (id === 1) throw new Error('one fails');
	};
	const results = await Promise.allSettled([0, 1, 2].map((id) => ort.exclusive(task(id))));
	expect(order).toEqual([0, 1, 2]);
	expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
});
