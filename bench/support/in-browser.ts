import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
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

/** Milliseconds after which a worker is given up. */
const LIMIT = 20 * 60_000;

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
 * held before. MiB; NaN where the system does not tell (it is read from /proc). No debugger is attached: the inspector keeps up
 * to a hundred megabytes of what a page loads, in that same process.
 */
export async function measureInBrowser<T>(
	worker: string,
	input?: unknown,
	{ isolated = false }: { isolated?: boolean } = {}
): Promise<{ result: T; mebibytes: number }> {
	const root = new URL('../../', import.meta.url).pathname;
	const profile = mkdtempSync(join(tmpdir(), 'bench-'));
	let browser: ChildProcess | undefined;
	let before = Number.NaN;
	const done = Promise.withResolvers<string>();
	const answers: Record<string, (request: IncomingMessage, response: ServerResponse) => void> = {
		'/bench': (_, response) => {
			response.setHeader('content-type', 'text/html');
			for (const [name, value] of Object.entries(isolated ? ISOLATED : {})) response.setHeader(name, value);
			response.end(`<!doctype html><script type="module">${page}</script>`);
		},
		'/bench/begin': (_, response) => {
			before = memoryOf(browser, 'VmRSS');
			response.end(JSON.stringify({ worker: `/${worker}?worker_file&type=module`, input }));
		},
		'/bench/end': async (request, response) => {
			let text = '';
			for await (const chunk of request) text += chunk;
			response.end();
			done.resolve(text);
		}
	};
	const server = await createServer({
		root,
		configFile: false,
		logLevel: 'error',
		server: { host: '127.0.0.1', port: 0, headers: isolated ? ISOLATED : {} },
		optimizeDeps: { noDiscovery: true, include: packages },
		plugins: [
			{
				name: 'bench',
				configureServer: ({ middlewares }) => {
					middlewares.use((request, response, next) => {
						const answer = answers[request.url ?? ''];
						if (answer) answer(request, response);
						else next();
					});
				}
			}
		]
	});
	await server.listen();
	try {
		const address = server.httpServer?.address();
		const program = findChromium();
		if (!program || !address || typeof address === 'string')
			throw new Error('There is no Chromium or no port.');
		// Nobody speaks through the pipe. It keeps headless Chromium from ending with the page's `load`, and ends it with this process.
		browser = spawn(
			program,
			[
				...[...chromiumArguments, '--headless', '--remote-debugging-pipe', `--user-data-dir=${profile}`],
				`http://127.0.0.1:${address.port}/bench`
			],
			{ stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'] }
		);
		browser.once('exit', (code) => done.reject(new Error(`Chromium ended with ${code}.`)));
		const patience = setTimeout(() => done.reject(new Error(`${worker} has not ended.`)), LIMIT);
		void done.promise.finally(() => clearTimeout(patience)).catch(() => undefined);
		const { result, error } = JSON.parse(await done.promise) as { result: T; error?: string };
		if (error) throw new Error(error);
		return { result, mebibytes: memoryOf(browser, 'VmHWM') - before };
	} finally {
		browser?.removeAllListeners('exit').kill();
		if (browser?.exitCode === null) await new Promise((resolve) => browser?.once('exit', resolve));
		await server.close();
		rmSync(profile, { recursive: true, force: true, maxRetries: 3 });
	}
}

/** What runs in the page: starts the worker, and hands on what it posts. */
const page = `
	const { worker, input } = await (await fetch('/bench/begin')).json();
	const end = (outcome) => fetch('/bench/end', { method: 'POST', body: JSON.stringify(outcome) });
	const running = new Worker(worker, { type: 'module' });
	running.onmessage = ({ data }) => end({ result: data });
	running.onerror = ({ message, filename }) => end({ error: message + ' ' + filename });
	if (input !== undefined) running.postMessage(input);
`;

/** MiB that Linux says of the page's process: VmRSS now, VmHWM at most so far. It is the largest of the browser's renderers. */
function memoryOf(browser: ChildProcess | undefined, field: 'VmRSS' | 'VmHWM'): number {
	try {
		const sizes = readdirSync('/proc')
			.filter((name) => /^\d+$/.test(name))
			.map((id) => renderer(id, field))
			.filter((found) => found.family.includes(browser?.pid ?? -1))
			.map(({ kibibytes }) => kibibytes);
		return sizes.length > 0 ? Math.max(...sizes) / 1024 : Number.NaN;
	} catch {
		return Number.NaN;
	}
}

/** A process that draws pages, with those that it descends from; without any for other processes. */
function renderer(id: string, field: string): { family: number[]; kibibytes: number } {
	const family: number[] = [];
	try {
		if (!readFileSync(`/proc/${id}/cmdline`, 'utf8').includes('--type=renderer'))
			return { family, kibibytes: 0 };
		const status = (of: string | number) => readFileSync(`/proc/${of}/status`, 'utf8');
		for (let parent = Number(id); parent > 1; parent = Number(status(parent).match(/PPid:\s*(\d+)/)?.[1]))
			family.push(parent);
		return { family, kibibytes: Number(status(id).match(new RegExp(`${field}:\\s*(\\d+)`))?.[1]) };
	} catch {
		// It has ended meanwhile.
		return { family: [], kibibytes: 0 };
	}
}
