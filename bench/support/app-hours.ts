import type { Page } from 'playwright';
import { pastedBones } from '#test/support/bones.ts';
import { chromiumArguments } from '../../.ci/chromium.mjs';
import { footprint, openApp, rendererOf } from './app-in-browser.ts';
import { theilSen } from './statistics.ts';

/**
 * Eight hours of a busy person after two of warming up, half an hour a round: a new conversation of two questions, one to each of two
 * adapters, both replies measured; a small training; a payment for what is owed, a reward root that is posted and claimed from; and a
 * walk through all rooms. Nobody trains, pays and claims that often: leaks show the sooner.
 */
const ROUNDS = Number(process.env['ROUNDS'] ?? 16);
/** Rounds before these: until every room, worker and cache was used a few times. Chosen before anything was measured. */
const WARM_UP = 4;
const QUESTIONS = ['What is inflation?', 'What is a cell?'];
const ADAPTERS = ['Finance', 'Anatomy'];
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
	return openWatched(sampling, {}, async (page) => {
		await useUpAllowance(page);
		await room(page, 'Ledger');
		await joinLedger(page);
		const pid = await rendererOf(page);
		const samples: Sample[] = [];
		const end = Date.now() + MINUTES * 60_000;
		while (samples.length < WARM_UP + ROUNDS && Date.now() < end) {
			const began = Date.now();
			await train(page);
			// Nothing is owed before the first.
			if (samples.length > 0) await settleAndClaim(page);
			await walk(page);
			await chat(page);
			const sample = await measure(page, pid);
			samples.push(sample);
			const figures = Object.entries(sample).map(([name, value]) => `${name} ${Math.round(value * 10) / 10}`);
			const seconds = Math.round((Date.now() - began) / 1000);
			console.error(`round ${samples.length} (${seconds} s): ${figures.join(', ')}`);
		}
		return samples;
	});
}

/** Buffers of the GPU that were neither destroyed nor collected, and their bytes, after each round; in software (SwiftShader), so few words. */
function onGpu(): Promise<Buffers[]> {
	return openWatched({ ...sampling, maxNewTokens: 3 }, { provider: 'webgpu' }, async (page) => {
		page.setDefaultTimeout(600_000);
		const rounds: Buffers[] = [];
		while (rounds.length < GPU_ROUNDS) {
			const began = Date.now();
			await page.getByRole('link', { name: 'OpenLedger, new chat' }).click();
			for (const name of ['Finance', 'Anatomy']) {
				await choose(page, name);
				await ask(page, 'Why?');
			}
			// The model is started anew, on the processor and on the GPU again.
			for (const [where, words] of [
				['CPU', /^Nano on the CPU/],
				['GPU', 'Nano on the GPU (WebGPU)']
			] as const) {
				await room(page, 'Device & storage');
				const device = page.getByRole('region', { name: 'This device' });
				await device.getByRole('radio', { name: where }).click();
				await device.getByText(words).waitFor();
			}
			let held: Buffers = { buffers: NaN, bytes: NaN };
			for (let i = 0; i < 2; i++) {
				const engine = page.workers().findLast((worker) => worker.url().includes('engine'));
				held = (await engine?.evaluate(count)) ?? held;
				await page.waitForTimeout(200);
			}
			rounds.push(held);
			console.error(
				`GPU round ${rounds.length} (${Math.round((Date.now() - began) / 1000)} s): ${held.buffers} buffers, ${held.bytes / 1e6} MB`
			);
		}
		return rounds;
	});
}

