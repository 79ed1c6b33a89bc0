import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { pastedBones } from '#test/support/bones.ts';
import { serve } from '../../.ci/serve.mjs';
import { build } from './app-in-browser.ts';
import { openBare, type BarePage } from './bare-chromium.ts';
import { person, type Person } from './person.ts';
import { footprint } from './processes.ts';
import { theilSen } from './statistics.ts';

/**
 * Eight hours of a busy person after two of warming up, half an hour a round: a new conversation of two questions, one to each of two
 * adapters, both replies measured; a small training; a payment for what is owed, a reward root that is posted and claimed from; and a
 * walk through all rooms (person.ts). Nobody trains, pays and claims that often: leaks show the sooner.
 */
const ROUNDS = Number(process.env['ROUNDS'] ?? 16);
/** Rounds before these: until every room, worker and cache was used a few times. Chosen before anything was measured. */
const WARM_UP = 4;
/** Enough to train on. */
const rows = pastedBones.split('\n').slice(0, 10).join('\n');
/** No round begins after so many minutes: on a busy machine there are fewer, of which the line is made all the same. */
const MINUTES = Number(process.env['MINUTES'] ?? 20);
/**
 * Rest between collecting garbage and looking, in ms: of half an hour a person is idle for more, and what was freed goes back to the system in
 * its own time. The worker that measures replies is still there then: it goes after 30 s (src/lib/attribution/quiet-worker.ts).
 */
const REST = 15_000;

/** Rounds on the GPU; the first compiles its shaders and fills the pool of adapters. */
const GPU_ROUNDS = Number(process.env['GPU_ROUNDS'] ?? 4);
const GPU_WARM_UP = 1;

/** Tokens that Finance gives away a day (contracts/tools/seed.ts). */
const FREE = 2_000;

/** What is held at the end of a round, after garbage was collected everywhere. MB are 10⁶ bytes. */
interface Sample {
	/** Private memory of the page's process, which its workers live in. */
	process: number;
	/** JavaScript of the page. */
	page: number;
	/** WebAssembly memories of all workers. */
	wasm: number;
	nodes: number;
	listeners: number;
}

/**
 * How much memory eight hours add: the slope of a line through the rounds after the warm-up (Theil–Sen), times these rounds, as a part
 * of what is held when the warm-up is over.
 */
export async function hoursOfUse() {
	const samples = await live();
	const after = samples.slice(WARM_UP);
	const course = (of: keyof Sample) => after.map((sample) => sample[of]);
	const rounded = (of: keyof Sample) => samples.map((sample) => Math.round(sample[of] * 10) / 10);
	for (const figure of ['process', 'wasm', 'page'] as const) draw(figure, rounded(figure));
	return {
		memory_growth: growth(course('process')),
		memory_growth_page_js: growth(course('page')),
		memory_growth_wasm: growth(course('wasm')),
		memory_growth_nodes: growth(course('nodes')),
		memory_growth_listeners: growth(course('listeners')),
		memory_rounds: samples.length,
		memory_warm_up: WARM_UP,
		memory_mb: rounded('process'),
		memory_page_js_mb: rounded('page'),
		memory_wasm_mb: rounded('wasm')
	};
}

/** Whether replies, swaps of adapters and new starts of the model leave buffers on a GPU behind. */
export async function gpuBuffers() {
	const rounds = await onGpu();
	const settled = rounds.slice(GPU_WARM_UP).map(({ buffers }) => buffers);
	return {
		gpu_buffers: rounds.map(({ buffers }) => buffers),
		gpu_buffer_mb: rounds.map(({ bytes }) => Math.round(bytes / 1e5) / 10),
		gpu_buffers_left: (settled.at(-1) ?? NaN) - (settled[0] ?? NaN)
	};
}

function growth(values: readonly number[]): number {
	const { slope, level } = theilSen(values);
	return (slope * ROUNDS) / level;
}

/** The course of a figure as a line of bars, from the least to the most. */
function draw(name: string, values: readonly number[]): void {
	const [least, most] = [Math.min(...values), Math.max(...values)];
	const bars = values.map((value) => '▁▂▃▄▅▆▇█'[Math.round((7 * (value - least)) / (most - least || 1))]);
	console.error(
		`${name.padEnd(8)} ${bars.slice(0, WARM_UP).join('')}|${bars.slice(WARM_UP).join('')} ${least} to ${most} MB`
	);
}

