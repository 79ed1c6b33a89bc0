import { createServer } from 'node:http';
import type { TestProject } from 'vitest/node';
import { startLocalChain, type LocalChain } from '../../contracts/tools/local.ts';

declare module 'vitest' {
	interface ProvidedContext {
		/** Answers with the address of anvil's JSON-RPC; anvil starts with the first question. */
		chainUrl: string;
	}
}

/** A local chain with the contracts deployed, for those tests in the browser that ask for it. */
export default async function setup(project: TestProject) {
	let chain: Promise<LocalChain> | undefined;
	const server = createServer(async (_, response) => {
		response.setHeader('access-control-allow-origin', '*');
		try {
			chain ??= startLocalChain();
			response.end((await chain).url);
		} catch (error) {
			response.writeHead(500).end(String(error));
		}
	});
	await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
	const address = server.address();
	project.provide(
		'chainUrl',
		typeof address === 'object' && address ? `http://127.0.0.1:${address.port}` : ''
	);
	return async () => {
		server.close();
		(await chain)?.stop();
	};
}
