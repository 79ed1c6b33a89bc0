import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { sharedPath } from '#test/support/shared.ts';
import type { LoraAdapter } from '#workers/adapters/lora-adapter.ts';
import { parseAdapterConfig } from '#workers/adapters/lora-config.ts';
import { blend, packAdapter } from '#workers/adapters/pack.ts';
import { readAdapter } from '#workers/adapters/read-adapter.ts';
import { stackRows } from '#workers/adapters/stack-rows.ts';
import { memorySource } from '#workers/bytes.ts';
import { openCheckpoint } from '#workers/models/builder/checkpoint.ts';
import { buildDecoder } from '#workers/models/builder/decoder.ts';
import { openNodeFile } from '#workers/models/builder/node-file.ts';
import { rewriteForServing } from '#workers/onnx/rewrite.ts';
import type { LoraSlot } from '#workers/onnx/slots.ts';
import { writeModel } from '#workers/onnx/write.ts';
import type { DeviceAdapter } from '#workers/runtime/decoder.ts';
import { Ort } from '#workers/runtime/ort.ts';
import { segmentSource } from '#workers/runtime/segment-source.ts';
import { WasmDecoder } from '#workers/runtime/wasm-decoder.ts';

interface Reference {
	logits: {
		ids: number[];
		adapter: boolean;
		position: number;
		top_ids: number[];
		top_logits: number[];
		sum: number;
		norm: number;
	}[];
}

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

const folder = sharedPath('models/nano');

/** From PEFT's files to logits: reading, packing, the served float32 graph, the wasm runtime. */
describe.skipIf(!folder)('the reference adapter on nano (skipped where ../shared is absent)', () => {
	const file = (path: string) => readFileSync(join(folder ?? '', path));
	let decoder: WasmDecoder;
	let slots: LoraSlot[];
	let adapter: LoraAdapter;
	let reference: Reference;

	beforeAll(async () => {
		const checkpoint = openCheckpoint((name) => openNodeFile(join(folder ?? '', name)));
		const built = buildDecoder(checkpoint.config, checkpoint.weights, { dtype: 'fp32' });
		const serving = rewriteForServing(built, { lora: 'matmul', fuse: true });
		slots = serving.slots;
		const { graph, weights, weightsPath } = writeModel(serving.model);
		const source = segmentSource(weights, new Map());
		const ort = await Ort.start({ build: 'wasm', threads: 1 });
		decoder = await WasmDecoder.create(ort, { graph, weights: { path: weightsPath, source } });
		const config = parseAdapterConfig(file('reference_adapter/adapter_config.json'));
		adapter = readAdapter(config, memorySource(file('reference_adapter/adapter_model.safetensors')));
		reference = JSON.parse(file('reference.json').toString()) as Reference;
	});
	afterAll(() => decoder.dispose());

	const upload = (packed: Parameters<typeof stackRows>[0][number]) =>
		decoder.upload(stackRows([packed], slots));
	const logitsOf = async (ids: number[], uploaded: DeviceAdapter | undefined) => {
		const state = decoder.createState();
		const logits = await (await decoder.run(state, [ids], { adapters: [uploaded], logits: 'all' })).all(0);
		state.dispose();
		return logits;
	};
	/** Largest difference of the reference's eight best logits, and of the norm of all, both relative. */
	const error = (logits: Float32Array, expected: Reference['logits'][number]) => {
		const vocabulary = logits.length / expected.ids.length;
		const row = logits.subarray(expected.position * vocabulary, (expected.position + 1) * vocabulary);
		const top = expected.top_ids.map((id, i) =>
			Math.abs((row[id] as number) - (expected.top_logits[i] as number))
		);
		const norm = Math.sqrt(logits.reduce((sum, x) => sum + x * x, 0));
		return Math.max(
			Math.max(...top) / (expected.top_logits[0] as number),
			Math.abs(norm / expected.norm - 1)
		);
	};

	it('gives the float64 reference’s logits, with and without it, within 1e-4', async () => {
		const uploaded = upload(packAdapter(adapter, slots));
		expect(reference.logits.filter((entry) => entry.adapter).length).toBeGreaterThan(2);
		for (const entry of reference.logits) {
			const logits = await logitsOf(entry.ids, entry.adapter ? uploaded : undefined);
			expect(error(logits, entry)).toBeLessThan(1e-4);
		}
		uploaded.dispose();
	});

	it('gives them as a blend of its parts, too', async () => {
		const packed = packAdapter(adapter, slots);
		const parts = [0.5, 1.25, -0.75].map((weight) => ({ adapter: packed, weight }));
		const blended = upload(blend(parts, slots));
		const entry = reference.logits.find((candidate) => candidate.adapter) as Reference['logits'][number];
		expect(error(await logitsOf(entry.ids, blended), entry)).toBeLessThan(1e-4);
		blended.dispose();
	});
});
