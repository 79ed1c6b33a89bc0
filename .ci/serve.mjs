import { createServer } from 'node:http';
import sirv from 'sirv';
import { isolationHeaders } from './headers.mjs';

/**
 * Serves the built app on a loopback port, as any static host would: files, pages by their path (`/ledger`: ledger.html), and the fallback for every other path.
 * @param {{ port?: number, directory?: string, isolated?: boolean, fallback?: string }} [options] port 0 picks a free one; hosts that cannot send headers do not isolate; `fallback` is sent for paths of no file
 * @returns {Promise<{ url: string, close: () => Promise<void> }>}
 * @throws when the port is taken
 */
export async function serve({
	port = 0,
	directory = new URL('../build', import.meta.url).pathname,
	isolated = true,
	fallback = 'fallback.html'
} = {}) {
	const files = sirv(directory, {
		single: fallback,
		etag: true,
		gzip: true,
		setHeaders: (response, pathname) => {
			for (const [name, value] of Object.entries(isolated ? isolationHeaders : {}))
				response.setHeader(name, value);
			if (pathname.startsWith('/_app/immutable/'))
				response.setHeader('Cache-Control', 'public, max-age=31536000, immutable');
		}
	});
	const server = createServer((request, response) =>
		files(request, response, () => {
			response.statusCode = 404;
			response.end('Not found');
		})
	);
	await new Promise((resolve, reject) => {
		server.once('error', reject);
		server.listen(port, '127.0.0.1', () => resolve(undefined));
	});
	const address = server.address();
	if (!address || typeof address === 'string') throw new Error('The server has no port.');
	return {
		url: `http://127.0.0.1:${address.port}`,
		close: () => new Promise((resolve) => server.close(() => resolve()))
	};
}