/** The app in a fresh profile, its workers watched and garbage collected on demand. */
function openWatched<T>(reply: object, preferences: object, work: (page: Page) => Promise<T>): Promise<T> {
	return openApp(
		async (context, url) => {
			await context.addInitScript(
				(text) => {
					if (location.protocol === 'http:') localStorage['openledger.preferences'] ??= text;
				},
				JSON.stringify({ reply, ...preferences })
			);
			const page = await context.newPage();
			// A busy machine is slow, and nothing here is a race.
			page.setDefaultTimeout(600_000);
			await page.goto(url);
			return work(page).catch(async (error: unknown) => {
				console.error(await page.locator('main').innerText());
				throw error;
			});
		},
		{
			args: [...chromiumArguments, '--js-flags=--expose-gc'],
			serviceWorker: false,
			prelude: watch,
			executable: new URL('forgetful-chromium.mjs', import.meta.url).pathname
		}
	);
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

const room = (page: Page, name: string) =>
	page.getByRole('navigation', { name: 'Rooms' }).getByRole('link', { name, exact: true }).click();
const button = (page: Page, name: string | RegExp) => page.getByRole('button', { name });

async function choose(page: Page, name: string): Promise<void> {
	await button(page, /^Adapter:/).click();
	await page
		.getByRole('option', { name: new RegExp(name) })
		.first()
		.click();
	await button(page, new RegExp(`^Adapter: .*${name}`)).waitFor();
}

async function ask(page: Page, question: string): Promise<void> {
	await page.getByRole('textbox', { name: 'Message' }).fill(question);
	await button(page, 'Send').click();
	await button(page, 'Stop').waitFor();
	await button(page, 'Send').waitFor();
}

/** So that every reply from here on costs something: of one reply's receipt a copy that tells of all free tokens lies beside it. */
async function useUpAllowance(page: Page): Promise<void> {
	await button(page, /^Adapter:/).waitFor();
	await choose(page, 'Finance');
	await ask(page, 'What is inflation?');
	await measured(page, 1);
	await page.evaluate(
		(free) =>
			new Promise<void>((resolve, reject) => {
				const opening = indexedDB.open('openledger-ledger');
				opening.onerror = () => reject(opening.error);
				opening.onsuccess = () => {
					const writing = opening.result.transaction('receipts', 'readwrite');
					const receipts = writing.objectStore('receipts');
					const reading = receipts.getAll();
					reading.onsuccess = () => {
						const [first] = reading.result as { receipt: object }[];
						const receipt = { ...first?.receipt, tokens: { prompt: 0, reply: free } };
						receipts.put({ ...first, id: `0x${'0'.repeat(64)}`, receipt });
					};
					writing.oncomplete = () => {
						opening.result.close();
						resolve();
					};
					writing.onerror = () => reject(writing.error);
				};
			}),
		FREE
	);
}

/** A contributor with money, who may post roots. */
async function joinLedger(page: Page): Promise<void> {
	await button(page, 'Register as a contributor').click();
	await button(page, 'Deposit').first().click();
	await page.getByLabel('Amount in OPEN').fill('5000');
	const dialog = page.getByRole('dialog');
	await dialog.getByRole('button', { name: 'Deposit' }).click();
	await dialog.waitFor({ state: 'detached' });
}

async function chat(page: Page): Promise<void> {
	await page.getByRole('link', { name: 'OpenLedger, new chat' }).click();
	for (const [i, question] of QUESTIONS.entries()) {
		await choose(page, ADAPTERS[i] ?? '');
		await ask(page, question);
	}
	await measured(page, QUESTIONS.length);
	await page.getByRole('link', { name: 'OpenLedger, new chat' }).click();
}

/** Waits until so many replies of the conversation are measured. */
function measured(page: Page, replies: number): Promise<void> {
	const lines = page.locator('article [data-state=measured], article [data-state=unmeasured]');
	return lines.nth(replies - 1).waitFor();
}

async function train(page: Page): Promise<void> {
	await room(page, 'Factory');
	await page.getByRole('link', { name: 'Train an adapter' }).first().click();
	await page.getByRole('textbox', { name: 'Rows' }).fill(rows);
	await button(page, 'Use these rows').click();
	await page.getByText('Advanced settings, and several runs at once').click();
	for (const [name, value] of [
		['Steps', 4],
		['Tokens in a batch', 64],
		['Steps between checks', 4]
	] as const)
		await page.getByRole('spinbutton', { name, exact: true }).fill(String(value));
	await page.getByRole('button', { name: 'Train', exact: true }).click();
	await page.getByText('Finished', { exact: true }).waitFor();
}

/** Pays for the replies of the round before, and takes part in what that leads to; the clock of the sandbox is moved on. */
async function settleAndClaim(page: Page): Promise<void> {
	const enabled = (name: string) => page.locator('button:enabled', { hasText: name });
	await room(page, 'Ledger');
	await enabled('Pay now').click();
	await enabled('Post a root').click();
	await page
		.getByText(/:\s+right/)
		.first()
		.waitFor();
	await room(page, 'Device & storage');
	await button(page, '+ 3 days').click();
	await room(page, 'Ledger');
	await enabled('Make final').click();
	await enabled('Claim all').click();
	await page.locator('button:disabled', { hasText: 'Claim all' }).waitFor();
}

async function walk(page: Page): Promise<void> {
	for (const name of ['Datanets', 'Models & adapters', 'Lineage', 'Govern', 'Device & storage']) {
		await room(page, name);
		await page.getByRole('heading', { level: 1 }).first().waitFor();
		await page.waitForTimeout(500);
	}
	await room(page, 'Lineage');
	for (const name of ['Use of adapters', 'My data']) {
		await page.getByRole('link', { name, exact: true }).click();
		await page.waitForTimeout(800);
	}
}

/** Before a worker's own script: its WebAssembly memories and GPU buffers are remembered, for as long as they live. */
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
	self.wasmBytes = () => [...new Set([...memories].map((held) => held.deref()))].reduce((sum, memory) => sum + (memory?.buffer.byteLength ?? 0), 0);
	self.gpuBuffers = new Set();
	if (self.GPUDevice) {
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
}`;

interface Buffers {
	buffers: number;
	bytes: number;
}

/** In the engine. */
const count = (): Buffers => {
	const { gc, gpuBuffers } = self as unknown as { gc(): void; gpuBuffers: Set<WeakRef<GPUBuffer>> };
	gc();
	const held = [...gpuBuffers].flatMap((ref) => ref.deref() ?? []);
	return { buffers: held.length, bytes: held.reduce((sum, { size }) => sum + size, 0) };
};

/** In a worker. @returns bytes of its WebAssembly memories */
const weigh = () => {
	const { gc, wasmBytes } = self as unknown as { gc(how: object): void; wasmBytes(): number };
	gc({ type: 'major', execution: 'sync', flavor: 'last-resort' });
	return wasmBytes();
};

async function measure(page: Page, pid: number): Promise<Sample> {
	// A finished reply is kept for five seconds (src/lib/chat/replies.svelte.ts).
	await page.waitForTimeout(6_000);
	const session = await page.context().newCDPSession(page);
	// Twice: what a finaliser lets go of is garbage only then.
	let memories: { worker: string; bytes: number }[] = [];
	for (let i = 0; i < 2; i++) {
		await session.send('HeapProfiler.collectGarbage');
		// Threads of a runtime wait in their own way; one that was ended since then does not answer either.
		const workers = page.workers().filter((worker) => worker.url().includes('.worker-'));
		memories = await Promise.all(
			workers.map(async (worker) => {
				const answer = worker.evaluate(weigh).catch(() => 0);
				const bytes = await Promise.race([answer, page.waitForTimeout(5_000).then(() => 0)]);
				return { worker: /([a-z]+)\.worker-/.exec(worker.url())?.[1] ?? '', bytes };
			})
		);
		await page.waitForTimeout(200);
	}
	const collected = footprint(pid);
	await page.waitForTimeout(REST);
	const { usedSize } = await session.send('Runtime.getHeapUsage');
	const { nodes, jsEventListeners } = await session.send('Memory.getDOMCounters');
	await session.detach();
	const held = memories.filter(({ bytes }) => bytes > 1e6);
	const workers = held.map(({ worker, bytes }) => `${worker} ${Math.round(bytes / 1e5) / 10}`).join(', ');
	console.error(`${workers}; process before its rest ${Math.round(collected * 10) / 10}`);
	return {
		process: footprint(pid),
		page: usedSize / 1e6,
		wasm: memories.reduce((sum, { bytes }) => sum + bytes, 0) / 1e6,
		nodes,
		listeners: jsEventListeners
	};
}
