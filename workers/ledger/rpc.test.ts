import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { httpRpc, RpcError } from './rpc.ts';

/** Milliseconds: enough for a busy machine to be asked and to answer in. */
const PATIENCE = 1000;
const question = { method: 'eth_blockNumber' };
const good = JSON.stringify({ jsonrpc: '2.0', id: 1, result: '0x7' });

/** A node that answers as `listener` does; counts how often it was asked. */
async function nodeOf(listener: (asked: number) => RequestListener) {
	let asked = 0;
	const server = createServer((request, response) => listener(++asked)(request, response));
	await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
	onTestFinished(() => {
		server.closeAllConnections();
		server.close();
	});
	const { port } = server.address() as AddressInfo;
	return { request: httpRpc(`http://127.0.0.1:${port}`, undefined, PATIENCE), asked: () => asked };
}

test.each([
	['says nothing', () => undefined],
	['begins and then says nothing', (_, response) => void response.write('{"jsonrpc":')],
	['breaks off', (_, response) => void response.socket?.destroy()],
	['is overloaded', (_, response) => void response.writeHead(503).end('later')]
] satisfies [string, RequestListener][])(
	'a node that %s is asked three times, then given up in words',
	async (_, how) => {
		const { request, asked } = await nodeOf(() => how);
		const began = Date.now();
		await expect(request(question)).rejects.toMatchObject({ code: 'ledger/unreachable' });
		expect(asked()).toBe(3);
		// Three times its patience, and a quarter and a whole second between.
		expect(Date.now() - began).toBeLessThan(3 * PATIENCE + 1_250 + 15_000);
	}
);

test('a node that comes back in time has lost nothing', async () => {
	const { request, asked } = await nodeOf((time) => (_, response) => {
		if (time === 2) response.end(good);
	});
	expect(await request(question)).toBe('0x7');
	expect(asked()).toBe(2);
});

test.each([
	['a page', '<!doctype html>'],
	['half an answer', good.slice(0, -3)],
	['a bare string', '"0x7"'],
	['nothing', 'null'],
	['neither result nor error', '{"jsonrpc":"2.0","id":1}'],
	['no bytes', '']
])('%s is no answer, and is not asked for again', async (_, body) => {
	const { request, asked } = await nodeOf(() => (_, response) => response.end(body));
	await expect(request(question)).rejects.toMatchObject({ code: 'ledger/malformed' });
	expect(asked()).toBe(1);
});

test('a node’s own complaint comes through with its code', async () => {
	const body = JSON.stringify({ jsonrpc: '2.0', id: 1, error: { code: -32000, message: 'no such block' } });
	const { request } = await nodeOf(() => (_, response) => response.end(body));
	await expect(request(question)).rejects.toEqual(new RpcError(-32000, 'no such block'));
});

test('a page in place of an answer is called one', async () => {
	const { request, asked } = await nodeOf(
		() => (_, response) => response.end('\n<!DOCTYPE html><title>Sign in</title>')
	);
	await expect(request(question)).rejects.toMatchObject({
		code: 'ledger/malformed',
		message: 'A web page came where data was expected.'
	});
	expect(asked()).toBe(1);
});

test('an answer without end is not read to its end', async () => {
	let written = 0;
	const { request, asked } = await nodeOf(() => (_, response) => {
		const more = () => {
			while (!response.destroyed && response.write('x'.repeat(65_536))) written += 65_536;
			if (!response.destroyed) response.once('drain', more);
		};
		more();
	});
	await expect(request({ ...question, most: 1_000_000 })).rejects.toMatchObject({ code: -32005 });
	expect(asked()).toBe(1);
	await new Promise((resolve) => setTimeout(resolve, PATIENCE));
	expect(written).toBeLessThan(32_000_000);
});

test('letters of several bytes that fall between two packets stay whole', async () => {
	const bytes = Buffer.from(JSON.stringify({ jsonrpc: '2.0', id: 1, result: 'Zürich — ✓' }));
	const { request } = await nodeOf(() => async (_, response) => {
		for (const byte of bytes) {
			response.write(Uint8Array.of(byte));
			await new Promise(setImmediate);
		}
		response.end();
	});
	expect(await request(question)).toBe('Zürich — ✓');
});
