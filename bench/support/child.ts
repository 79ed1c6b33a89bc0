import { spawnSync } from 'node:child_process';

/** Milliseconds after which a measurement is given up. */
const LIMIT = 20 * 60_000;

/**
 * Runs a module's exported `measure` in a process of its own and returns what it returns, which must be plain JSON: for
 * figures that need their own thread count, memory or environment.
 */
export function inChild<T>(module: string, argument: unknown, environment: Record<string, string> = {}): T {
	// A file, not `--eval`: its flags would be handed on to the threads of wasm, which refuse them.
	const main = new URL('child-main.ts', import.meta.url).pathname;
	const { stdout, stderr, status } = spawnSync(
		process.execPath,
		['--expose-gc', main, module, JSON.stringify(argument)],
		{
			cwd: new URL('../../', import.meta.url).pathname,
			encoding: 'utf8',
			env: { ...process.env, ...environment },
			maxBuffer: 2 ** 28,
			timeout: LIMIT
		}
	);
	const line = stdout.split('\n').findLast((text) => text.startsWith('@result '));
	if (status !== 0 || !line) throw new Error(`${module} failed (${status}):\n${stderr.slice(-4000)}`);
	return JSON.parse(line.slice('@result '.length)) as T;
}
