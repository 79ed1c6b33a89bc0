import { describe, expect, it } from 'vitest';
import type { LoraModule } from '#workers/adapters/lora-adapter.ts';
import { parseAdapterConfig } from '#workers/adapters/lora-config.ts';
import { formatManifest, type AdapterManifest } from '#workers/adapters/manifest.ts';
import { writeAdapter } from '#workers/adapters/write-adapter.ts';
import { FileStore } from '#workers/models/store/file-store.ts';
import { sha256Hex } from '#workers/models/store/hash.ts';
import { MemoryFolder } from '#workers/models/store/memory-folder.ts';
import type { LoraSlot } from '#workers/onnx/slots.ts';
import { AdapterLibrary, type AdapterBase } from './adapter-library.ts';

const config = parseAdapterConfig(
	'{"peft_type":"LORA","r":2,"target_modules":["q"],"base_model_name_or_path":"b/c"}'
);
const q = { module: 'q', path: 'm.q', outFeatures: 1, offset: 0 };
const slot: LoraSlot = {
	name: 'm.q',
	layer: 0,
	a: 'a',
	b: 'b',
	inFeatures: 2,
	outFeatures: 1,
	dataType: 'float32',
	parts: [q]
};
const base: AdapterBase = { name: 'nano', hashes: ['a'.repeat(64)], slots: [slot] };
const never = () => false;

/** Files of a small adapter whose first value is `seed`. */
function filesOf(seed: number, { path = 'm.q', inFeatures = 2 } = {}): Map<string, Uint8Array> {
	const a = Float32Array.from({ length: 2 * inFeatures }, (_, i) => (i ? 0.5 : seed));
	const module: LoraModule = { a, b: Float32Array.of(1, 2), rank: 2, inFeatures, outFeatures: 1, scale: 4 };
	return writeAdapter({ config, modules: new Map([[path, module]]) });
}

async function withManifest(
	files: Map<string, Uint8Array>,
	change: Partial<AdapterManifest> = {}
): Promise<Map<string, Uint8Array>> {
	const hash = (name: string) => sha256Hex(files.get(name) ?? new Uint8Array());
	const manifest: AdapterManifest = {
		format: 'openledger-adapter/1',
		name: 'Anatomy',
		base: { id: 'openledger/nano', sha256: [...base.hashes] },
		files: {
			'adapter_config.json': await hash('adapter_config.json'),
			'adapter_model.safetensors': await hash('adapter_model.safetensors')
		},
		datanets: [],
		hyperparameters: {},
		...change
	};
	return new Map([...files, ['openledger.json', new TextEncoder().encode(formatManifest(manifest))]]);
}

const open = async () => new AdapterLibrary(await FileStore.open(new MemoryFolder()));

