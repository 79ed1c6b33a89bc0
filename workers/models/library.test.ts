import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { HubServer, readRepo, type RepoFiles } from '#test/support/hub-server.ts';
import { ModelLibrary } from './library.ts';
import { FileStore } from './store/file-store.ts';
import { sha256Hex } from './store/hash.ts';
import { MemoryFolder } from './store/memory-folder.ts';

const nano = readRepo(new URL('../../static/models/nano', import.meta.url).pathname);
const device = { provider: 'wasm', shaderF16: false, memoryBytes: 8e9 } as const;
const failure = (code: string) => expect.objectContaining({ code });

const underApp = (files: RepoFiles) =>
	Object.fromEntries(Object.entries(files).map(([path, bytes]) => [`models/nano/${path}`, bytes]));

let server: HubServer;
let folder: MemoryFolder;
let library: ModelLibrary;
beforeAll(async () => {
	// The Hub's `resolve` address of a repository also serves as the app's own origin.
	server = await HubServer.start({
		'app/static': underApp(nano),
		'owner/small': nano
	});
});
beforeEach(async () => {
	server.clear();
	folder = new MemoryFolder();
	library = await openLibrary();
});
afterAll(() => server.close());

async function openLibrary(): Promise<ModelLibrary> {
	const made = new ModelLibrary(await FileStore.open(folder), `${server.url}/app/static/resolve/main/`);
	made.useHub({ url: server.url, policy: { attempts: 2, baseMs: 1, maxMs: 5, stallMs: 500 } });
	return made;
}

const state = async (id: string) => (await library.entries(device)).find((entry) => entry.id === id)?.stored;

describe('the model library', () => {
	test('lists nano first, then the catalogue in two precisions, smallest first', async () => {
		const entries = await library.entries(device);
		expect(entries[0]).toMatchObject({
			id: 'bundled:nano',
			source: 'bundled',
			stored: 'none',
			contextLength: 512,
			parameters: 6951168,
			memoryTier: 1
		});
		const q4 = entries.slice(1).filter(({ dtype }) => dtype === 'q4');
		expect(q4.map(({ name }) => name)).toEqual([
			'SmolLM2 135M',
			'SmolLM2 360M',
			'Qwen2.5 0.5B',
			'Qwen3 0.6B',
			'Llama 3.2 1B'
		]);
		expect(
			entries
				.slice(1)
				.every(
					({ downloadBytes, memoryBytes, licence, memoryTier }) =>
						downloadBytes && memoryBytes && licence && memoryTier
				)
		).toBe(true);
		const sizes = q4.map(({ downloadBytes }) => downloadBytes ?? 0);
		expect([...sizes].sort((a, b) => a - b)).toEqual(sizes);
		expect(entries.filter(({ features }) => features.length).every(({ dtype }) => dtype === 'q4f16')).toBe(
			true
		);
	});

	test('brings nano from the app’s own origin, and opens it offline later', async () => {
		expect(await state('bundled:nano')).toBe('none');
		await library.fetch('bundled:nano');
		expect(await state('bundled:nano')).toBe('complete');
		library = await openLibrary();
		server.clear();
		server.fault({ path: '/', kind: 'status', status: 503, times: 99 });
		await library.fetch('bundled:nano');
		const model = await library.open('bundled:nano');
		expect(server.requests.length).toBe(1);
		expect(model).toMatchObject({ graph: 'onnx/model_q4.onnx', dtype: 'q4', contextLength: 512 });
		expect(model.hashes[0]).toBe(model.sha256);
		expect(model.files.get(model.graph)?.size).toBe(nano['onnx/model_q4.onnx']?.length);
		expect(model.tokenizer.decode(model.tokenizer.encode('What is inflation?'))).toBe('What is inflation?');
		await model.close();
	});

	test('replaces nano when the app ships another, and keeps it when it ships the same', async () => {
		const old = await library.fetch('bundled:nano');
		expect(await library.fetch('bundled:nano')).toEqual(old);
		const readme = new TextEncoder().encode('newer');
		const manifest = JSON.parse(new TextDecoder().decode(nano['manifest.json'])) as { files: object[] };
		manifest.files.push({ path: 'README.md', size: 5, sha256: await sha256Hex(readme) });
		const changed = {
			...nano,
			'README.md': readme,
			'manifest.json': new TextEncoder().encode(JSON.stringify(manifest))
		};
		server.commit('app/static', underApp(changed));
		try {
			const item = await library.fetch('bundled:nano');
			expect(item.files).toHaveLength(old.files.length + 1);
		} finally {
			server.commit('app/static', underApp(nano));
		}
	});

	test('finds any repository in the layout, fetches it, and knows it after a restart without asking', async () => {
		const [entry] = await library.find('owner/small', 'main', device);
		expect(entry).toMatchObject({
			id: 'hf:owner/small@main/q4',
			name: 'small',
			dtype: 'q4',
			contextLength: 512
		});
		expect(entry?.downloadBytes).toBe(
			Object.entries(nano).reduce(
				(sum, [path, bytes]) => sum + (/manifest|README/.test(path) ? 0 : bytes.length),
				0
			)
		);
		await library.fetch('hf:owner/small@main/q4');
		library = await openLibrary();
		server.clear();
		const again = (await library.entries(device)).find(({ id }) => id === 'hf:owner/small@main/q4');
		expect(again).toMatchObject({ ...entry, stored: 'complete' });
		expect(server.requests.filter(({ path }) => path.includes('owner/small'))).toEqual([]);
		server.clear();
		// nano has the same files: nothing but its list is fetched.
		await library.fetch('bundled:nano');
		expect(server.requests.map(({ path }) => path)).toEqual([
			'/app/static/resolve/main/models/nano/manifest.json'
		]);
	});

	test('an unfinished download is listed as such, and goes on', async () => {
		server.fault(
			{ path: '/onnx/', kind: 'cut', after: 1_000_000 },
			{ path: '/onnx/', kind: 'status', status: 404 }
		);
		await expect(library.fetch('hf:owner/small@main/q4')).rejects.toEqual(failure('hub/not-found'));
		library = await openLibrary();
		expect(await state('hf:owner/small@main/q4')).toBe('partial');
		await library.fetch('hf:owner/small@main/q4');
		expect(server.requests.at(-1)?.range).toBe('bytes=1000000-');
		expect(await state('hf:owner/small@main/q4')).toBe('complete');
	});

	test('a damaged file is fetched again, the others are not', async () => {
		const item = await library.fetch('bundled:nano');
		const broken = item.files.find(({ path }) => path === 'tokenizer.json');
		await folder.remove(`blobs/${broken?.sha256}`);
		server.clear();
		await library.fetch('bundled:nano');
		expect(server.requests.map(({ path }) => path.split('/').at(-1))).toEqual([
			'manifest.json',
			'tokenizer.json'
		]);
	});

	test.each([
		['a name that is none', 'hf:owner', 'hub/not-found'],
		['an unknown precision', 'hf:owner/small@main/q3', 'hub/not-found'],
		['a precision that is not there', 'hf:owner/small@main/fp16', 'hub/not-found'],
		['an unknown repository', 'hf:owner/none@main/q4', 'hub/not-found'],
		['a local model that is gone', 'local:00', 'storage/damaged']
	])('refuses %s', async (_name, id, code) => {
		await expect(library.fetch(id)).rejects.toEqual(failure(code));
	});

	test.each<[string, (files: RepoFiles) => RepoFiles, string]>([
		['a path that leaves the folder', (files) => withManifest(files, { path: '../x' }), 'hub/wrong-bytes'],
		['no hash', (files) => withManifest(files, { sha256: 'x' }), 'hub/wrong-bytes'],
		['a size that is none', (files) => withManifest(files, { size: -1 }), 'hub/wrong-bytes'],
		['another hash', (files) => withManifest(files, { sha256: '0'.repeat(64) }), 'hub/wrong-bytes'],
		['no list', (files) => ({ ...files, 'manifest.json': new TextEncoder().encode('[]') }), 'hub/wrong-bytes']
	])('refuses a manifest with %s', async (_name, change, code) => {
		server.commit(
			'app/broken',
			Object.fromEntries(Object.entries(change(nano)).map(([path, bytes]) => [`models/nano/${path}`, bytes]))
		);
		const broken = new ModelLibrary(await FileStore.open(folder), `${server.url}/app/broken/resolve/main/`);
		await expect(broken.fetch('bundled:nano')).rejects.toEqual(failure(code));
	});
});

