import { readFileSync } from 'node:fs';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { beforeEach, expect, onTestFinished, test, vi } from 'vitest';
import { openArchive } from '#workers/ipfs/archive.ts';
import { parseCid } from '#workers/ipfs/blocks.ts';
import { carOf } from '#workers/ipfs/car.ts';
import { HubServer, readRepo, type RepoFiles } from '#test/support/hub-server.ts';
import { adapterId } from './adapter-id.ts';
import { parseAdapterLink, type AdapterSource } from './link.ts';
import { inArchive } from './locate.ts';
import { parseManifest } from './manifest.ts';
import { downloadOf, fetchAdapter, lookUpAdapter, offerOf } from './offer.ts';

const policy = { attempts: 3, baseMs: 1, maxMs: 5, stallMs: 2000 };
const folder = 'static/adapters/anatomy';
const weights = 'adapter_model.safetensors';
let files: RepoFiles;
let id: string;

beforeEach(async () => {
	files = readRepo(folder);
	id = await adapterId(parseManifest(readFileSync(`${folder}/openledger.json`)).files);
});

async function start(repo: RepoFiles = files) {
	const hub = await HubServer.start({ 'ada/heart': repo });
	onTestFinished(() => hub.close());
	const source = { kind: 'hub' as const, repo: 'ada/heart', revision: 'main', folder: '' };
	return { hub, source, options: { hubUrl: hub.url, policy } };
}

test('an offer says what an adapter is before its weights are fetched, and pins the commit', async () => {
	const { hub, source, options } = await start();
	const offer = await lookUpAdapter({ source, id }, options);
	expect(offer).toMatchObject({
		id,
		vouched: true,
		name: 'Anatomy',
		baseName: 'openledger/nano',
		bytes: files[weights]?.length,
		rank: 16
	});
	expect(offer.source).toMatchObject({ revision: expect.stringMatching(/^[0-9a-f]{40}$/) as string });
	expect(hub.requests.some(({ path }) => path.endsWith(weights))).toBe(false);
});

test('the files come whole, with progress, also over a connection that is cut', async () => {
	const { hub, source, options } = await start();
	const offer = await lookUpAdapter({ source, id }, options);
	hub.fault({ path: weights, kind: 'cut', after: 1000 });
	let done = 0;
	const got = await fetchAdapter(offer, {
		onProgress: ({ bytesDone = 0 }) => (done = Math.max(done, bytesDone))
	});
	expect(done).toBe(files[weights]?.length);
	for (const file of got)
		expect(Buffer.from(await file.arrayBuffer()).equals(Buffer.from(files[file.name] ?? []))).toBe(true);
	expect(got.map(({ name }) => name)).toContain(weights);
});

test('a folder on the web will do, without a manifest and without a fingerprint', async () => {
	const { 'openledger.json': _, ...bare } = files;
	const { hub, options } = await start(bare);
	const source = { kind: 'web' as const, folder: `${hub.url}/ada/heart/resolve/main/` };
	const offer = await lookUpAdapter({ source }, options);
	expect(offer).toMatchObject({ vouched: false, name: 'main', bytes: files[weights]?.length });
	expect(offer.id).toBeUndefined();
	expect(await fetchAdapter(offer, { onProgress: () => undefined })).toHaveLength(2);
});

test('a host that has a page for every address it does not know lacks what it has a page for', async () => {
	const page = Buffer.from('<!doctype html><title>An app</title>');
	const { hub, options } = await start({ ...files, 'openledger.json': page });
	const source = { kind: 'web' as const, folder: `${hub.url}/ada/heart/resolve/main/` };
	expect((await lookUpAdapter({ source }, options)).manifest).toBeUndefined();
	hub.commit('ada/heart', { 'adapter_config.json': page });
	await expect(lookUpAdapter({ source }, options)).rejects.toMatchObject({
		code: 'hub/not-found',
		message: 'A web page came where data was expected.'
	});
});

test('one changed byte of the weights is refused', async () => {
	const { hub, source, options } = await start();
	const offer = await lookUpAdapter({ source, id }, options);
	hub.fault({ path: weights, kind: 'wrong-byte', at: 5000 });
	await expect(fetchAdapter(offer, { onProgress: () => undefined })).rejects.toMatchObject({
		code: 'adapter/mismatch'
	});
});

