import { createHash } from 'node:crypto';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { graphTensors } from '#test/support/graph-tensors.ts';
import { referenceLogits, referenceLoss, type LowRanks } from '#test/support/reference-decoder.ts';
import { engines } from '#test/support/engines.ts';
import { greedy } from '#test/support/greedy.ts';
import { DecoderSession } from '#test/support/run-decoder.ts';
import { sharedPath } from '#test/support/shared.ts';
import { readSafetensors, readTensorF32 } from '#workers/formats/safetensors.ts';
import { readModel } from '#workers/onnx/read.ts';
import { openCheckpoint, type Checkpoint } from './checkpoint.ts';
import { parseModelConfig } from './config.ts';
import { buildDecoder } from './decoder.ts';
import { openNodeFile } from './node-file.ts';

/** Float64 PyTorch results, written independently of this project's code. */
interface Reference {
	lora: { r: number; lora_alpha: number };
	logits: {
		ids: number[];
		adapter: boolean;
		position: number;
		top_ids: number[];
		top_logits: number[];
		sum: number;
		norm: number;
	}[];
	loss: { ids: number[]; prompt_length: number; adapter: boolean; mean_nll_of_reply: number }[];
	greedy: { prompt: string; adapter: boolean; ids: number[] }[];
}

const source = sharedPath('models/nano');
const bundled = resolve(import.meta.dirname, '../../../static/models/nano');

describe.skipIf(!source)('nano from its float32 checkpoint (skipped where ../shared is absent)', () => {
	const folder = source ?? '';
	let checkpoint: Checkpoint;
	let reference: Reference;
	let session: DecoderSession;
	beforeAll(async () => {
		checkpoint = openCheckpoint((name) => openNodeFile(join(folder, name)));
		reference = JSON.parse(readFileSync(join(folder, 'reference.json'), 'utf8')) as Reference;
		const model = buildDecoder(checkpoint.config, checkpoint.weights, { dtype: 'fp32' });
		session = await DecoderSession.open(model, checkpoint.config, engines.cpu);
	});

	const floats = (path: string) => {
		const file = openNodeFile(join(folder, path));
		if (!file) throw new Error(`no ${path}`);
		const tensors = readSafetensors(file);
		const read = new Map<string, Float32Array>();
		return (name: string) => {
			if (!tensors.tensors.has(name)) return undefined;
			const values = read.get(name) ?? readTensorF32(tensors, name);
			read.set(name, values);
			return values;
		};
	};

	it("is what the float64 reference says it is: PyTorch's logits and losses, with and without an adapter", () => {
		const { config } = checkpoint;
		const tensors = floats('model.safetensors');
		const adapter = floats('reference_adapter/adapter_model.safetensors');
		const { r, lora_alpha } = reference.lora;
		const lora: LowRanks = new Map(
			Array.from({ length: config.layers }, (_, layer) =>
				['self_attn.q_proj', 'self_attn.k_proj', 'self_attn.v_proj', 'self_attn.o_proj']
					.concat(['mlp.gate_proj', 'mlp.up_proj', 'mlp.down_proj'])
					.map((module) => `model.layers.${layer}.${module}`)
			)
				.flat()
				.map((module) => {
					const part = (name: string) => adapter(`base_model.model.${module}.lora_${name}.weight`) ?? [];
					return [module, { a: part('A'), b: part('B'), scale: lora_alpha / r }];
				})
		);
		// One text with the adapter and one without, of four each: the rest says the same in thrice the time.
		for (const expected of reference.logits.slice(0, 2)) {
			const { ids } = expected;
			const logits = referenceLogits(config, tensors, ids, expected.adapter ? lora : undefined);
			expected.top_ids.forEach((id, i) =>
				expect(logits[expected.position]?.[id]).toBeCloseTo(expected.top_logits[i] ?? NaN, 9)
			);
			const sum = logits.reduce((total, row) => total + row.reduce((a, b) => a + b), 0);
			expect(sum / expected.sum).toBeCloseTo(1, 12);
			const loss = reference.loss.find(
				(one) => one.adapter === expected.adapter && `${one.ids}` === `${ids}`
			);
			expect(referenceLoss(logits, ids, loss?.prompt_length ?? 0)).toBeCloseTo(
				loss?.mean_nll_of_reply ?? NaN,
				10
			);
		}
	});

	it("computes PyTorch's logits within 1e-4 of the largest, and its losses", async () => {
		for (const expected of reference.logits.filter(({ adapter }) => !adapter)) {
			const row = (await session.run([expected.ids])).logits[0]?.[expected.position];
			const peak = expected.top_logits[0] ?? 0;
			expected.top_ids.forEach((id, i) =>
				expect(Math.abs((row?.[id] ?? NaN) - (expected.top_logits[i] ?? NaN)) / peak).toBeLessThan(1e-4)
			);
		}
		for (const { ids, prompt_length, mean_nll_of_reply } of reference.loss.filter(
			({ adapter }) => !adapter
		)) {
			const logits = (await session.run([ids])).logits[0] ?? [];
			expect(referenceLoss(logits, ids, prompt_length)).toBeCloseTo(mean_nll_of_reply, 4);
		}
	});

	it("continues each prompt greedily with PyTorch's very tokens", async () => {
		const prompts = reference.loss.map(({ ids, prompt_length }) => ids.slice(0, prompt_length));
		for (const [i, { adapter, ids }] of reference.greedy.entries()) {
			if (adapter) continue;
			expect(await greedy(session, prompts[i] ?? [], 32, checkpoint.config.eosIds)).toEqual(ids);
		}
	});
});

