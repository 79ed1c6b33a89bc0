import { readFileSync } from 'node:fs';
import { beforeAll, describe, expect, test } from 'vitest';
import { fails } from '#test/support/check.ts';
import { randomDecoderConfig, randomIds } from '#test/support/random-decoder.ts';
import { seededRandom } from '#test/support/random.ts';
import type { ReadGraph } from '#workers/engine/serve-graph.ts';
import { buildDecoder } from '#workers/models/builder/decoder.ts';
import { randomWeights } from '#workers/models/builder/weights.ts';
import { trainGraph } from '#workers/onnx/train/train-graph.ts';
import { adapterOf } from '#workers/train/adapter.ts';
import { nodeRunner } from '../../../bench/support/gradients.ts';
import { attributeReply, type Reply } from '../attribute.ts';
import type { AttributionIndex } from '../index/attribution-index.ts';
import { buildIndex } from '../index/build-index.ts';
import { replySample, SampleGradients } from '../gradients.ts';
import { readIndex, writeIndex } from '../index/index-file.ts';
import { AttributionQuery } from '../query.ts';
import { makeReceipt, receiptId, type Receipt, type Transcript } from './receipt.ts';
import { unattributedScore } from './shares.ts';
import { TOLERANCE, verify, type Evidence } from './verify.ts';

const random = seededRandom(8);
const config = { ...randomDecoderConfig('llama', random), layers: 2 };
const read: ReadGraph = {
	model: buildDecoder(config, randomWeights(config, 3), { dtype: 'fp32' }),
	sources: new Map()
};
const ids = (count: number) => randomIds(config.vocab, count, random);
const hex = (digit: string) => digit.repeat(64);
const files = { base: hex('a'), adapter: { config: hex('b'), weights: hex('c') } };

let gradients: SampleGradients;
let index: AttributionIndex;
let reply: Reply;
let receipt: Receipt;
let transcript: Transcript;
let evidence: Evidence;

beforeAll(async () => {
	const targetModules = ['q_proj', 'v_proj', 'down_proj'];
	const { layout } = trainGraph(read.model, { lora: { rank: 2, modules: targetModules } });
	const parameters = Float32Array.from({ length: layout.length }, () => (random() - 0.5) * 0.5);
	const settings = { rank: 2, alpha: 4, rankStabilised: false, targetModules };
	const adapter = adapterOf(parameters, layout, settings, 'test');
	gradients = await SampleGradients.create(read, adapter, (graph) => nodeRunner(read, graph));
	const rows = Array.from({ length: 40 }, (_, i) => ({
		id: `0x${(i + 1).toString(16).padStart(64, '0')}` as const,
		contributor: 1 + (i % 7),
		samples: [replySample(ids(4), ids(5))]
	}));
	index = await buildIndex(gradients, rows, files);
	// Of some replies one that the adapter makes likelier.
	for (;;) {
		const [prompt, answer] = [ids(4), ids(6)];
		reply = {
			...files,
			prompt,
			reply: answer,
			contextLength: 64,
			host: 3,
			price: '1000000',
			time: 1_790_000_000
		};
		const asked = [replySample(prompt, answer)];
		const [[base = 0], [adapted = 0]] = [await gradients.losses(asked, 0), await gradients.losses(asked, 1)];
		if (base - adapted > 0.5) break;
	}
	({ receipt, transcript } = await attributeReply(reply, { gradients, index }));
	evidence = { ...files, index, gradients };
});

