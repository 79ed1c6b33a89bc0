import { execFileSync } from 'node:child_process';
import { median, spread } from './support/statistics.ts';

const RUNS = 3;
const PEERS = ['ours', 'transformers'] as const;

interface Load {
	/** Highest resident memory of the process while loading, less what it had before. Bytes. */
	memory: number;
	file: number;
	/** From nothing in memory to the first token of a 32-token prompt. */
	firstTokenMs: number;
}

/**
 * Loading SmolLM2-135M's shape (q4) in a process of its own: peak memory over the file's size, and time to the first token,
 * against transformers.js with the same file on wasm. `compact` keeps the weights in 4 bits, as devices with little memory
 * do; `unpacked` is what the app does with memory to spare: float32 weights, several times faster decoding.
 */
export async function run() {
	const results = new Map<string, Load[]>();
	for (let i = 0; i < RUNS; i++)
		for (const what of [...PEERS, 'compact'])
			results.set(what, [...(results.get(what) ?? []), loadOnce(what)]);
	const figure = (what: string, pick: (load: Load) => number) => (results.get(what) ?? []).map(pick);
	const overFile = ({ memory, file }: Load) => memory / file;
	const firstToken = ({ firstTokenMs }: Load) => firstTokenMs;
	const theirs = median(figure('transformers', firstToken));
	const peer = median(figure('transformers', overFile));
	return Promise.resolve({
		memory_over_file: median(figure('compact', overFile)),
		first_token_over_transformers: median(figure('compact', firstToken)) / theirs,
		unpacked: {
			memory_over_file: median(figure('ours', overFile)),
			first_token_over_transformers: median(figure('ours', firstToken)) / theirs
		},
		transformers: { memory_over_file: peer, first_token_ms: theirs },
		shape: 'smollm2-135m',
		runs: RUNS,
		spread: {
			memory_over_file: spread(figure('compact', overFile)),
			first_token_ms: spread(figure('compact', firstToken))
		}
	});
}

function loadOnce(what: string): Load {
	const child = new URL('support/load-once.ts', import.meta.url).pathname;
	const output = execFileSync(process.execPath, [child, what], {
		encoding: 'utf8',
		stdio: ['ignore', 'pipe', 'ignore']
	});
	return JSON.parse(output.trim().split('\n').at(-1) ?? '') as Load;
}
