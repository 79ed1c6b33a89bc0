import { describe, expect, it } from 'vitest';
import { checkBase, formatManifest, parseManifest, type AdapterManifest } from './manifest.ts';

const manifest: AdapterManifest = {
	format: 'openledger-adapter/1',
	name: 'Anatomy',
	base: { id: 'openledger/nano', sha256: ['a'.repeat(64), 'b'.repeat(64)] },
	files: { 'adapter_config.json': 'c'.repeat(64), 'adapter_model.safetensors': 'd'.repeat(64) },
	datanets: [
		{ name: 'bones', rows: 3, root: `0x${'c'.repeat(64)}`, rowIds: ['a'], rowsSha256: 'e'.repeat(64) }
	],
	hyperparameters: { rank: 2, epochs: 3 },
	evaluation: { metric: 'nats', heldOutRows: 1, heldOutTokens: 9, lossBefore: 3, lossAfter: 2 },
	training: { seed: 1, steps: 9, bestStep: 8, provider: 'wasm', engine: 'openledger 0.1.0' },
	lineage: [{ sha256: 'f'.repeat(64), name: 'Bones', datanets: [{ name: 'bones', rows: 2 }] }]
};

describe('adapter manifest', () => {
	it('comes back the same from what it writes', () => {
		expect(parseManifest(formatManifest(manifest))).toEqual(manifest);
	});

	it.each<[string, Record<string, unknown>]>([
		['format', { format: 'openledger-adapter/2' }],
		['name', { name: '' }],
		['name', { name: 'a'.repeat(201) }],
		['name', { name: 'two\nlines' }],
		['author', { author: '\u202egpj.exe' }],
		['base', { base: { id: 'x', sha256: [] } }],
		['base', { base: { id: 'x', sha256: ['A'.repeat(64)] } }],
		['files', { files: { 'adapter_config.json': 'a'.repeat(64) } }],
		['datanets', { datanets: [{ name: 'x', rows: -1 }] }],
		['datanets', { datanets: undefined }],
		['hyperparameters', { hyperparameters: { a: {} } }],
		['evaluation', { evaluation: { ...manifest.evaluation, lossAfter: null } }],
		['evaluation', { evaluation: { ...manifest.evaluation, lossAfter: -1e308 } }],
		['datanets', { datanets: [{ name: 'x', rows: 1, rowIds: [1] }] }],
		['training', { training: { ...manifest.training, seed: -1 } }],
		['lineage', { lineage: [{ sha256: 'x', name: 'y', datanets: [] }] }],
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