describe('a receipt', () => {
	test('is confirmed by whoever has the adapter, its index and the transcript', async () => {
		expect(receipt.unmeasured).toBeNull();
		expect(receipt.weights.length).toBeGreaterThan(1);
		const verdict = await verify(receipt, transcript, evidence);
		expect(verdict).toMatchObject({ verdict: 'confirmed' });
		expect(verdict.verdict === 'confirmed' && verdict.steps).toHaveLength(12);
	});

	test('takes the likelihood that decoding told; a wrong one is refuted', async () => {
		const [loss = NaN] = await gradients.losses([replySample(reply.prompt, reply.reply)], 1);
		const told = async (logLikelihood: number) => {
			const made = await attributeReply({ ...reply, logLikelihood }, { gradients, index });
			return { lift: made.receipt.lift, verdict: await verify(made.receipt, made.transcript, evidence) };
		};
		const right = await told(-loss);
		expect(right.lift).toBe(receipt.lift);
		expect(right.verdict.verdict).toBe('confirmed');
		expect((await told(-loss + 0.01)).verdict).toMatchObject({ verdict: 'refuted', step: 'lift' });
	});

	test('of which any field was edited is refuted', async () => {
		const other = `0x${hex('d')}` as const;
		const edits: Record<keyof Receipt, unknown> = {
			format: 'openledger-receipt/1',
			id: other,
			rules: 3,
			base: hex('d'),
			adapter: { ...files.adapter, config: hex('d') },
			index: { ...receipt.index, root: other },
			unmeasured: 'failed',
			prompt: other,
			reply: other,
			query: other,
			entries: other,
			tokens: { prompt: 4, reply: 7 },
			lift: receipt.lift + 1,
			support: receipt.support + 1,
			unattributed: receipt.unattributed + 1,
			weights: [{ id: 0, weight: 65_535 }],
			host: 4,
			price: '1000001',
			time: receipt.time + 1
		};
		expect(Object.keys(edits).sort()).toEqual(Object.keys(receipt).sort());
		for (const [field, value] of Object.entries(edits)) {
			const edited = { ...receipt, [field]: value } as Receipt;
			expect(await verify(edited, transcript, evidence), field).toMatchObject({
				verdict: 'refuted',
				step: 'identity'
			});
		}
	});

	test('that was forged with a new identity is refuted at the step that is wrong', async () => {
		const sealed = (changes: Partial<Receipt>) => {
			const forged = { ...receipt, ...changes };
			return { ...forged, id: receiptId(forged) };
		};
		const other = `0x${hex('d')}` as const;
		const cases: [Partial<Receipt>, step: string][] = [
			[{ base: hex('d') }, 'base'],
			[{ adapter: { ...files.adapter, weights: hex('d') } }, 'adapter'],
			[{ index: { root: other, description: receipt.index?.description ?? other } }, 'index'],
			[{ prompt: other }, 'transcript'],
			[{ reply: other }, 'transcript'],
			[{ query: other }, 'transcript'],
			[{ entries: other }, 'transcript'],
			[{ tokens: { prompt: 4, reply: 1 } }, 'transcript'],
			[{ unmeasured: 'failed' }, 'scores'],
			[{ lift: receipt.lift * 2 }, 'unattributed'],
			[{ support: receipt.support * 2 }, 'unattributed'],
			[{ unattributed: 0 }, 'unattributed'],
			[{ weights: [...receipt.weights].map(({ id, weight }) => ({ id, weight: weight ^ 1 })) }, 'weights']
		];
		for (const [changes, step] of cases)
			expect(await verify(sealed(changes), transcript, evidence), step).toMatchObject({
				verdict: 'refuted',
				step
			});
	});

	test('made anew over false evidence is refuted: entries, lift, query vector', async () => {
		const facts = {
			...reply,
			index: receipt.index,
			unmeasured: null,
			lift: receipt.lift,
			support: receipt.support,
			unattributed: receipt.unattributed
		};
		const { prompt, reply: answer, contextLength, ...rest } = facts;
		expect(contextLength + prompt.length + answer.length).toBeGreaterThan(0);
		const [first, ...others] = transcript.entries;
		if (!first) throw new Error('no entries');
		const more = { ...transcript, entries: [{ ...first, score: first.score + 1 }, ...others] };
		expect(await verify(makeReceipt(rest, more), more, evidence)).toMatchObject({
			verdict: 'refuted',
			step: 'scores',
			stated: expect.stringContaining(String(first.score + 1)),
			found: expect.stringContaining(String(first.score))
		});
		// A support that pays the rows more, everything else computed from it as it should be.
		const { tail } = new AttributionQuery(index).evidence(transcript.query);
		const inflated = {
			lift: receipt.lift,
			tokens: transcript.reply.length,
			support: Math.ceil(receipt.support * 1.1)
		};
		const unearned = unattributedScore(transcript.entries, tail, inflated);
		const generous = makeReceipt({ ...rest, support: inflated.support, unattributed: unearned }, transcript);
		expect(await verify(generous, transcript, evidence)).toMatchObject({
			verdict: 'refuted',
			step: 'support'
		});
		// A query vector of another reply, everything else computed from it as it should be.
		const lie = await attributeReply({ ...reply, reply: ids(6) }, { gradients, index });
		const stolen = { ...lie.transcript, reply: transcript.reply };
		const { lift, support, unattributed } = lie.receipt;
		const forged = makeReceipt({ ...rest, lift, support, unattributed }, stolen);
		const verdict = await verify(forged, stolen, evidence);
		expect(verdict).toMatchObject({ verdict: 'refuted' });
		expect(['unattributed', 'lift', 'support', 'query']).toContain(
			verdict.verdict === 'refuted' && verdict.step
		);
	});

	test('cannot be checked without what is missing, and that is said; what is there still refutes', async () => {
		for (const [part, missing] of [
			['base', 'base'],
			['adapter', 'adapter'],
			['index', 'index'],
			['gradients', 'model']
		] as const)
			expect(await verify(receipt, transcript, { ...evidence, [part]: undefined })).toMatchObject({
				verdict: 'cannot check',
				missing: [missing]
			});
		expect(await verify(receipt, undefined, evidence)).toMatchObject({
			verdict: 'cannot check',
			missing: ['transcript']
		});
		const wrong = { ...evidence, gradients: undefined, base: hex('d') };
		expect(await verify(receipt, transcript, wrong)).toMatchObject({ verdict: 'refuted', step: 'base' });
	});
});