test('another adapter than the link names is refused before its weights are fetched', async () => {
	const { hub, source, options } = await start();
	await expect(lookUpAdapter({ source, id: '00'.repeat(32) }, options)).rejects.toMatchObject({
		code: 'adapter/mismatch'
	});
	expect(hub.requests.some(({ path }) => path.endsWith(weights))).toBe(false);
});

test('a configuration that the manifest does not name is refused', async () => {
	const config = Buffer.from(
		String(Buffer.from(files['adapter_config.json'] ?? [])).replace('"r": 16', '"r": 15')
	);
	const { source, options } = await start({ ...files, 'adapter_config.json': config });
	await expect(lookUpAdapter({ source }, options)).rejects.toMatchObject({ code: 'adapter/mismatch' });
});

test('what is no adapter says so', async () => {
	const { source, options } = await start({ 'README.md': new Uint8Array(3) });
	await expect(lookUpAdapter({ source }, options)).rejects.toMatchObject({ code: 'hub/not-found' });
	const nowhere = { ...source, repo: 'ada/none' };
	await expect(lookUpAdapter({ source: nowhere }, options)).rejects.toMatchObject({ code: 'hub/not-found' });
});

/** A folder on the web whose server does as it is told for one file; without `get` it sends the file, without `head` it tells no size. */
async function folderThat(
	odd: string,
	{ head, get }: { head?: number; get?: (response: ServerResponse) => void } = {}
): Promise<AdapterSource> {
	const server = createServer((request, response) => {
		const file = request.url?.slice(1) ?? '';
		if (file !== odd) return response.setHeader('Content-Length', files[file]?.length ?? 0).end(files[file]);
		if (request.method !== 'HEAD') return get ? get(response) : response.end(files[file]);
		if (head === undefined) return response.writeHead(405).end();
		response.setHeader('Content-Length', head).end();
	});
	await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
	onTestFinished(() => {
		server.closeAllConnections();
		server.close();
	});
	return { kind: 'web', folder: `http://127.0.0.1:${(server.address() as AddressInfo).port}/` };
}

test.each([weights, 'attribution.safetensors'])(
	'no more of %s is read than the source has stated',
	async (file) => {
		let sent = 0;
		const source = await folderThat(file, {
			head: 1000,
			get(response) {
				const more = () => {
					if (sent >= 64 << 20) return response.end();
					sent += 1 << 16;
					if (response.write(Buffer.alloc(1 << 16))) setImmediate(more);
					else response.once('drain', more);
				};
				more();
			}
		});
		const offer = await lookUpAdapter({ source }, { policy });
		expect(downloadOf(offer)).toMatchObject({ isStated: true });
		expect([offer.bytes, offer.indexBytes]).toContain(1000);
		await expect(fetchAdapter(offer, { onProgress: () => undefined })).rejects.toMatchObject({
			code: 'adapter/mismatch',
			message: expect.stringContaining('1000 bytes') as string
		});
		// What the sockets hold.
		expect(sent).toBeLessThan(16 << 20);
	}
);

test('a source that does not tell how large a file is leaves the most that it may be', async () => {
	const source = await folderThat(weights);
	const offer = await lookUpAdapter({ source }, { policy });
	const { length = 0 } = files['attribution.safetensors'] ?? [];
	expect(downloadOf(offer)).toEqual({ most: 512 * 2 ** 20 + length, isStated: false });
	expect(await fetchAdapter(offer, { onProgress: () => undefined })).toHaveLength(4);
});

test.each([
	['says 0 to every HEAD', { 'Content-Length': '0' }],
	['packs what it sends', { 'Content-Length': '700', 'Content-Encoding': 'gzip' }],
	['says nonsense', { 'Content-Length': '12e3' }],
	['says nothing', {}]
])('the size is not known from a source that %s', async (_, headers: Record<string, string>) => {
	vi.spyOn(globalThis, 'fetch').mockImplementation((url, init) =>
		init?.method === 'HEAD'
			? Promise.resolve(new Response(null, { headers }))
			: Promise.resolve(new Response(new Uint8Array(files[String(url).split('/').at(-1) ?? ''] ?? [])))
	);
	onTestFinished(() => void vi.restoreAllMocks());
	const offer = await lookUpAdapter({ source: { kind: 'web', folder: 'https://example.org/' } }, { policy });
	expect(downloadOf(offer)).toEqual({ most: 2 * 512 * 2 ** 20, isStated: false });
	expect(await fetchAdapter(offer, { onProgress: () => undefined })).toHaveLength(4);
});

