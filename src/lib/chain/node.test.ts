import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { explain } from './errors.ts';
import { nodeAt } from './node.ts';

/** What a person is told of an address that answers so. */
async function told(type: string, body: string, status = 200) {
	const server = createServer((_, response) => {
		response.writeHead(status, { 'Content-Type': type }).end(body);
	});
	await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
	onTestFinished(() => void server.close());
	const { request } = nodeAt(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)({});
	return explain(await request({ method: 'eth_chainId' }).catch((error: unknown) => error));
}

const page = '<!doctype html><title>Sign in</title>';

test('a page in place of a node’s answer is called one, and nobody reads what a parser says', async () => {
	const error = await told('text/html; charset=utf-8', page);
	expect(error).toMatchObject({
		code: 'chain/malformed',
		message: expect.stringContaining('web page') as string
	});
	for (const answer of [error, await told('application/json', page), await told('text/plain', 'no')]) {
		expect(answer.code).toBe('chain/malformed');
		expect(JSON.stringify([answer.message, answer.remedy, answer.details])).not.toMatch(/token|JSON\.parse/);
	}
});

test('a gateway’s page about a node that is down is no answer either, and nothing that a person could mend', async () => {
	expect(await told('text/html', page, 502)).toMatchObject({ code: 'chain/unreachable' });
});