test('what cannot be measured attributes nothing, says why, and is confirmed as such', async () => {
	const instruments = { gradients, index };
	const cases: [Partial<Reply>, Partial<typeof instruments>, string][] = [
		[{ adapter: null }, instruments, 'no-adapter'],
		[{ reply: [] }, instruments, 'empty-reply'],
		[{ contextLength: 9 }, instruments, 'too-long'],
		[{}, { gradients }, 'no-index'],
		[{ adapter: { ...files.adapter, weights: hex('d') } }, instruments, 'wrong-index'],
		[{ base: hex('d') }, instruments, 'wrong-index'],
		[{ reply: [config.vocab + 5] }, instruments, 'failed']
	];
	for (const [change, have, unmeasured] of cases) {
		const failures: unknown[] = [];
		const onFailure = (error: unknown) => failures.push(error);
		const made = await attributeReply({ ...reply, ...change }, have, { onFailure });
		// Why it went wrong is told, and nothing where nothing went wrong.
		expect(failures.length, unmeasured).toBe(unmeasured === 'failed' ? 1 : 0);
		expect(made.receipt).toMatchObject({ unmeasured, weights: [{ id: 0, weight: 65_535 }], index: null });
		const found = { ...evidence, base: made.receipt.base, adapter: made.receipt.adapter ?? undefined };
		expect(await verify(made.receipt, made.transcript, found)).toMatchObject({ verdict: 'confirmed' });
	}
	const one = await attributeReply({ ...reply, reply: reply.reply.slice(0, 1) }, instruments);
	expect(one.receipt.unmeasured).toBeNull();
});

test('tolerances are at least five times what execution providers were measured to differ by', () => {
	const { providers } = JSON.parse(
		readFileSync(new URL('../../../bench/results/attribution.json', import.meta.url), 'utf8')
	) as { providers: Record<'cpu' | 'webgpu', { query: number; lift: number; support: number }> };
	for (const { query, lift, support } of [providers.cpu, providers.webgpu]) {
		expect(query).toBeGreaterThan(0);
		expect(TOLERANCE.query).toBeGreaterThan(5 * query);
		expect(TOLERANCE.liftPerToken).toBeGreaterThan(5 * lift);
		expect(TOLERANCE.support).toBeGreaterThan(5 * support);
	}
});

describe('an index file', () => {
	test('reads back what was written', async () => {
		expect(await readIndex(writeIndex(index))).toEqual(index);
		// What only rows were made with may have been another choice.
		const { halfway, probes, ...before } = index.description;
		expect([halfway, probes]).toEqual([0.5, 4]);
		const earlier = { ...index, description: { ...before, lengths: 0.25 } };
		expect(await readIndex(writeIndex(earlier))).toEqual(earlier);
	});

	test('that is cut, foreign, of other rows or of another root is refused', async () => {
		const bytes = writeIndex(index);
		const text = new TextEncoder();
		const cut = bytes.subarray(0, bytes.length - 40);
		const short = writeIndex({ ...index, ids: [...index.ids].reverse() });
		const odd = writeIndex({ ...index, description: { ...index.description, dims: 40 } });
		const other = writeIndex({ ...index, description: { ...index.description, directions: 0 } });
		const unmade = writeIndex({ ...index, description: { ...index.description, lengths: -1 } });
		for (const wrong of [cut, short, odd, other, unmade, new Uint8Array(), text.encode('no index at all')])
			expect(
				await fails(() => readIndex(wrong), 'index/malformed').catch(() => null),
				String(wrong.length)
			).not.toBeNull();
		const format = 'openledger-attribution/1' as typeof index.description.format;
		const earlier = writeIndex({ ...index, description: { ...index.description, format } });
		await expect(readIndex(earlier)).rejects.toThrow('of an earlier format');
		const rows = index.rows.slice();
		rows[5] = (rows[5] ?? 0) + 1;
		const contributors = index.contributors.with(3, 99);
		for (const wrong of [
			{ ...index, rows },
			{ ...index, contributors }
		])
			expect(await fails(() => readIndex(writeIndex(wrong)), 'index/wrong-root')).toBeDefined();
	});
});
