import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { FileStore } from '#workers/models/store/file-store.ts';
import type { Folder } from '#workers/models/store/folder.ts';
import { MemoryFolder } from '#workers/models/store/memory-folder.ts';
import { NodeFolder } from '#workers/models/store/node-folder.ts';
import { AdapterCatalogue } from './catalogue.ts';
import { parseAdapterConfig } from './lora-config.ts';
import { checkBase, formatManifest, parseManifest, type AdapterManifest } from './manifest.ts';
import { writeAdapter } from './write-adapter.ts';

const config = parseAdapterConfig(
	'{"peft_type":"LORA","r":2,"target_modules":["q"],"base_model_name_or_path":"b/c"}'
);
const hash = (bytes: Uint8Array = new Uint8Array()) => createHash('sha256').update(bytes).digest('hex');

/** Files of an adapter whose first value is `seed`. */
function adapterFiles(seed = 1, alpha = 4): Map<string, Uint8Array> {
	const module = {
		a: Float32Array.of(seed, 2, 3, 4),
		b: Float32Array.of(1, 2),
		rank: 2,
		inFeatures: 2,
		outFeatures: 1,
		scale: alpha / 2
	};
	return writeAdapter({ config: { ...config, alpha }, modules: new Map([['m.q', module]]) });
}

function manifestFor(files: Map<string, Uint8Array>): AdapterManifest {
	return {
		format: 'openledger-adapter/1',
		name: 'Anatomy',
		base: { id: 'openledger/nano', sha256: ['a'.repeat(64), 'b'.repeat(64)] },
		files: {
			'adapter_config.json': hash(files.get('adapter_config.json')),
			'adapter_model.safetensors': hash(files.get('adapter_model.safetensors'))
		},
		datanets: [{ name: 'bones', rows: 3, root: `0x${'c'.repeat(64)}` }],
		hyperparameters: { rank: 2, epochs: 3 },
		evaluation: { metric: 'nats', heldOutRows: 1, heldOutTokens: 9, lossBefore: 3, lossAfter: 2 }
	};
}

const withManifest = (files: Map<string, Uint8Array>, manifest: AdapterManifest) =>
	new Map([...files, ['manifest.json', new TextEncoder().encode(formatManifest(manifest))]]);

const directory = mkdtempSync(join(tmpdir(), 'catalogue-'));
afterAll(() => rmSync(directory, { recursive: true }));

describe.each<[string, () => Folder]>([
	['memory', () => new MemoryFolder()],
	['a folder', () => new NodeFolder(mkdtempSync(join(directory, 'store-')))]
])('adapter catalogue in %s', (_, makeFolder) => {
	const open = async () => new AdapterCatalogue(await FileStore.open(makeFolder()));

	it('stores, lists, loads and removes adapters', async () => {
		const catalogue = await open();
		const files = adapterFiles();
		const manifest = manifestFor(files);
		const entry = await catalogue.add(withManifest(files, manifest), { source: 'hf:a/b' });
		expect(entry).toMatchObject({
			id: manifest.files['adapter_model.safetensors'],
			name: 'Anatomy',
			source: 'hf:a/b'
		});
		expect(entry).toMatchObject({ manifest, config: { rank: 2, baseModel: 'b/c' } });
		await catalogue.add(adapterFiles(2));
		expect((await catalogue.list()).map(({ name }) => name).sort()).toEqual(['Anatomy', 'b/c']);
		expect(await catalogue.entry(entry.id)).toEqual(entry);
		const { modules } = await catalogue.load(entry.id);
		expect(modules.get('m.q')).toMatchObject({ rank: 2, scale: 2, a: Float32Array.of(1, 2, 3, 4) });
		await catalogue.remove(entry.id);
		expect(await catalogue.list()).toHaveLength(1);
		await expect(catalogue.load(entry.id)).rejects.toMatchObject({ code: 'storage/damaged' });
	});

	it('replaces the configuration of weights stored before', async () => {
		const catalogue = await open();
		const first = await catalogue.add(adapterFiles(1, 4));
		const second = await catalogue.add(adapterFiles(1, 8));
		expect(second.id).toBe(first.id);
		expect((await catalogue.load(first.id)).modules.get('m.q')?.scale).toBe(4);
		expect(await catalogue.list()).toHaveLength(1);
	});

	it('stores nothing of an adapter that is damaged or not what its manifest says', async () => {
		const catalogue = await open();
		const files = adapterFiles();
		const weights = files.get('adapter_model.safetensors') ?? new Uint8Array();
		const cases: [string, Map<string, Uint8Array>][] = [
			['adapter/malformed', new Map([...files].slice(0, 1))],
			['adapter/malformed', new Map([...files].slice(1))],
			['safetensors/malformed', new Map([...files, ['adapter_model.safetensors', weights.subarray(0, 99)]])],
			['adapter/malformed', withManifest(adapterFiles(2), manifestFor(files))],
			['adapter/malformed', withManifest(adapterFiles(1, 8), manifestFor(files))],
			['adapter/malformed', new Map([...files, ['manifest.json', Uint8Array.of(0x7b)]])]
		];
		for (const [code, broken] of cases) await expect(catalogue.add(broken)).rejects.toMatchObject({ code });
		expect(await catalogue.list()).toEqual([]);
	});
});

describe('adapter manifest', () => {
	const manifest = manifestFor(adapterFiles());

	it('comes back the same from what it writes', () => {
		expect(parseManifest(formatManifest(manifest))).toEqual(manifest);
	});

	it.each<[string, Record<string, unknown>]>([
		['format', { format: 'openledger-adapter/2' }],
		['name', { name: '' }],
		['base', { base: { id: 'x', sha256: [] } }],
		['base', { base: { id: 'x', sha256: ['A'.repeat(64)] } }],
		['files', { files: { 'adapter_config.json': 'a'.repeat(64) } }],
		['datanets', { datanets: [{ name: 'x', rows: -1 }] }],
		['datanets', { datanets: undefined }],
		['hyperparameters', { hyperparameters: { a: {} } }],
		['evaluation', { evaluation: { ...manifest.evaluation, lossAfter: null } }],
		['indexRoot', { indexRoot: 'abc' }]
	])('refuses a wrong %s and names it', (field, change) => {
		const parse = () => parseManifest(JSON.stringify({ ...manifest, ...change }));
		expect(parse).toThrow(expect.objectContaining({ code: 'adapter/malformed' }));
		expect(parse).toThrow(`"${field}"`);
	});

	it('fits a base by the hash of any of its files, whatever its name', () => {
		expect(() => checkBase(manifest, { id: 'local', hashes: ['x', 'b'.repeat(64)] })).not.toThrow();
		expect(() => checkBase(manifest, { id: 'openledger/nano', hashes: ['x'] })).toThrow(
			expect.objectContaining({ code: 'adapter/wrong-base' })
		);
	});
});
