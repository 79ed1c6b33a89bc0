import { chromium } from 'playwright';
import { createServer } from 'vite';
import { chromiumArguments, findChromium } from '../../.ci/chromium.mjs';

/**
 * Runs a worker of bench/ in Chromium and returns what it posts: for what only a browser has (OPFS).
 * @param worker path below the repository's root
 */
export async function runInBrowser<T>(worker: string): Promise<T> {
	const root = new URL('../../', import.meta.url).pathname;
	const server = await createServer({
		root,
		configFile: false,
		logLevel: 'error',
		server: { host: '127.0.0.1', port: 0 },
		optimizeDeps: { noDiscovery: true },
		plugins: [
			{
				name: 'blank page',
				configureServer: ({ middlewares }) => {
					middlewares.use('/blank', (_, response) => response.end('<!doctype html>'));
				}
			}
		]
	});
	await server.listen();
	const browser = await chromium.launch({ executablePath: findChromium(), args: chromiumArguments });
	try {
		const address = server.httpServer?.address();
		if (!address || typeof address === 'string') throw new Error('The server has no port.');
		const page = await browser.newPage();
		await page.goto(`http://127.0.0.1:${address.port}/blank`);
		return (await page.evaluate(
			(url) =>
				new Promise((resolve, reject) => {
					const running = new Worker(url, { type: 'module' });
					running.onmessage = ({ data }) => resolve(data);
					running.onerror = ({ message, filename }) => reject(new Error(`${message} ${filename}`));
				}),
			`/${worker}?worker_file&type=module`
		)) as T;
	} finally {
		await browser.close();
		await server.close();
	}
}
