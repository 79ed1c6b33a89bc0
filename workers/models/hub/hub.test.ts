import { createHash } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { HubServer } from '#test/support/hub-server.ts';
import { Hub } from './hub.ts';
import { pushRepo } from './push.ts';

const policy = { attempts: 2, baseMs: 1, maxMs: 5, stallMs: 500 };
const text = (value: string) => new TextEncoder().encode(value);
const failure = (code: string) => expect.objectContaining({ code });

let server: HubServer;
let hub: Hub;
beforeAll(async () => {
	server = await HubServer.start({
		'owner/model': {
			'config.json': text('{}'),
			'onnx/model_q4.onnx': text('weights'),
			'a b/ü.txt': text('x')
		}
	});
});
beforeEach(() => {
	server.clear();
	server.pageSize = 1000;
	hub = new Hub({ url: `${server.url}/`, policy });
});
afterAll(() => server.close());

test('a repository is listed at a commit, with the hash that the Hub knows of each file', async () => {
	const listed = await hub.list('owner/model');
	expect(listed.commit).toMatch(/^[0-9a-f]{40}$/);
	expect(listed.files).toEqual([
		{ path: 'config.json', size: 2, gitSha1: createHash('sha1').update('blob 2\0{}').digest('hex') },
		{ path: 'onnx/model_q4.onnx', size: 7, sha256: createHash('sha256').update('weights').digest('hex') },
		{ path: 'a b/ü.txt', size: 1, gitSha1: createHash('sha1').update('blob 1\0x').digest('hex') }
	]);
	expect(await hub.json(listed, 'config.json')).toEqual({});
	const { url } = hub.remote(listed, 'a b/ü.txt');
	expect(url).toBe(`${server.url}/owner/model/resolve/${listed.commit}/a%20b/%C3%BC.txt`);
	expect(await (await fetch(url)).text()).toBe('x');
});

test('what was listed stays fetchable when the branch moves on', async () => {
	const files = { 'config.json': text('{"old":1}') };
	server.commit('owner/moving', files);
	const listed = await hub.list('owner/moving');
	server.commit('owner/moving', { 'config.json': text('{"new":1}') });
	expect(await hub.json(listed, 'config.json')).toEqual({ old: 1 });
	expect((await hub.list('owner/moving', listed.commit)).commit).toBe(listed.commit);
	expect((await hub.list('owner/moving')).commit).not.toBe(listed.commit);
});

test('a list of many pages is read to its end', async () => {
	server.pageSize = 7;
	const files = Object.fromEntries(Array.from({ length: 50 }, (_, i) => [`f${i}.json`, text(String(i))]));
	server.commit('owner/many', files);
	expect((await hub.list('owner/many')).files.map(({ path }) => path)).toEqual(Object.keys(files));
	expect(server.requests.length).toBe(1 + Math.ceil(50 / 7));
});

test('a token is sent, and its lack is an error that says so', async () => {
	server.token = 'hf_right';
	await expect(hub.list('owner/model')).rejects.toEqual(failure('hub/unauthorised'));
	expect(
		(await new Hub({ url: server.url, token: 'hf_right', policy }).list('owner/model')).files
	).toHaveLength(3);
});

test('unknown repositories, revisions and names that are none are not found', async () => {
	await expect(hub.list('owner/none')).rejects.toEqual(failure('hub/not-found'));
	await expect(hub.list('owner/model', 'no-branch')).rejects.toEqual(failure('hub/not-found'));
	server.clear();
	for (const name of ['', '../etc', 'a/b/c', 'a b', 'owner/..', 'owner/model?x', 'owner/model#x'])
		await expect(hub.list(name)).rejects.toEqual(failure('hub/not-found'));
	expect(server.requests).toEqual([]);
});

test('a server that fails once is asked again, one that goes on failing is unreachable', async () => {
	server.fault({ path: '/api/', kind: 'status', status: 502 });
	expect((await hub.list('owner/model')).files).toHaveLength(3);
	server.fault({ path: '/api/', kind: 'status', status: 502, times: 9 });
	await expect(hub.list('owner/model')).rejects.toEqual(failure('hub/unreachable'));
});