function live(): Promise<Sample[]> {
	return openWatched({ reply: sampling }, async (page, act) => {
		const pid = await page.process();
		await act('useUpAllowance', FREE);
		await act('joinLedger');
		const samples: Sample[] = [];
		const end = Date.now() + MINUTES * 60_000;
		while (samples.length < WARM_UP + ROUNDS && Date.now() < end) {
			const began = Date.now();
			await act('train', rows);
			// Nothing is owed before the first.
			if (samples.length > 0) await act('settle');
			await act('walk');
			await act('chat');
			const sample = await measure(page, pid);
			samples.push(sample);
			const figures = Object.entries(sample).map(([name, value]) => `${name} ${Math.round(value * 10) / 10}`);
			const seconds = Math.round((Date.now() - began) / 1000);
			console.error(`round ${samples.length} (${seconds} s): ${figures.join(', ')}`);
		}
		return samples;
	});
}

interface Buffers {
	buffers: number;
	bytes: number;
}

/** Buffers of the GPU that were neither destroyed nor collected, and their bytes, after each round; in software (SwiftShader), so few words. */
function onGpu(): Promise<Buffers[]> {
	return openWatched({ reply: { ...sampling, maxNewTokens: 3 }, provider: 'webgpu' }, async (page, act) => {
		const rounds: Buffers[] = [];
		while (rounds.length < GPU_ROUNDS) {
			const began = Date.now();
			await act('useGpu');
			const workers = await collect(page);
			const held = {
				buffers: workers.reduce((sum, { buffers }) => sum + buffers, 0),
				bytes: workers.reduce((sum, { bufferBytes }) => sum + bufferBytes, 0)
			};
			rounds.push(held);
			console.error(
				`GPU round ${rounds.length} (${Math.round((Date.now() - began) / 1000)} s): ${held.buffers} buffers, ${held.bytes / 1e6} MB`
			);
		}
		return rounds;
	});
}

type Act = <Name extends keyof Person>(
	name: Name,
	...of: Parameters<Person[Name]>
) => Promise<Awaited<ReturnType<Person[Name]>>>;

/** The app in a fresh profile, its workers watched and garbage collected on demand. */
async function openWatched<T>(
	preferences: object,
	work: (page: BarePage, act: Act) => Promise<T>
): Promise<T> {
	const folder = mkdtempSync(join(tmpdir(), 'openledger-'));
	const server = await serve({ directory: watchedBuild(folder) });
	try {
		return await openBare(
			async (page) => {
				await page.open(`${server.url}/first.js`);
				await page.evaluate(
					`localStorage['openledger.preferences'] = ${JSON.stringify(JSON.stringify(preferences))}`
				);
				await page.open(`${server.url}/`);
				await page.evaluate(`globalThis.person = (${person})(); undefined`);
				const act: Act = (name, ...of) =>
					page.evaluate(`person.${name}(${of.map((one) => JSON.stringify(one)).join()})`);
				await act('ready');
				return work(page, act);
			},
			['--js-flags=--expose-gc']
		);
	} finally {
		await server.close();
		rmSync(folder, { recursive: true });
	}
}

/**
 * A copy of the built app whose workers are watched, without a service worker: it would be a second holder of memory that comes and goes.
 * @returns where in `folder`
 */
function watchedBuild(folder: string): string {
	build();
	const copy = join(folder, 'build');
	cpSync(new URL('../../build', import.meta.url), copy, { recursive: true });
	rmSync(join(copy, 'service-worker.js'));
	const workers = join(copy, '_app/immutable/workers');
	for (const name of readdirSync(workers)) {
		const path = join(workers, name);
		if (name.endsWith('.js')) writeFileSync(path, watch + readFileSync(path, 'utf8'));
		else if (name.endsWith('.js.gz')) rmSync(path);
	}
	return copy;
}

const sampling = {
	temperature: 0,
	topK: 40,
	topP: 0.95,
	minP: 0,
	repetitionPenalty: 1.1,
	seed: 1,
	maxNewTokens: 48
};

/**
 * Before a worker's own script: its WebAssembly memories and GPU buffers are remembered, for as long as they live, and told of when
 * it is asked to collect its garbage. `globalThis` everywhere: a script may have taken short names for itself.
 */
