import { expect, test } from 'vitest';
import { processorTime } from '#test/support/processor-time.ts';
import { decoderModel, type DecoderOptions } from '#test/support/onnx/decoder-model.ts';
import { seededRandom } from '#test/support/random.ts';
import { memorySource } from '#workers/bytes.ts';
import { OpenLedgerError } from '#workers/errors.ts';
import { readModel } from './read.ts';
import { rewriteForServing } from './rewrite.ts';
import { joinSegments } from './segments.ts';
import { writeModel, writeModelFile } from './write.ts';

const SMALL = { layers: 1, hidden: 32, heads: 2, kvHeads: 1, headDim: 16, ffn: 32, vocab: 32 };
const LAYOUTS: Partial<DecoderOptions>[] = [
	{},
	{ packed: true, linear: 'q4' },
	{ rotary: 'node', qkNorm: true, qkvBias: true, numLogitsToKeep: true },
	{ layout: 'decomposed' },
	{ layout: 'decomposed', linear: 'gemm', packed: true }
];

/** Structure without weights, where a change hits something that matters, and whole files. */
const corpus = LAYOUTS.flatMap((layout) => {
	const model = decoderModel({ ...SMALL, ...layout });
	return [writeModel(model).graph, joinSegments(writeModelFile(model).segments, new Map())];
});

const ours = (thrown: unknown) => thrown instanceof OpenLedgerError && thrown.code.startsWith('onnx/');

/** Reads, writes and rewrites bytes, as far as they are a model. Anything but an OpenLedgerError escapes. */
function exercise(bytes: Uint8Array, lora: 'matmul' | 'gemm'): void {
	let model;
	try {
		model = readModel(memorySource(bytes));
	} catch (thrown) {
		if (ours(thrown)) return;
		throw thrown;
	}
	// What was accepted is a model: it can be written, and read again.
	const again = readModel(memorySource(writeModel(model).graph));
	expect(again.graph.nodes.size).toBe(model.graph.nodes.size);
	try {
		writeModel(rewriteForServing(model, { lora, fuse: true, head: 'last', mask: 'lengths' }).model);
	} catch (thrown) {
		if (!ours(thrown)) throw thrown;
	}
}

type Change = (bytes: Uint8Array, random: () => number) => Uint8Array;

const below = (random: () => number, limit: number) => Math.floor(random() * limit);

const CHANGES: Record<string, Change> = {
	'flipped bits': (bytes, random) => {
		const changed = bytes.slice();
		for (let count = 1 + below(random, 4); count > 0; count--) {
			const at = below(random, changed.length);
			changed[at] = (changed[at] ?? 0) ^ (1 << below(random, 8));
		}
		return changed;
	},
	'a byte replaced': (bytes, random) => {
		const changed = bytes.slice();
		changed[below(random, changed.length)] = below(random, 256);
		return changed;
	},
	'a truncated file': (bytes, random) => bytes.slice(0, below(random, bytes.length)),
	'a long number': (bytes, random) => {
		const at = below(random, bytes.length);
		const length = 1 + below(random, 9);
		const number = [...new Array<number>(length).fill(255), below(random, 128)];
		return joined(bytes.subarray(0, at), Uint8Array.from(number), bytes.subarray(at + 1));
	},
	'a part cut out': (bytes, random) => {
		const at = below(random, bytes.length);
		return joined(bytes.subarray(0, at), bytes.subarray(at + 1 + below(random, 200)));
	},
	'a part repeated': (bytes, random) => {
		const at = below(random, bytes.length);
		const end = at + 1 + below(random, 400);
		return joined(bytes.subarray(0, end), bytes.subarray(at, end), bytes.subarray(end));
	},
	'a letter of a name changed': (bytes, random) => {
		// Names are printable; a change keeps every length right, so that the graph, not the encoding, is at fault.
		const changed = bytes.slice();
		for (let tries = 0; tries < 100; tries++) {
			const at = below(random, changed.length);
			const letter = changed[at] ?? 0;
			if (letter < 48 || letter > 122) continue;
			changed[at] = 48 + below(random, 10);
			if (random() < 0.5) break;
		}
		return changed;
	}
};

function joined(...parts: Uint8Array[]): Uint8Array {
	const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
	let offset = 0;
	for (const part of parts) {
		bytes.set(part, offset);
		offset += part.length;
	}
	return bytes;
}

const CASES = 1500;

test('the kinds of change make at least 10,000 cases in all', () => {
	expect(CASES * Object.keys(CHANGES).length).toBeGreaterThanOrEqual(10_000);
});

test.each(Object.entries(CHANGES))(
	'%s gives a model or a typed error, 1,500 times',
	(_, change) => {
		const seed = Date.now() % 1_000_000;
		const random = seededRandom(seed);
		let slowest = 0;
		for (let i = 0; i < CASES; i++) {
			const bytes = change(corpus[below(random, corpus.length)] ?? new Uint8Array(0), random);
			const start = processorTime();
			try {
				exercise(bytes, i % 2 ? 'matmul' : 'gemm');
			} catch (cause) {
				throw new Error(`seed ${seed}, case ${i}`, { cause });
			}
			slowest = Math.max(slowest, processorTime() - start);
		}
		expect(slowest).toBeLessThan(5000);
	},
	60_000
);
