import { readFileSync } from 'node:fs';
import { chromium, type Browser } from 'playwright';
import { createServer } from 'vite';
import { chromiumArguments, findChromium } from '../../.ci/chromium.mjs';

/** Those that vite must bundle first: no ES modules, or many small ones. */
const packages = [
	...['viem', 'viem/accounts', 'dexie'],
	...['block', 'common', 'tx', 'util', 'vm'].map((part) => `@ethereumjs/${part}`)
];

const ISOLATED = {
	'Cross-Origin-Opener-Policy': 'same-origin',
	'Cross-Origin-Embedder-Policy': 'require-corp'
};

/**
 * Runs a worker of bench/ in Chromium and returns what it posts: for what only a browser has (OPFS).
 * @param worker path below the repository's root
 * @param input posted to the worker when it has started
 * @param options.isolated with shared memory, as the app has it in Chromium, so that wasm has threads
 */
export async function runInBrowser<T>(
	worker: string,
	input?: unknown,
	options: { isolated?: boolean } = {}
): Promise<T> {
	return (await measureInBrowser<T>(worker, input, options)).result;
}

/**
 * The same, with the memory that it took at most: peak of the page's process, worker included, less what that process
 * held before. MiB; NaN where the system does not tell (it is read from /proc).
 */
export async function measureInBrowser<T>(
	worker: string,
	input?: unknown,
	{ isolated = false }: { isolated?: boolean } = {}
): Promise<{ result: T; mebibytes: number }> {
	const root = new URL('../../', import.meta.url).pathname;
	const server = await createServer({
		root,
		configFile: false,
		logLevel: 'error',
		server: { host: '127.0.0.1', port: 0, headers: isolated ? ISOLATED : {} },
		optimizeDeps: { noDiscovery: true, include: packages },
		plugins: [
			{
				name: 'blank page',
				configureServer: ({ middlewares }) => {
					middlewares.use('/blank', (_, response) => {
						for (const [name, value] of Object.entries(isolated ? ISOLATED : {}))
							response.setHeader(name, value);
						response.end('<!doctype html>');
					});
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
		const process = await rendererOf(browser);
		const before = process ? memoryOf(process, 'VmRSS') : Number.NaN;
		const result = (await page.evaluate(
			([url, data]) =>
				new Promise((resolve, reject) => {
					const running = new Worker(url as string, { type: 'module' });
					running.onmessage = ({ data }) => resolve(data);
					running.onerror = ({ message, filename }) => reject(new Error(`${message} ${filename}`));
					if (data !== undefined) running.postMessage(data);
				}),
			[`/${worker}?worker_file&type=module`, input] as const
		)) as T;
		const mebibytes = process ? memoryOf(process, 'VmHWM') - before : Number.NaN;
		return { result, mebibytes };
	} finally {
		await browser.close();
		await server.close();
	}
}

/** The process that runs the page: the youngest renderer. */
async function rendererOf(browser: Browser): Promise<number | undefined> {
	const session = await browser.newBrowserCDPSession();
	const { processInfo } = await session.send('SystemInfo.getProcessInfo');
	return processInfo.filter(({ type }) => type === 'renderer').at(-1)?.id;
}

/** MiB that Linux says of a process: VmRSS now, VmHWM at most so far. */
function memoryOf(process: number, field: 'VmRSS' | 'VmHWM'): number {
	try {
		const kibibytes = readFileSync(`/proc/${process}/status`, 'utf8').match(
			new RegExp(`${field}:\\s*(\\d+) kB`)
		)?.[1];
		return Number(kibibytes) / 1024;
	} catch {
		return Number.NaN;
	}
}
