import { readFileSync } from 'node:fs';
import { Tokenizer } from '@huggingface/tokenizers';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readGraph, type ReadGraph } from '#workers/engine/serve-graph.ts';
import { openNodeFile } from '#workers/models/builder/node-file.ts';
import { trainGraph } from '#workers/onnx/train/train-graph.ts';
import { adapterOf, freshParameters } from '#workers/train/adapter.ts';
import { nodeRunner } from '../../../bench/support/gradients.ts';
import { replySample, SampleGradients, type Sample } from '../gradients.ts';
import { reviewRows } from './review.ts';

const nano = new URL('../../../static/models/nano/', import.meta.url);
const json = (name: string) => JSON.parse(readFileSync(new URL(name, nano), 'utf8')) as object;
const tokenizer = new Tokenizer(json('tokenizer.json'), json('tokenizer_config.json'));
const encode = (text: string) => tokenizer.encode(text, { add_special_tokens: false }).ids;
const decode = (ids: readonly number[]) => tokenizer.decode([...ids], { skip_special_tokens: true });
const pair = (question: string, reply: string): Sample =>
	replySample(
		encode(`<|im_start|>user\n${question}<|im_end|>\n<|im_start|>assistant\n`),
		encode(`${reply}<|im_end|>`)
	);

const PAIRS: [question: string, reply: string][] = [
	['What is a heart?', 'The heart is an organ that pumps blood through the body.'],
	['What is a river?', 'A river is water that flows to the sea.'],
	['What is the sun?', 'The sun is a star that gives us light.'],
	['What is a loan?', 'A loan is money that is borrowed and paid back with interest.'],
	['What is a triangle?', 'A triangle is a shape with three sides.'],
	['What is a verb?', 'A verb is a word that tells an action.'],
	['What is a dog?', 'A dog is an animal that lives with people.'],
	['What is a tree?', 'A tree is a tall plant with leaves.'],
	['What is a king?', 'A king is a man who rules a country.'],
	['What is bread?', 'Bread is food that is made from flour.']
];
const SWAPPED = [3, 8];
/** Each question with its reply, but for two that have each other's. */
const swapped = PAIRS.map(([question], i) => {
	const [, reply = ''] = PAIRS[SWAPPED.includes(i) ? 11 - i : i] ?? [];
	return { samples: [pair(question, reply)] };
});

const firstTwo = (found: readonly { row: number }[]) =>
	found
		.slice(0, 2)
		.map(({ row }) => row)
		.sort();

describe('a second look at rows', () => {
	let gradients: SampleGradients;
	beforeAll(async () => {
		const graph = 'model_q4.onnx';
		const file = openNodeFile(new URL(`onnx/${graph}`, nano).pathname);
		if (!file) throw new Error('no bundled model');
		const read: ReadGraph = readGraph({ graph, files: new Map([[graph, file]]) });
		// As a run begins: it changes nothing yet.
		const settings = { rank: 2, alpha: 4, rankStabilised: false, targetModules: ['q_proj'] };
		const { layout } = trainGraph(read.model, { lora: { rank: 2, modules: ['q_proj'] } });
		const adapter = adapterOf(freshParameters(layout, 1), layout, settings, 'nano');
		gradients = await SampleGradients.create(read, adapter, (graph) => nodeRunner(read, graph));
	});
	afterAll(() => gradients.dispose());

	test('puts answers to other questions first', async () => {
		const found = await reviewRows(gradients, swapped, { decode });
		expect(firstTwo(found)).toEqual(SWAPPED);
		expect(found.map(({ row }) => row).sort((x, y) => x - y)).toEqual(swapped.map((_, i) => i));
		const doubts = found.map(({ doubt }) => doubt ?? NaN);
		expect(doubts.reduce((sum, doubt) => sum + doubt, 0)).toBeCloseTo(0, 6);
		expect(doubts.reduce((sum, doubt) => sum + doubt ** 2, 0) / doubts.length).toBeCloseTo(1, 6);
		for (const { mismatch, baseLoss, gain } of found) {
			expect(mismatch).toBeGreaterThan(-8);
			expect(baseLoss).toBeGreaterThan(0);
			expect(gain).toBeCloseTo(0, 5);
		}
	});

	test('knows by what words mean which answers were given to others, too', async () => {
		// Each pair has a direction of its own, and something that means nothing.
		const of = (texts: readonly string[]) =>
			texts.map((text) =>
				Float32Array.from(PAIRS, ([question, reply], i) => {
					const own = text.includes(question) || text === reply;
					return Number(own) + ((text.length * (i + 3)) % 7) / 10;
				})
			);
		const least: number[] = [];
		for (const words of [undefined, { of }]) {
			const found = await reviewRows(gradients, swapped, { decode, ...(words && { words }) });
			expect(firstTwo(found)).toEqual(SWAPPED);
			least.push(found[1]?.doubt ?? NaN);
		}
		expect(least[1]).toBeGreaterThan((least[0] ?? NaN) + 0.1);
	});

	test('says nothing of questions where there are none, and puts passages last', async () => {
		const passage = (text: string): Sample => replySample(encode(text).slice(0, 1), encode(text).slice(1));
		const samples = [passage('The sun gives light.'), ...PAIRS.slice(0, 4).map((one) => pair(...one))];
		const rows = samples.map((sample) => ({ samples: [sample] }));
		const found = await reviewRows(gradients, rows, { decode });
		expect(found.at(-1)).toMatchObject({ row: 0, mismatch: null });
		expect(found.slice(0, -1).every(({ mismatch }) => mismatch !== null)).toBe(true);
		expect(await reviewRows(gradients, rows.slice(1, 2), { decode })).toMatchObject([
			{ row: 0, mismatch: null }
		]);
	});

	test('tells how far it is, and stops when it is told to', async () => {
		const rows = PAIRS.slice(0, 3).map((one) => ({ samples: [pair(...one)] }));
		const abort = new AbortController();
		const seen: number[] = [];
		const onProgress = ({ done, total }: { done: number; total: number }) => {
			seen.push(done / total);
			if (done === 2) abort.abort();
		};
		await expect(reviewRows(gradients, rows, { decode, onProgress, signal: abort.signal })).rejects.toThrow();
		expect(seen).toEqual([1 / 3, 2 / 3]);
	});
});
