import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { seededRandom } from '#test/support/random.ts';
import { sharedPath } from '#test/support/shared.ts';
import type { LoraAdapter } from '#workers/adapters/lora-adapter.ts';
import { parseAdapterConfig } from '#workers/adapters/lora-config.ts';
import { moduleSettings } from '#workers/adapters/module-settings.ts';
import { packAdapter } from '#workers/adapters/pack.ts';
import { stackRows } from '#workers/adapters/stack-rows.ts';
import { writeAdapter } from '#workers/adapters/write-adapter.ts';
import { openCheckpoint } from '#workers/models/builder/checkpoint.ts';
import { buildDecoder } from '#workers/models/builder/decoder.ts';
import { openNodeFile } from '#workers/models/builder/node-file.ts';
import { rewriteForServing } from '#workers/onnx/rewrite.ts';
import type { LoraSlot } from '#workers/onnx/slots.ts';
import { writeModel } from '#workers/onnx/write.ts';
import { Ort } from '#workers/runtime/ort.ts';
import { segmentSource } from '#workers/runtime/segment-source.ts';
import { WasmDecoder } from '#workers/runtime/wasm-decoder.ts';

vi.setConfig({ testTimeout: 300_000, hookTimeout: 120_000 });

const base = sharedPath('models/nano');
/** Debian's torch lies with Debian's Python, which need not be the first on the path. */
const python = ['python3', '/usr/bin/python3'].find(
	(path) => spawnSync(path, ['-c', 'import numpy, torch']).status === 0
);
const skipped = !base ? 'no ../shared' : !python && 'no Python with torch';

const layers = '.*layers[.][0-5][.].*(q_proj|v_proj|o_proj|down_proj)';
const cases = [
	{
		dtype: 'F32',
		config: { r: 8, lora_alpha: 16, target_modules: ['q_proj', 'k_proj', 'up_proj', 'down_proj'] }
	},
	{
		dtype: 'F16',
		config: {
			r: 4,
			lora_alpha: 12,
			use_rslora: true,
			target_modules: layers,
			rank_pattern: { 'layers[.]1[.].*': 16, v_proj: 2 },
			alpha_pattern: { '[24].self_attn.o_proj': 5 }
		}
	},
	{
		dtype: 'BF16',
		config: {
			r: 6,
			lora_alpha: 6,
			target_modules: ['gate_proj', 'up_proj', 'self_attn.o_proj'],
			layers_to_transform: [0, 3, 7],
			exclude_modules: '.*3[.]mlp[.]up_proj'
		}
	}
] as const;

describe.skipIf(skipped)(
	`adapters that we write, opened by PEFT’s rules in Python${skipped ? ` (skipped: ${skipped})` : ''}`,
	() => {
		const folder = mkdtempSync(join(tmpdir(), 'peft-'));
		let decoder: WasmDecoder;
		let slots: LoraSlot[];
		beforeAll(async () => {
			const checkpoint = openCheckpoint((name) => openNodeFile(join(base ?? '', name)));
			const serving = rewriteForServing(
				buildDecoder(checkpoint.config, checkpoint.weights, { dtype: 'fp32' }),
				{
					lora: 'matmul',
					fuse: true
				}
			);
			slots = serving.slots;
			const { graph, weights, weightsPath } = writeModel(serving.model);
			const source = segmentSource(weights, new Map());
			const ort = await Ort.start({ build: 'wasm', threads: 1 });
			decoder = await WasmDecoder.create(ort, { graph, weights: { path: weightsPath, source } });
		});
		afterAll(async () => {
			await decoder.dispose();
			rmSync(folder, { recursive: true });
		});

		/** Random matrices for the modules that a configuration targets. */
		function adapterFor(json: object, seed: number): LoraAdapter {
			const config = parseAdapterConfig(JSON.stringify({ peft_type: 'LORA', ...json }));
			const random = seededRandom(seed);
			// Exact in all three formats, so that writing rounds nothing.
			const values = (length: number) =>
				Float32Array.from({ length }, () => (Math.floor(random() * 77) - 38) / 256);
			const parts = slots.flatMap(({ inFeatures, parts: all }) =>
				all.map((part) => ({ ...part, inFeatures }))
			);
			const settings = moduleSettings(
				config,
				parts.map(({ path }) => path)
			);
			return {
				config,
				modules: new Map(
					parts.flatMap(({ path, inFeatures, outFeatures }) => {
						const { targeted, rank, scale } = settings.get(path) ?? { targeted: false, rank: 0, scale: 0 };
						if (!targeted) return [];
						const [a, b] = [values(rank * inFeatures), values(outFeatures * rank)];
						return [[path, { a, b, rank, scale, inFeatures, outFeatures }] as const];
					})
				)
			};
		}

		it.each(cases)('$dtype, $config', async ({ dtype, config }) => {
			const adapter = adapterFor(config, 7);
			const files = writeAdapter(adapter, dtype);
			for (const [name, bytes] of files) writeFileSync(join(folder, name), bytes);
			const ids = Array.from({ length: 24 }, (_, i) => (i * 389 + 11) % 4096);
			const script = new URL('peft-logits.py', import.meta.url).pathname;
			const output = execFileSync(python ?? '', [script, base ?? '', folder], {
				input: JSON.stringify(ids),
				maxBuffer: 2 ** 28
			});
			const expected = (JSON.parse(output.toString()) as number[][]).flat();

			const uploaded = decoder.upload(stackRows([packAdapter(adapter, slots)], slots));
			const logitsOf = async (adapters: (typeof uploaded)[]) => {
				const state = decoder.createState();
				const logits = await (await decoder.run(state, [ids], { adapters, logits: 'all' })).all(0);
				const copy = logits.slice();
				state.dispose();
				return copy;
			};
			const distance = (logits: Float32Array) => {
				let [worst, largest] = [0, 0];
				for (const [i, value] of expected.entries()) {
					worst = Math.max(worst, Math.abs(value - (logits[i] as number)));
					largest = Math.max(largest, Math.abs(value));
				}
				return worst / largest;
			};
			expect(expected).toHaveLength(24 * 4096);
			expect(distance(await logitsOf([uploaded]))).toBeLessThan(1e-4);
			// The adapter matters: without it the logits are far away.
			expect(distance(await logitsOf([]))).toBeGreaterThan(0.02);
			uploaded.dispose();
		});
	}
);
