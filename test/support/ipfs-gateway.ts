import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { CarReader } from '@ipld/car';
import { CID } from 'multiformats/cid';
import { onTestFinished } from 'vitest';

type Send = (cid: string, bytes: Uint8Array | undefined) => Uint8Array | number | undefined;

/**
 * A trustless gateway on loopback for one test (specs.ipfs.tech/http-gateways/trustless-gateway): answers `/ipfs/CID?format=raw` from an
 * archive, as `send` lets it, and remembers which blocks it was asked for.
 */
export async function ipfsGateway(car: Blob, send: Send = (_, bytes) => bytes) {
	const reader = await CarReader.fromBytes(new Uint8Array(await car.arrayBuffer()));
	const seen: string[] = [];
	const server = createServer((request, response) => {
		const url = new URL(request.url ?? '', 'http://x');
		const name = url.pathname.slice('/ipfs/'.length);
		seen.push(name);
		response.setHeader('Access-Control-Allow-Origin', '*');
		void (async () => {
			const raw =
				url.searchParams.get('format') === 'raw' && request.headers.accept?.includes('vnd.ipld.raw');
			const answer = raw ? send(name, (await reader.get(CID.parse(name)))?.bytes) : 400;
			if (answer instanceof Uint8Array) response.end(answer);
			else response.writeHead(answer ?? 404).end();
		})();
	});
	await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
	onTestFinished(() => void server.close());
	return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`, seen };
}