const watch = `{
	const memories = new Set();
	const keep = (memory) => memories.add(new WeakRef(memory));
	const { Memory, instantiate, instantiateStreaming } = WebAssembly;
	WebAssembly.Memory = class extends Memory { constructor(...of) { super(...of); keep(this); } };
	const look = async (made) => {
		const { exports } = (await made).instance ?? (await made);
		for (const value of Object.values(exports)) if (value instanceof Memory) keep(value);
		return made;
	};
	WebAssembly.instantiate = (...of) => look(instantiate(...of));
	WebAssembly.instantiateStreaming = (...of) => look(instantiateStreaming(...of));
	const gpuBuffers = new Set();
	if (globalThis.GPUDevice) {
		const { createBuffer } = GPUDevice.prototype;
		const { destroy } = GPUBuffer.prototype;
		GPUDevice.prototype.createBuffer = function (...of) {
			const buffer = createBuffer.apply(this, of);
			buffer.held = Object.assign(new WeakRef(buffer), { device: new WeakRef(this) });
			gpuBuffers.add(buffer.held);
			return buffer;
		};
		GPUBuffer.prototype.destroy = function () {
			gpuBuffers.delete(this.held);
			return destroy.call(this);
		};
		const { destroy: end } = GPUDevice.prototype;
		GPUDevice.prototype.destroy = function () {
			for (const held of gpuBuffers) if (held.device.deref() === this) gpuBuffers.delete(held);
			return end.call(this);
		};
	}
	const living = (refs) => [...refs].flatMap((ref) => ref.deref() ?? []);
	const channel = new BroadcastChannel('bench');
	channel.onmessage = ({ data }) => {
		if (data !== 'collect') return;
		globalThis.gc({ type: 'major', execution: 'sync', flavor: 'last-resort' });
		const buffers = living(gpuBuffers);
		channel.postMessage({
			worker: /([a-z]+)\\.worker-/.exec(globalThis.location.pathname)?.[1],
			wasm: [...new Set(living(memories))].reduce((sum, { buffer }) => sum + buffer.byteLength, 0),
			buffers: buffers.length,
			bufferBytes: buffers.reduce((sum, { size }) => sum + size, 0)
		});
	};
}
`;

/** What a worker holds, in bytes. */
interface Held {
	worker: string;
	wasm: number;
	buffers: number;
	bufferBytes: number;
}

/** Collects garbage, of the page and of each worker. @returns what each worker holds then; threads of a runtime have no say */
async function collect(page: BarePage): Promise<Held[]> {
	let held: Held[] = [];
	// Twice: what a finaliser lets go of is garbage only then.
	for (let i = 0; i < 2; i++)
		held = await page.evaluate(`new Promise((resolve) => {
			gc({ type: 'major', execution: 'sync' });
			const answers = [];
			const channel = new BroadcastChannel('bench');
			channel.onmessage = ({ data }) => answers.push(data);
			channel.postMessage('collect');
			setTimeout(() => {
				channel.close();
				resolve(answers);
			}, 3_000);
		})`);
	return held;
}

async function measure(page: BarePage, pid: number): Promise<Sample> {
	// A finished reply is kept for five seconds (src/lib/chat/replies.svelte.ts).
	await wait(6_000);
	const workers = await collect(page);
	const collected = footprint(pid);
	await wait(REST);
	const megabytes = (bytes: number) => Math.round(bytes / 1e5) / 10;
	const held = workers
		.filter(({ wasm }) => wasm > 1e6)
		.map(({ worker, wasm }) => `${worker} ${megabytes(wasm)}`);
	console.error(`${held.sort().join(', ')}; process before its rest ${Math.round(collected * 10) / 10}`);
	const { usedSize } = await page.send<{ usedSize: number }>('Runtime.getHeapUsage');
	const { nodes, jsEventListeners } = await page.send<{ nodes: number; jsEventListeners: number }>(
		'Memory.getDOMCounters'
	);
	return {
		process: footprint(pid),
		page: usedSize / 1e6,
		wasm: workers.reduce((sum, { wasm }) => sum + wasm, 0) / 1e6,
		nodes,
		listeners: jsEventListeners
	};
}
