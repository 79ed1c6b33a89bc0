import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium, type BrowserContext, type Page } from 'playwright';
import { chromiumArguments, findChromium } from '../../.ci/chromium.mjs';
import { serve } from '../../.ci/serve.mjs';
import { busiestRenderer, footprint } from './processes.ts';

/**
 * The app, built anew and served as any host would, in one Chromium profile on the disk, as a person has it: a private
 * window keeps IndexedDB in memory, where a write costs three to four times as much.
 */
export async function openApp<T>(
	work: (context: BrowserContext, url: string) => Promise<T>,
	{
		args = chromiumArguments,
		serviceWorker = true
	}: {
		args?: string[];
		serviceWorker?: boolean;
	} = {}
): Promise<T> {
	build();
	const folder = mkdtempSync(join(tmpdir(), 'openledger-'));
	const server = await serve();
	const context = await chromium.launchPersistentContext(join(folder, 'profile'), {
		executablePath: findChromium(),
		args,
		viewport: { width: 1280, height: 800 },
		reducedMotion: 'reduce',
		serviceWorkers: serviceWorker ? 'allow' : 'block'
	});
	try {
		return await work(context, server.url);
	} finally {
		await context.close();
		await server.close();
		rmSync(folder, { recursive: true });
	}
}

/** The app as it is published. BUILT=1 takes the build that is there; one process builds once. */
export function build(): void {
	if (!process.env.BUILT)
		execFileSync('npx', ['vite', 'build', '--logLevel', 'error'], {
			cwd: new URL('../../', import.meta.url).pathname,
			stdio: 'ignore'
		});
	process.env.BUILT = '1';
}

/**
 * Longest time, in ms, for which the page's main thread let no timer run while `work` was going on. What the machine's
 * other work takes from it counts too.
 */
export async function longestBlock<T>(
	page: Page,
	work: () => Promise<T>
): Promise<{ block: number; result: T }> {
	await page.evaluate(() => {
		const probe = { longest: 0, last: performance.now(), on: true };
		// Messages, unlike timers, are not held back to 4 ms.
		const { port1, port2 } = new MessageChannel();
		port1.onmessage = () => {
			const now = performance.now();
			probe.longest = Math.max(probe.longest, now - probe.last);
			probe.last = now;
			if (probe.on) setTimeout(() => port2.postMessage(0), 5);
		};
		port2.postMessage(0);
		Object.assign(window, { probe });
	});
	const result = await work();
	const block = await page.evaluate(() => {
		const { probe } = window as unknown as { probe: { longest: number; on: boolean } };
		probe.on = false;
		return probe.longest;
	});
	return { block, result };
}

/**
 * Highest private memory, in MB, of the page's process (its workers are in it) while `work` goes on, sampled every 20 ms.
 * `before`: the same before it began.
 */
export async function peakMemory<T>(
	page: Page,
	work: () => Promise<T>
): Promise<{ peak: number; before: number; result: T }> {
	const pid = await rendererOf(page);
	const before = footprint(pid);
	let peak = before;
	const timer = setInterval(() => (peak = Math.max(peak, footprint(pid))), 20);
	try {
		const result = await work();
		return { peak, before, result };
	} finally {
		clearInterval(timer);
	}
}

/** The process that computes when the page does. */
export async function rendererOf(page: Page): Promise<number> {
	const session = await page.context().browser()?.newBrowserCDPSession();
	if (!session) throw new Error('The browser has no session.');
	try {
		return await busiestRenderer(
			() => session.send('SystemInfo.getProcessInfo'),
			() =>
				page.evaluate(() => {
					for (const end = performance.now() + 300; performance.now() < end;);
				})
		);
	} finally {
		await session.detach();
	}
}

/** A worker of the built app, called as the app does (Comlink's messages) and timed in the page. */
export async function callWorker(
	page: Page,
	name: string,
	calls: { method: string; args: unknown[] }[]
): Promise<{ ms: number; value: unknown }[]> {
	const assets = new URL('../../build/_app/immutable/workers/', import.meta.url);
	const file = readdirSync(assets).find((entry) => entry.startsWith(`${name}.worker`));
	if (!file) throw new Error(`The build has no worker ${name}.`);
	return page.evaluate(
		async ({ url, calls }) => {
			const worker = new Worker(url, { type: 'module', name: 'measured' });
			const results: { ms: number; value: unknown }[] = [];
			for (const { method, args } of calls) {
				const id = `call-${results.length}`;
				const began = performance.now();
				const argumentList = args.map((value) => {
					if (value !== 'listener') return { type: 'RAW', value };
					const { port1, port2 } = new MessageChannel();
					port1.onmessage = ({ data }) => port1.postMessage({ id: data.id, type: 'RAW', value: undefined });
					return { type: 'HANDLER', name: 'proxy', value: port2 };
				});
				const ports = argumentList.flatMap(({ value }) => (value instanceof MessagePort ? [value] : []));
				const answer = await new Promise<{ type: string; value: unknown }>((resolve, reject) => {
					worker.onerror = ({ message }) => reject(new Error(message));
					worker.onmessage = ({ data }) => data.id === id && resolve(data);
					worker.postMessage({ id, type: 'APPLY', path: [method], argumentList }, ports);
				});
				if (answer.type === 'HANDLER') throw new Error(`${method}: ${JSON.stringify(answer.value)}`);
				results.push({ ms: performance.now() - began, value: answer.value });
			}
			worker.terminate();
			return results;
		},
		{ url: `/_app/immutable/workers/${file}`, calls }
	);
}
