import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { chromiumArguments, findChromium } from '../../.ci/chromium.mjs';
import { busiestRenderer } from './processes.ts';

/**
 * One page in Chromium that nobody watches. Whoever drives a browser by its protocol asks to be told of requests, workers and scripts, and from
 * then on the page's process remembers them: the text of every answer up to 200 MB, every worker's inspector. Here one command
 * is sent at a time, on a connection of its own, and nothing is subscribed to: the page holds what it holds for anybody.
 */
export interface BarePage {
	/** The process that computes when the page does: a page that is opened may get another. */
	process(): Promise<number>;
	/**
	 * Runs a command of the page's (Chrome DevTools Protocol).
	 * @throws what the browser says against it
	 */
	send<T>(method: string, parameters?: object): Promise<T>;
	/**
	 * What the expression, or the promise it gives, comes to in the page.
	 * @throws what it throws there
	 */
	evaluate<T>(expression: string): Promise<T>;
	/** Resolves once the page is loaded. */
	open(url: string): Promise<void>;
}

/**
 * Gives `work` the one page of a browser in a fresh profile, which ends with it.
 * @param flags of Chromium, besides those of all benchmarks
 */
export async function openBare<T>(
	work: (page: BarePage) => Promise<T>,
	flags: readonly string[] = []
): Promise<T> {
	const profile = mkdtempSync(join(tmpdir(), 'openledger-profile-'));
	const chromium = spawn(
		findChromium() ?? '',
		[
			...chromiumArguments,
			...flags,
			'--headless=new',
			'--remote-debugging-port=0',
			'--force-prefers-reduced-motion',
			'--disable-renderer-backgrounding',
			'--window-size=1280,800',
			`--user-data-dir=${profile}`,
			'about:blank'
		],
		{ stdio: 'ignore' }
	);
	const ended = once(chromium, 'exit');
	try {
		return await work(await onlyPage(join(profile, 'DevToolsActivePort')));
	} finally {
		chromium.kill();
		await ended;
		rmSync(profile, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
	}
}

/** @param file in which Chromium writes where it listens: port, and path for commands to the whole browser */
async function onlyPage(file: string): Promise<BarePage> {
	for (let i = 0; !existsSync(file); i++) {
		if (i === 300) throw new Error('Chromium did not start within 30 s.');
		await wait(100);
	}
	await wait(500);
	const [port = '', path = ''] = readFileSync(file, 'utf8').split('\n');
	const targets = (await (await fetch(`http://127.0.0.1:${port}/json/list`)).json()) as {
		type: string;
		webSocketDebuggerUrl: string;
	}[];
	const address = targets.find(({ type }) => type === 'page')?.webSocketDebuggerUrl;
	if (!address) throw new Error('Chromium has no page.');
	const send = <T>(method: string, parameters?: object) => command<T>(address, method, parameters);
	const evaluate = async <T>(expression: string) => {
		const answer = await send<{
			result: { value: T };
			exceptionDetails?: { text: string; exception?: { description?: string } };
		}>('Runtime.evaluate', { expression, awaitPromise: true, returnByValue: true });
		const { exceptionDetails: thrown } = answer;
		if (thrown) throw new Error(thrown.exception?.description ?? thrown.text);
		return answer.result.value;
	};
	return {
		process: () =>
			busiestRenderer(
				() => command(`ws://127.0.0.1:${port}${path}`, 'SystemInfo.getProcessInfo'),
				() => evaluate('for (const end = performance.now() + 300; performance.now() < end; );')
			),
		send,
		evaluate,
		async open(url) {
			await send('Page.navigate', { url });
			while (
				!(await evaluate<boolean>(
					`location.href === ${JSON.stringify(url)} && document.readyState === 'complete'`
				))
			)
				await wait(50);
		}
	};
}

async function command<T>(address: string, method: string, params: object = {}): Promise<T> {
	const socket = new WebSocket(address);
	try {
		const text = await new Promise<string>((resolve, reject) => {
			socket.onopen = () => socket.send(JSON.stringify({ id: 1, method, params }));
			socket.onmessage = ({ data }: MessageEvent<string>) => resolve(data);
			socket.onclose = () => reject(new Error(`${method}: the browser or its page ended.`));
		});
		const { result, error } = JSON.parse(text) as { result: T; error?: { message: string } };
		if (error) throw new Error(`${method}: ${error.message}`);
		return result;
	} finally {
		socket.close();
	}
}