test.each<[string, unknown, Record<string, string>?]>([
	['a page', '<html>'],
	['nothing', ''],
	['no list', '{}'],
	['a path that leaves the folder', [{ type: 'file', path: '../x', size: 1, oid: '0'.repeat(40) }]],
	['an absolute path', [{ type: 'file', path: '/x', size: 1, oid: '0'.repeat(40) }]],
	['a negative size', [{ type: 'file', path: 'x', size: -1, oid: '0'.repeat(40) }]],
	['a size that is text', [{ type: 'file', path: 'x', size: '1', oid: '0'.repeat(40) }]],
	['a hash that is none', [{ type: 'file', path: 'x', size: 1, oid: 'xyz' }]],
	[
		'an LFS hash that is none',
		[{ type: 'file', path: 'x', size: 1, oid: '0'.repeat(40), lfs: { oid: 'x', size: 1 } }]
	],
	['null', [null], { Link: '<https://elsewhere.test/steal>; rel="next"' }],
	['a next page elsewhere', [], { Link: '<https://elsewhere.test/steal>; rel="next"' }],
	['a next page that is no address', [], { Link: '<http://>; rel="next"' }]
])('a server that answers with %s is refused', async (_name, body, headers) => {
	const { createServer } = await import('node:http');
	const seen: string[] = [];
	const strange = createServer((request, response) => {
		seen.push(request.url ?? '');
		const sha = JSON.stringify({ sha: 'a'.repeat(40) });
		if (request.url?.includes('/revision/')) return void response.end(sha);
		response.writeHead(200, headers).end(typeof body === 'string' ? body : JSON.stringify(body));
	});
	await new Promise<void>((resolve) => strange.listen(0, '127.0.0.1', resolve));
	const address = strange.address();
	const port = typeof address === 'object' ? address?.port : 0;
	const token = 'hf_secret';
	const outcome = new Hub({ url: `http://127.0.0.1:${port}`, token, policy }).list('owner/model');
	await expect(outcome).rejects.toEqual(failure('hub/wrong-bytes'));
	if (body === '<html>') await expect(outcome).rejects.toThrow(/^A web page came/);
	strange.closeAllConnections();
	strange.close();
});

test('what a repository holds is replaced only when that is said', async () => {
	server.commit('ada/mine', { 'README.md': text('mine'), 'notes.txt': text('x') });
	const push = (name: string, mayReplace: boolean) =>
		pushRepo(
			{ type: 'model', name },
			[
				{ path: 'README.md', content: new Blob(['card']) },
				{ path: 'adapter_config.json', content: new Blob(['{}']) }
			],
			{ hubUrl: server.url, token: 'hf_x', private: false, title: 'Publish', mayReplace },
			() => undefined,
			new AbortController().signal
		);
	await expect(push('ada/mine', false)).rejects.toMatchObject({
		code: 'hub/occupied',
		message: '“ada/mine” exists and holds README.md.'
	});
	expect(server.files('ada/mine')['README.md']).toEqual(text('mine'));
	await push('ada/mine', true);
	expect(String(server.files('ada/mine')['README.md'])).toBe('card');
	// New ones, and those that hold nothing of it, need no question.
	await push('ada/new', false);
	server.commit('ada/notes', { 'notes.txt': text('x') });
	await push('ada/notes', false);
	const dataset = pushRepo(
		{ type: 'dataset', name: 'ada/mine' },
		[{ path: 'README.md', content: new Blob(['rows']) }],
		{ hubUrl: server.url, token: 'hf_x', private: false, title: 'Publish', mayReplace: false },
		() => undefined,
		new AbortController().signal
	);
	await expect(dataset).rejects.toMatchObject({ code: 'hub/occupied' });
	expect(server.requests.at(-1)?.path).toMatch(/^\/api\/datasets\/ada\/mine\/tree\//);
	expect(Object.keys(server.files('ada/notes'))).toContain('adapter_config.json');
});
