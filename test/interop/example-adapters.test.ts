import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { chat, encode, nanoFile, nanoModel, ortModel } from '#test/support/nano.ts';
import { checkFit } from '#workers/adapters/check-fit.ts';
import { CONFIG_FILE, MANIFEST_FILE, WEIGHTS_FILE } from '#workers/adapters/lora-adapter.ts';
import { parseAdapterConfig } from '#workers/adapters/lora-config.ts';
import { checkBase, parseManifest } from '#workers/adapters/manifest.ts';
import { packAdapter } from '#workers/adapters/pack.ts';
import { readAdapter } from '#workers/adapters/read-adapter.ts';
import { stackRows } from '#workers/adapters/stack-rows.ts';
import { memorySource } from '#workers/bytes.ts';
import { rewriteForServing } from '#workers/onnx/rewrite.ts';
import type { LoraSlot } from '#workers/onnx/slots.ts';
import type { DeviceAdapter } from '#workers/runtime/decoder.ts';
import { Ort } from '#workers/runtime/ort.ts';
import { WasmDecoder } from '#workers/runtime/wasm-decoder.ts';

const root = resolve(import.meta.dirname, '../../static');
const names = readdirSync(join(root, 'adapters'), { withFileTypes: true })
	.filter((entry) => entry.isDirectory())
	.map(({ name }) => name);
const END = 2;

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

/** [question, the book's answer] of the page's first table: terms the adapter was never trained on. */
function heldOutRows(name: string): [string, string][] {
	const page = readFileSync(join(root, 'adapters', name, 'README.md'), 'utf8');
	const [, table = ''] = page.split('| --- | --- | --- | --- |\n');
	const lines = (table.split('\n\n')[0] as string).split('\n');
	return lines
		.map((line) => line.slice(2, -2).split(' | '))
		.map((cells) => [cells[0], cells[3]] as [string, string]);
}

describe('the example adapters', () => {
	let decoder: WasmDecoder;
	let slots: LoraSlot[];
	beforeAll(async () => {
		const serving = rewriteForServing(nanoModel(), { lora: 'matmul', fuse: true });
		slots = serving.slots;
		decoder = await WasmDecoder.create(
			await Ort.start({ build: 'wasm', threads: 1 }),
			ortModel(serving.model)
		);
	});
	afterAll(() => decoder.dispose());

	/** Mean negative log-likelihood of the answers' tokens, in nats. */
	async function loss(rows: [string, string][], adapter: DeviceAdapter | undefined): Promise<number> {
		let [sum, count] = [0, 0];
		for (const [question, answer] of rows) {
			const prompt = chat(question);
			const reply = [...encode(answer), END];
			const state = decoder.createState();
			const run = await decoder.run(state, [[...prompt, ...reply]], { adapters: [adapter], logits: 'all' });
			const logits = await run.all(0);
			const vocabulary = decoder.shape.vocabSize;
			reply.forEach((token, i) => {
				const start = (prompt.length + i - 1) * vocabulary;
				const row = logits.subarray(start, start + vocabulary);
				const total = row.reduce((acc, x) => acc + Math.exp(x), 0);
				sum += Math.log(total) - (row[token] as number);
				count++;
			});
			state.dispose();
		}
		return sum / count;
	}

	it.each(names)(
		'%s fits the bundled model and explains answers it has not seen better than the base',
		async (name) => {
			const read = (file: string) => readFileSync(join(root, 'adapters', name, file));
			const manifest = parseManifest(read(MANIFEST_FILE));
			const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');
			for (const file of [CONFIG_FILE, WEIGHTS_FILE] as const)
				expect(sha256(read(file))).toBe(manifest.files[file]);
			// Red after the bundled model was rebuilt: see static/adapters/README.md.
			checkBase(manifest, { id: 'bundled:nano', hashes: [sha256(readFileSync(nanoFile))] });
			const adapter = readAdapter(parseAdapterConfig(read(CONFIG_FILE)), memorySource(read(WEIGHTS_FILE)));
			checkFit(adapter, slots);

			const rows = heldOutRows(name);
			expect(rows).toHaveLength(6);
			const uploaded = decoder.upload(stackRows([packAdapter(adapter, slots)], slots));
			const [base, adapted] = [await loss(rows, undefined), await loss(rows, uploaded)];
			uploaded.dispose();
			expect(adapted).toBeLessThan(base - 0.05);
		}
	);

	it('keep to the room that weights may take in the app: 1.3 MB each, 12 MB with the model', () => {
		const sizes = names.map((name) => statSync(join(root, 'adapters', name, WEIGHTS_FILE)).size);
		expect(names.length).toBeGreaterThanOrEqual(2);
		expect(Math.max(...sizes)).toBeLessThan(1.3e6);
		expect(sizes.reduce((sum, size) => sum + size, statSync(nanoFile).size)).toBeLessThan(12e6);
	});
});
