import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { engines } from '#test/support/engines.ts';
import { DecoderSession } from '#test/support/run-decoder.ts';
import { writeSafetensors } from '#workers/formats/safetensors.ts';
import { readModel } from '#workers/onnx/read.ts';
import { parseModelConfig } from './builder/config.ts';
import { openNodeFile } from './builder/node-file.ts';
import { expectedTensors, randomWeights } from './builder/weights.ts';

const run = promisify(execFile);
const command = resolve(import.meta.dirname, 'build-model.cli.ts');
const json = {
	model_type: 'qwen3',
	hidden_size: 64,
	intermediate_size: 96,
	num_hidden_layers: 2,
	num_attention_heads: 4,
	num_key_value_heads: 2,
	head_dim: 16,
	vocab_size: 50,
	max_position_embeddings: 4096,
	tie_word_embeddings: true,
	eos_token_id: 3
};

/** Runs the command; resolves to its exit code and what it wrote to stderr. */
async function buildModel(...options: string[]): Promise<{ code: number; stderr: string }> {
	try {
		await run(process.execPath, [command, ...options]);
		return { code: 0, stderr: '' };
	} catch (error) {
		const { code, stderr } = error as { code: number; stderr: string };
		return { code, stderr };
	}
}

describe('npm run build:model', () => {
	let from: string;
	let to: string;
	beforeAll(() => {
		from = mkdtempSync(join(tmpdir(), 'checkpoint-'));
		to = mkdtempSync(join(tmpdir(), 'built-'));
		const config = parseModelConfig(json);
		const weights = randomWeights(config, 5);
		const tensors = [...expectedTensors(config)].map(
			([name, shape]) =>
				[
					name,
					{ dtype: 'F32', shape, data: weights.rows(name, 0, shape.length === 2 ? (shape[0] ?? 0) : 1) }
				] as const
		);
		writeFileSync(join(from, 'model.safetensors'), writeSafetensors(new Map(tensors)));
		writeFileSync(join(from, 'config.json'), JSON.stringify(json));
		writeFileSync(join(from, 'tokenizer.json'), '{"model":{}}');
	});
	afterAll(() => {
		for (const folder of [from, to]) rmSync(folder, { recursive: true });
	});

	it('writes the model, its configuration and tokenizer, and a manifest that tells their hashes', async () => {
		expect(await buildModel(from, '--dtype', 'q4f16', '--out', to, '--context', '128')).toEqual({
			code: 0,
			stderr: ''
		});
		expect(readdirSync(to).sort()).toEqual(['config.json', 'manifest.json', 'onnx', 'tokenizer.json']);
		expect(readdirSync(join(to, 'onnx'))).toEqual(['model_q4f16.onnx']);
		const manifest = JSON.parse(readFileSync(join(to, 'manifest.json'), 'utf8')) as {
			dtype: string;
			files: { path: string; size: number; sha256: string }[];
		};
		expect(manifest.dtype).toBe('q4f16');
		expect(manifest.files.map(({ path }) => path)).toEqual([
			...['onnx/model_q4f16.onnx', 'config.json', 'tokenizer.json']
		]);
		for (const { path, size, sha256 } of manifest.files) {
			const bytes = readFileSync(join(to, path));
			expect([bytes.length, createHash('sha256').update(bytes).digest('hex')]).toEqual([size, sha256]);
		}
		expect(JSON.parse(readFileSync(join(to, 'config.json'), 'utf8'))).toEqual({
			...json,
			max_position_embeddings: 128,
			source_sha256: [
				createHash('sha256')
					.update(readFileSync(join(from, 'model.safetensors')))
					.digest('hex')
			],
			'transformers.js_config': { kv_cache_dtype: { q4f16: 'float16' } }
		});
	});

	it('writes a model that runs', async () => {
		const config = parseModelConfig(JSON.parse(readFileSync(join(to, 'config.json'), 'utf8')));
		const path = join(to, 'onnx/model_q4f16.onnx');
		const file = openNodeFile(path);
		if (!file) throw new Error('no model');
		const session = await DecoderSession.open(
			readModel(file, path),
			config,
			engines.wasm,
			new Map([[path, file]])
		);
		const { logits } = await session.run([[1, 2, 3]], 1);
		await session.close();
		expect(logits[0]?.[0]?.every(Number.isFinite)).toBe(true);
	});

	it('writes the weights to a file of their own, if told to, and a model that runs with it', async () => {
		const folder = mkdtempSync(join(tmpdir(), 'external-'));
		try {
			expect((await buildModel(from, '--dtype', 'q8', '--out', folder, '--external')).code).toBe(0);
			const [graph, weights] = ['model_q8.onnx', 'model_q8.onnx_data'].map((name) => {
				const file = openNodeFile(join(folder, 'onnx', name));
				if (!file) throw new Error(`no ${name}`);
				return file;
			});
			if (!graph || !weights) throw new Error('no files');
			expect(graph.size).toBeLessThan(weights.size / 4);
			const config = JSON.parse(readFileSync(join(folder, 'config.json'), 'utf8')) as Record<string, unknown>;
			expect(config['transformers.js_config']).toEqual({
				use_external_data_format: { 'model_q8.onnx': true }
			});
			const sources = new Map([
				['model_q8.onnx', graph],
				['model_q8.onnx_data', weights]
			]);
			const model = readModel(graph, 'model_q8.onnx');
			const session = await DecoderSession.open(model, parseModelConfig(config), engines.wasm, sources);
			const { logits } = await session.run([[1, 2, 3]], 1);
			await session.close();
			expect(logits[0]?.[0]?.every(Number.isFinite)).toBe(true);
		} finally {
			rmSync(folder, { recursive: true });
		}
	});

	it('says in one line what is wrong with its options or with the folder, and fails', async () => {
		const cases: [string[], RegExp][] = [
			[[], /^usage: npm run build:model/],
			[[from, '--dtype', 'q3'], /dtypes: fp32, fp16, q8, q4, q4f16/],
			[[from, '--context', 'long'], /^usage/],
			[[from, '--colour', 'red'], /colour/],
			[[to], /model\.safetensors/]
		];
		for (const [options, message] of cases) {
			const { code, stderr } = await buildModel(...options);
			expect(code, options.join(' ')).toBe(1);
			expect(stderr).toMatch(message);
			expect(stderr).not.toMatch(/\n\s+at /);
		}
	});
});
