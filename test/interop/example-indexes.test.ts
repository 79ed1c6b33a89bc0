import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { CONFIG_FILE, MANIFEST_FILE, WEIGHTS_FILE } from '#workers/adapters/lora-adapter.ts';
import { parseManifest } from '#workers/adapters/manifest.ts';
import { INDEX_FILE } from '#workers/adapters/lora-adapter.ts';
import { checkIndexOf, readIndex } from '#workers/attribution/index/index-file.ts';
import { readRows, ROWS_FILE } from '#workers/attribution/index/rows-file.ts';
import { fails } from '#test/support/check.ts';
import { file as sandbox } from '../../contracts-abi/sandbox.ts';

const read = (name: string, file: string) =>
	new Uint8Array(readFileSync(new URL(`../../static/adapters/${name}/${file}`, import.meta.url)));

for (const name of ['anatomy', 'finance'])
	test(`the ${name} adapter ships its index, its rows with source and licence, and is registered with both`, async () => {
		const manifest = parseManifest(read(name, MANIFEST_FILE));
		const index = await readIndex(read(name, INDEX_FILE));
		const { files, base } = manifest;
		const adapter = { config: files[CONFIG_FILE], weights: files[WEIGHTS_FILE] };
		expect(base.sha256).toContain(index.description.base);
		expect(() => checkIndexOf(index, { base: index.description.base, adapter })).not.toThrow();
		expect(index.root).toBe(manifest.indexRoot);
		// In the sandbox the model's registration names this very index.
		expect(JSON.stringify(sandbox)).toContain(index.root.slice(2));

		const rows = await readRows(read(name, ROWS_FILE));
		expect(rows.rows.map(({ id }) => id)).toEqual(index.ids);
		expect(rows.rows.map(({ contributor }) => contributor)).toEqual([...index.contributors]);
		expect(rows.rows.length).toBe(manifest.datanets[0]?.rows);
		for (const { licence, source } of rows.rows)
			expect(`${licence} ${source}`).toMatch(/^CC-BY-4\.0 OpenStax, /);
		expect(read(name, INDEX_FILE).length + read(name, ROWS_FILE).length).toBeLessThan(2 * 2 ** 20);
	});

test('rows that were changed, credited to another or cut are refused, or are no longer the index’s', async () => {
	const bytes = read('finance', ROWS_FILE);
	const unpack = async (packed: Uint8Array) =>
		new Response(
			new Blob([new Uint8Array(packed)]).stream().pipeThrough(new DecompressionStream('gzip'))
		).text();
	const pack = async (text: string) =>
		new Uint8Array(
			await new Response(new Blob([text]).stream().pipeThrough(new CompressionStream('gzip'))).arrayBuffer()
		);
	const text = await unpack(bytes);
	const whole = await readRows(bytes);
	const edited = await readRows(await pack(text.replace('maximize', 'minimize')));
	expect(edited.rows[0]?.id).not.toBe(whole.rows[0]?.id);
	for (const wrong of [
		bytes.subarray(0, bytes.length - 20),
		new TextEncoder().encode('no rows at all'),
		await pack(text.replace('"contributor":1,', '"contributor":3,')),
		await pack(text.replace('"contributor":1,', '"contributor":99,')),
		await pack(text.replace('openledger-rows/1', 'openledger-rows/9')),
		await pack(text.replace('"kind":"pair"', '"kind":"poem"'))
	])
		expect(await fails(() => readRows(wrong), 'rows/malformed')).toBeDefined();
});