describe('the bundled nano', () => {
	const read = (name: string) => readFileSync(join(bundled, name));
	interface Manifest {
		files: { path: string; size: number; sha256: string }[];
	}
	const manifest = JSON.parse(read('manifest.json').toString()) as Manifest;
	const modelPath = manifest.files.find(({ path }) => path.endsWith('.onnx'))?.path ?? '';

	it('has the files, sizes and hashes of its manifest, and at most 12 MB of them', () => {
		for (const { path, size, sha256 } of manifest.files) {
			expect(statSync(join(bundled, path)).size, path).toBe(size);
			expect(createHash('sha256').update(read(path)).digest('hex'), path).toBe(sha256);
		}
		for (const path of ['config.json', 'generation_config.json', 'tokenizer.json', 'tokenizer_config.json'])
			expect(manifest.files.map((file) => file.path)).toContain(path);
		expect(manifest.files.reduce((sum, { size }) => sum + size, 0)).toBeLessThan(12_000_000);
		expect(existsSync(join(bundled, 'README.md'))).toBe(true);
	});

	it.each(['cpu', 'wasm'] as const)(
		'computes the float64 logits of its own weights on %s',
		async (engine) => {
			const config = parseModelConfig(JSON.parse(read('config.json').toString()));
			const file = openNodeFile(join(bundled, modelPath));
			if (!file) throw new Error(`no ${modelPath}`);
			const sources = new Map([[modelPath, file]]);
			const model = readModel(file, modelPath);
			const session = await DecoderSession.open(model, config, engines[engine], sources);
			const ids = [1, 307, 269, 14, 1966, 319, 3099, 67, 2, 14, 1, 557, 371, 407, 14];
			const { logits } = await session.run([ids]);
			await session.close();
			const reference = referenceLogits(config, graphTensors(model.graph, config, sources), ids);
			const peak = Math.max(...reference.map((row) => row.reduce((a, b) => Math.max(a, Math.abs(b)), 0)));
			reference.forEach((row, t) =>
				row.forEach((value, i) => {
					if (!(Math.abs(value - (logits[0]?.[t]?.[i] ?? NaN)) < 1e-4 * peak))
						throw new Error(`logit ${i} at ${t}: ${logits[0]?.[t]?.[i]}, reference ${value}`);
				})
			);
			expect(logits[0]?.length).toBe(ids.length);
		}
	);
});