function withManifest(files: RepoFiles, change: object): RepoFiles {
	const manifest = JSON.parse(new TextDecoder().decode(files['manifest.json'])) as { files: object[] };
	const changed = {
		...manifest,
		files: manifest.files.map((file, i) => (i === 0 ? { ...file, ...change } : file))
	};
	return { ...files, 'manifest.json': new TextEncoder().encode(JSON.stringify(changed)) };
}

describe('a local folder', () => {
	const asFiles = (files: RepoFiles, prefix = 'nano/') =>
		Object.entries(files).map(([path, bytes]) => ({
			path: `${prefix}${path}`,
			file: new Blob([bytes.slice()])
		}));

	test('with an ONNX export is stored under a name made of its files, and opens', async () => {
		const id = await library.import(asFiles(nano));
		expect(id).toMatch(/^local:[0-9a-f]{64}$/);
		expect(await library.import(asFiles(nano, ''))).toBe(id);
		library = await openLibrary();
		const entry = (await library.entries(device)).find((found) => found.id === id);
		expect(entry).toMatchObject({ source: 'local', stored: 'complete', name: 'nano', contextLength: 512 });
		const model = await library.open(id);
		expect(model.tokenizer.vocabSize).toBe(4096);
		await model.close();
		expect((await (await FileStore.open(folder)).items()).length).toBe(1);
	});

	test.each<[string, (files: RepoFiles) => void, string]>([
		['no config.json', (files) => delete files['config.json'], 'config/malformed'],
		['no tokenizer.json', (files) => delete files['tokenizer.json'], 'config/malformed'],
		['no model', (files) => delete files['onnx/model_q4.onnx'], 'config/malformed'],
		['a broken config.json', (files) => (files['config.json'] = Uint8Array.of(1)), 'config/malformed'],
		[
			'a broken tokenizer.json',
			(files) => (files['tokenizer.json'] = Uint8Array.of(1)),
			'tokenizer/malformed'
		]
	])('with %s is refused, and nothing of it stays', async (_name, change, code) => {
		const files = { ...nano };
		change(files);
		await expect(library.import(asFiles(files))).rejects.toEqual(failure(code));
		expect(folder.used).toBeLessThan(1000);
	});

	test('that does not fit is refused, and nothing of it stays', async () => {
		folder.quota = 1_000_000;
		await expect(library.import(asFiles(nano))).rejects.toEqual(failure('storage/full'));
		expect(await folder.names('blobs')).toEqual([]);
		expect(await folder.names('parts')).toEqual([]);
	});

	test('can be stopped, and nothing of it stays', async () => {
		const controller = new AbortController();
		const importing = library.import(asFiles(nano), {
			signal: controller.signal,
			onProgress: () => controller.abort()
		});
		await expect(importing).rejects.toEqual(failure('aborted'));
		expect(await folder.names('blobs')).toEqual([]);
	});
});
