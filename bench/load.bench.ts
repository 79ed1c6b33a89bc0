import { readFileSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import type { ByteSource } from '#workers/bytes.ts';
import { wasmGraph } from '#workers/engine/serve-graph.ts';
import { heapOf } from '#workers/runtime/ort-module.ts';
import { Ort } from '#workers/runtime/ort.ts';
import { WasmDecoder } from '#workers/runtime/wasm-decoder.ts';
import { inChild } from './support/child.ts';
import { modelFolder, readShapeGraph, SHAPES, type Shape } from './support/models.ts';
import { median, spread } from './support/statistics.ts';
import { importTransformers, openTransformers } from './support/transformers.ts';

const RUNS = 5;
const PROMPT = Array.from({ length: 32 }, (_, i) => 10 + i);

/**
 * How the linears' weights are held (docs/decisions/wasm-weights.md). `compact`: in 4 and 8 bits as in the file, what the
 * app does where memory is short. `unpacked`: as float32, what it does with memory to spare: five times the bytes,
 * many times the speed.
 */
type Form = 'compact' | 'unpacked';
type Contestant = Form | 'transformers';
const CONTESTANTS: readonly Contestant[] = ['compact', 'unpacked', 'transformers'];

interface Task {
	shape: Shape;
	what: Contestant;
	/** Whether memory is looked at after every read, which takes time. */
	watch: boolean;
}

/** Bytes, over what the process held with the runtime started and empty. */
interface Load {
	/** Of the runtime, started and empty: wasm heap and JS; 0 where it cannot be seen. */
	runtime: number;
	/** Highest sum of wasm heap and JS memory (garbage included) until the first token; 0 where it cannot be seen. */
	memory: number;
	/** Highest resident memory: with the machine code that V8 makes of the runtime while it runs. */
	process: number;
	file: number;
	/** From a started process to the first token of a 32-token prompt: runtime, weights, prefill. */
	firstTokenMs: number;
}

/**
 * Loading a q4 model in a process of its own: peak memory over the file's size, and time to the first token, against
 * transformers.js with the same file on wasm, which also computes with the weights as they are stored.
 */
export async function run() {
	const shapes: Record<string, Record<Contestant, ReturnType<typeof figures>>> = {};
	for (const shape of SHAPES) {
		const loads: Record<Contestant, Load[]> = { compact: [], unpacked: [], transformers: [] };
		for (let i = 0; i < RUNS; i++)
			for (const what of CONTESTANTS) {
				const [watched, timed] = [true, false].map((watch) =>
					inChild<Load>(import.meta.url, { shape, what, watch } satisfies Task)
				) as [Load, Load];
				loads[what].push({ ...watched, firstTokenMs: timed.firstTokenMs });
			}
		const against = loads.transformers;
		shapes[shape] = {
			compact: figures(loads.compact, against),
			unpacked: figures(loads.unpacked, against),
			transformers: figures(against, against)
		};
	}
	const { compact } = shapes['smollm2-135m'] ?? {};
	return {
		memory_over_file: compact?.memory_over_file,
		first_token_over_transformers: compact?.first_token_over_transformers,
		of: 'smollm2-135m, compact: weights held as the file has them',
		memory: 'wasm heap and JS, over the started runtime',
		runs: RUNS,
		shapes
	};
}

function figures(loads: readonly Load[], against: readonly Load[]) {
	const overFile = loads.map(({ memory, file }) => memory / file);
	const milliseconds = loads.map(({ firstTokenMs }) => firstTokenMs);
	const mebibytes = (bytes: (load: Load) => number) => median(loads.map(bytes)) / 2 ** 20;
	return {
		memory_over_file: median(overFile),
		/** What a small file shows as a large ratio: activations of the prompt, kernels' scratch, JS. */
		beyond_file_mib: mebibytes(({ memory, file }) => memory - file),
		runtime_mib: mebibytes(({ runtime }) => runtime),
		process_over_file: median(loads.map(({ process, file }) => process / file)),
		first_token_ms: median(milliseconds),
		first_token_over_transformers:
			median(milliseconds) / median(against.map(({ firstTokenMs }) => firstTokenMs)),
		spread: { memory_over_file: spread(overFile), first_token_ms: spread(milliseconds) }
	};
}

/** One load, in a process of its own. */
export async function measure({ shape, what, watch }: Task): Promise<Load> {
	const file = readShapeGraph(shape).bytes;
	if (what === 'transformers') {
		// Modules are loaded before the clock starts, as ours are.
		await importTransformers(1);
		const before = resident('VmRSS');
		const start = performance.now();
		const { generate } = await openTransformers(modelFolder(shape).pathname, 1);
		await generate(PROMPT, 1);
		const firstTokenMs = performance.now() - start;
		return { runtime: 0, memory: 0, process: resident('VmHWM') - before, file, firstTokenMs };
	}
	let start = performance.now();
	const ort = await Ort.start({ build: 'wasm', threads: 1 });
	const startedMs = performance.now() - start;
	// So that no garbage of the start counts as memory that loading gives back. Array buffers go a moment after their owners.
	for (let i = 0; i < 3; i++) {
		globalThis.gc?.();
		await setTimeout(20);
	}
	start = performance.now();
	const held = () => heapOf(ort.module).buffer.byteLength + jsMemory();
	const [before, residentBefore] = [held(), resident('VmRSS')];
	let most = 0;
	const note = () => (most = Math.max(most, held()));
	const { read } = readShapeGraph(shape);
	const sources = new Map(
		[...read.sources].map(([path, source]) => [path, watch ? watched(source, note) : source])
	);
	const { model } = wasmGraph({ ...read, sources }, what === 'compact' ? 0 : 2 ** 30);
	const decoder = await WasmDecoder.create(ort, model);
	note();
	await (await decoder.run(decoder.createState(), [PROMPT])).last(0);
	const firstTokenMs = startedMs + performance.now() - start;
	note();
	return {
		runtime: before,
		memory: most - before,
		process: resident('VmHWM') - residentBefore,
		file,
		firstTokenMs
	};
}

/** JS objects and array buffers, those included that nobody needs any more. */
function jsMemory(): number {
	const { heapUsed, arrayBuffers } = process.memoryUsage();
	return heapUsed + arrayBuffers;
}

/** A source that tells of every read, just after it. */
function watched(source: ByteSource, note: () => void): ByteSource {
	return {
		size: source.size,
		read(offset, length) {
			const bytes = source.read(offset, length);
			note();
			return bytes;
		},
		readInto(offset, target) {
			source.readInto?.(offset, target);
			note();
		}
	};
}

/** Linux: highest and present resident memory of this process, bytes. */
function resident(field: 'VmHWM' | 'VmRSS'): number {
	const status = readFileSync('/proc/self/status', 'utf8');
	return Number(new RegExp(`${field}:\\s+(\\d+)`).exec(status)?.[1] ?? NaN) * 1024;
}