test('an index that the manifest names and the folder lacks costs nothing and is left out', async () => {
	const { 'attribution.safetensors': _, ...without } = files;
	const { hub, options } = await start(without);
	const source = { kind: 'web' as const, folder: `${hub.url}/ada/heart/resolve/main/` };
	const offer = await lookUpAdapter({ source }, options);
	expect(downloadOf(offer)).toEqual({ most: files[weights]?.length, isStated: true });
	expect(await fetchAdapter(offer, { onProgress: () => undefined })).toHaveLength(3);
});

test('a folder on the web that cannot be read is not spoken of as the Hub', async () => {
	const remedyOf = async (folder: string) => {
		const failed = lookUpAdapter({ source: { kind: 'web', folder } }, { policy: { ...policy, attempts: 1 } });
		return (await failed.catch((error: unknown) => error)) as { code: string; remedy: string };
	};
	const { hub } = await start();
	hub.token = 'hf_x';
	const closed = await remedyOf(`${hub.url}/ada/heart/resolve/main/`);
	expect(closed).toMatchObject({
		code: 'hub/unauthorised',
		remedy: expect.not.stringMatching(/Hub|licence/) as string
	});
	const gone = await remedyOf('http://127.0.0.1:9/');
	expect(gone).toMatchObject({ code: 'hub/unreachable', remedy: expect.stringContaining('CORS') as string });
	expect(gone.remedy).not.toContain('kept');
});

test('a source that never answers is given up, and a person need not wait for that', async () => {
	const silent = createServer(() => undefined);
	await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
	onTestFinished(() => {
		silent.closeAllConnections();
		silent.close();
	});
	const source = {
		kind: 'web' as const,
		folder: `http://127.0.0.1:${(silent.address() as AddressInfo).port}/`
	};
	await expect(lookUpAdapter({ source }, { limitMs: 50 })).rejects.toMatchObject({
		code: 'hub/unreachable',
		message: 'The source takes too long to answer.'
	});
	const person = new AbortController();
	setTimeout(() => person.abort(), 50);
	await expect(lookUpAdapter({ source }, { signal: person.signal })).rejects.toMatchObject({
		code: 'aborted'
	});
});

test('more than a megabyte of configuration is not read', async () => {
	const { source, options } = await start({ ...files, 'adapter_config.json': new Uint8Array(2 << 20) });
	await expect(lookUpAdapter({ source }, options)).rejects.toMatchObject({
		code: 'adapter/too-large',
		message: expect.stringMatching(/^adapter_config.json has \d+ bytes or more/) as string,
		remedy: expect.stringContaining(`may have ${1 << 20} bytes at most`) as string
	});
});

test('a folder of IPFS is looked up and fetched through a gateway, and the same as a file', async () => {
	const content = ([path, bytes]: [string, Uint8Array]) => ({
		path,
		content: new Blob([new Uint8Array(bytes)])
	});
	const { car, cid } = await carOf(Object.entries(files).map(content));
	const archive = await openArchive(new Uint8Array(await car.arrayBuffer()));
	const asked: string[] = [];
	const server = createServer((request, response) => {
		const name = request.url?.match(/^\/ipfs\/(\w+)\?format=raw$/)?.[1] ?? '';
		asked.push(name);
		void archive.blocks(parseCid(name)).then((bytes) => response.end(bytes));
	});
	await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
	onTestFinished(() => void server.close());
	const gateway = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
	const link = parseAdapterLink(`from=ipfs://${cid}&id=${id}`);

	await expect(lookUpAdapter(link, { policy })).rejects.toMatchObject({ code: 'ipfs/no-gateway' });
	const offer = await lookUpAdapter(link, { gateway, policy });
	expect(offer).toMatchObject({
		id,
		vouched: true,
		bytes: files[weights]?.length,
		source: { kind: 'ipfs', cid }
	});
	// The folder, both small files, and the first blocks of weights and index: the others are not touched.
	expect(asked).toHaveLength(5);
	const fetched = await fetchAdapter(offer, { onProgress: () => undefined });

	const opened = await offerOf(await inArchive(new File([car], 'heart.car')), {});
	expect(opened).toMatchObject({ id, vouched: false, name: 'Anatomy' });
	expect(opened.source).toBeUndefined();
	for (const got of [fetched, await fetchAdapter(opened, { onProgress: () => undefined })]) {
		expect(got.map(({ name }) => name)).toContain('attribution.safetensors');
		for (const file of got)
			expect(Buffer.from(await file.arrayBuffer()).equals(Buffer.from(files[file.name] ?? []))).toBe(true);
	}
});