describe('adapter library', () => {
	it('stores an adapter, lists it, reads its matrices and gives its files back', async () => {
		const library = await open();
		const files = await withManifest(filesOf(1), { examples: ['What is q?'] });
		const id = await library.import(files);
		const hash = (name: string) => sha256Hex(files.get(name) ?? new Uint8Array());
		const lines = `${await hash('adapter_model.safetensors')}\n${await hash('adapter_config.json')}\n`;
		expect(id).toBe(await sha256Hex(new TextEncoder().encode(lines)));
		expect(await library.list(base, never)).toMatchObject([
			{
				id,
				name: 'Anatomy',
				base: 'openledger/nano',
				fits: true,
				rank: 2,
				targetModules: ['q'],
				files: {
					weights: await hash('adapter_model.safetensors'),
					config: await hash('adapter_config.json')
				},
				resident: false,
				examples: ['What is q?']
			}
		]);
		expect((await library.read(id, base)).modules.get('m.q')?.a).toEqual(Float32Array.of(1, 0.5, 0.5, 0.5));
		const exported = await library.export(id);
		expect(exported.map(({ name }) => name).sort()).toEqual([...files.keys()].sort());
		for (const file of exported)
			expect(new Uint8Array(await file.arrayBuffer())).toEqual(files.get(file.name));
		await library.remove(id);
		expect(await library.list(base, never)).toEqual([]);
		await expect(library.read(id, base)).rejects.toMatchObject({ code: 'storage/damaged' });
	});

	it('tells the same weights under another alpha apart', async () => {
		const library = await open();
		const files = filesOf(1);
		const alpha = (value: number) =>
			new TextEncoder().encode(`{"peft_type":"LORA","r":2,"lora_alpha":${value},"target_modules":["q"]}`);
		const ids = [];
		for (const value of [4, 8])
			ids.push(await library.import(new Map([...files, ['adapter_config.json', alpha(value)]])));
		expect(new Set(ids).size).toBe(2);
		const scales = [];
		for (const id of ids) scales.push((await library.read(id, base)).modules.get('m.q')?.scale);
		expect(scales).toEqual([2, 4]);
	});

	it('keeps an adapter that comes with the app', async () => {
		const library = await open();
		const id = await library.import(filesOf(1), { bundled: true });
		await expect(library.remove(id)).rejects.toMatchObject({ code: 'adapter/bundled' });
		expect(await library.has(id)).toBe(true);
	});

	it('stores nothing of an adapter that is damaged or not what its manifest says', async () => {
		const library = await open();
		const files = filesOf(1);
		const weights = files.get('adapter_model.safetensors') ?? new Uint8Array();
		const of = (...names: string[]) => new Map([...files].filter(([name]) => names.includes(name)));
		const other = await withManifest(filesOf(2));
		const cases: [string, Map<string, Uint8Array>][] = [
			['adapter/malformed', of('adapter_config.json')],
			['adapter/malformed', of('adapter_model.safetensors')],
			['safetensors/malformed', new Map([...files, ['adapter_model.safetensors', weights.subarray(0, 99)]])],
			['adapter/malformed', new Map([...other, ...files])],
			[
				'adapter/malformed',
				new Map([
					...(await withManifest(files)),
					[
						'adapter_config.json',
						new TextEncoder().encode('{"peft_type":"LORA","r":2,"target_modules":["q"]}')
					]
				])
			],
			['adapter/malformed', new Map([...files, ['openledger.json', Uint8Array.of(0x7b)]])]
		];
		for (const [code, broken] of cases) await expect(library.import(broken)).rejects.toMatchObject({ code });
		expect(await library.list(base, never)).toEqual([]);
	});

	it('says of an adapter for another base why it does not fit, and refuses to read it', async () => {
		const library = await open();
		const ids = [
			await library.import(
				await withManifest(filesOf(1), { base: { id: 'other/base', sha256: ['b'.repeat(64)] } })
			),
			await library.import(filesOf(2, { path: 'n.q' })),
			await library.import(filesOf(3, { inFeatures: 3 }))
		];
		const reasons = new Map(
			(await library.list(base, never)).map(({ id, fits, reason }) => [id, fits ? '' : reason])
		);
		expect(ids.map((id) => reasons.get(id))).toEqual([
			expect.stringContaining('"other/base"'),
			expect.stringContaining('n.q'),
			expect.stringContaining('3 → 1, where this model has 2 → 1')
		]);
		for (const id of ids)
			await expect(library.read(id, base)).rejects.toMatchObject({ code: 'adapter/wrong-base' });
	});

	it('holds a thousand adapters and lists them without reading a file', async () => {
		const folder = new MemoryFolder();
		const library = new AdapterLibrary(await FileStore.open(folder));
		const ids = new Set<string>();
		for (let i = 0; i < 1000; i++) ids.add(await library.import(filesOf(i)));
		expect(ids.size).toBe(1000);
		const reads: string[] = [];
		const openToRead = folder.openToRead.bind(folder);
		folder.openToRead = (path) => {
			reads.push(path);
			return openToRead(path);
		};
		const listed = await library.list(base, (id) => id === [...ids][7]);
		expect(new Set(listed.map(({ id }) => id))).toEqual(ids);
		expect(listed.filter(({ resident }) => resident)).toHaveLength(1);
		expect(reads.filter((path) => path.startsWith('blobs/'))).toEqual([]);
	});
});
