import { describe, expect, test } from 'vitest';
import { decoderModel, type DecoderOptions } from '#test/support/onnx/decoder-model.ts';
import { engines } from '#test/support/engines.ts';
import { decode, openModel, type Values } from '#test/support/onnx/run-decoder.ts';
import { noAdapter, slotFeeds, TestAdapter } from '#test/support/onnx/slot-values.ts';
import type { Model } from './model.ts';
import { rewriteForServing, type RewriteOptions } from './rewrite.ts';

const SHAPE = { layers: 2, kvHeads: 2, headDim: 16 };
const ROWS = [
	[1, 5, 9, 33, 7, 60, 2],
	[9, 8, 7, 6, 5, 4, 3]
];
const ONE_ROW = ROWS.slice(0, 1);

const LAYOUTS: [string, Partial<DecoderOptions>][] = [
	['fused operators', {}],
	['fused operators, packed linears', { packed: true }],
	['fused operators, rotary nodes', { rotary: 'node' }],
	['fused operators, 4 bits', { linear: 'q4' }],
	['fused operators, 4 bits, packed linears', { linear: 'q4', packed: true }],
	['fused operators, bias and QK norm', { qkvBias: true, qkNorm: true }],
	['fused operators, 4 bits, bias', { linear: 'q4', qkvBias: true }],
	['fused operators, dynamically quantised', { linear: 'dynamic' }],
	['fused operators, Gemm', { linear: 'gemm', qkvBias: true }],
	['primitives', { layout: 'decomposed' }],
	['primitives, packed linears', { layout: 'decomposed', packed: true }],
	['primitives, bias and QK norm', { layout: 'decomposed', qkvBias: true, qkNorm: true }],
	['primitives, dynamically quantised, bias', { layout: 'decomposed', linear: 'dynamic', qkvBias: true }],
	['primitives, 4 bits', { layout: 'decomposed', linear: 'q4' }],
	['primitives, Gemm, packed linears', { layout: 'decomposed', linear: 'gemm', packed: true }]
];

/** Dynamic quantisation takes its scale over all tokens of a run, so that a row's numbers depend on the other rows. */
const BY_TOKEN = LAYOUTS.filter(([, { linear }]) => linear !== 'dynamic');

const FORMS: RewriteOptions[] = [
	{ lora: 'none', fuse: true },
	{ lora: 'none', fuse: 'attention' },
	{ lora: 'matmul', fuse: true },
	{ lora: 'matmul', fuse: false },
	{ lora: 'gemm', fuse: true },
	{ lora: 'gemm', fuse: false }
];

async function replies(
	model: Model,
	backend: keyof typeof engines,
	rows: number[][],
	extra: Record<string, Values> = {}
) {
	const session = await openModel(model, engines[backend]);
	const result = await decode(session, rows, 2, SHAPE, extra);
	await session.close();
	return result;
}

type Replies = Awaited<ReturnType<typeof replies>>;

/** Largest difference of logits, relative to the largest logit. */
function distance(a: Replies, b: Replies): number {
	let difference = 0;
	let largest = 0;
	a.logits.forEach(({ data }, i) => {
		expect(data.length).toBe(b.logits[i]?.data.length);
		data.forEach((value, j) => {
			difference = Math.max(difference, Math.abs(Number(value) - Number(b.logits[i]?.data[j])));
			largest = Math.max(largest, Math.abs(Number(value)));
		});
	});
	return difference / largest;
}

describe.each(LAYOUTS)('%s', (_, layout) => {
	test.each(['cpu', 'wasm'] as const)(
		'replies without an adapter bit for bit as given (%s)',
		async (backend) => {
			const given = decoderModel(layout);
			const batch = await replies(given, backend, ROWS);
			const single = await replies(given, backend, ONE_ROW);
			for (const form of FORMS) {
				const { model, slots } = rewriteForServing(given, form);
				expect(slots.length).toBe(form.lora === 'none' ? 0 : 8);
				// Gemm is for devices that fail on empty tensors, so it gets zeros.
				const isGemm = form.lora === 'gemm';
				const rows = isGemm ? ONE_ROW : ROWS;
				expect(await replies(model, backend, rows, noAdapter(slots, isGemm ? 1 : 0))).toEqual(
					isGemm ? single : batch
				);
			}
		}
	);

	test('finds every linear with its module path and size', () => {
		const { slots, info } = rewriteForServing(decoderModel(layout), { lora: 'matmul', fuse: true });
		const sizes = { q_proj: [64, 64], k_proj: [64, 32], v_proj: [64, 32], o_proj: [64, 64] };
		const mlp = { gate_proj: [64, 96], up_proj: [64, 96], down_proj: [96, 64] };
		const expected = [0, 1].flatMap((layer) => [
			...Object.entries(sizes).map(([module, size]) => [
				`model.layers.${layer}.self_attn.${module}`,
				...size
			]),
			...Object.entries(mlp).map(([module, size]) => [`model.layers.${layer}.mlp.${module}`, ...size])
		]);
		expect(info.linears.map(({ path, inFeatures, outFeatures }) => [path, inFeatures, outFeatures])).toEqual(
			expected
		);
		expect(
			slots.flatMap(({ inFeatures, parts }) =>
				parts.map(({ path, outFeatures }) => [path, inFeatures, outFeatures])
			)
		).toEqual(expected);
	});
});

const count = (model: Model, opType: string) =>
	[...model.graph.nodes].filter((node) => node.opType === opType).length;

test.each([
	// Per layer: qkv, o, gate and up, down; and the head.
	['4 bits', { linear: 'q4' }, 'MatMulNBits', 9],
	['MatMul', { qkvBias: true }, 'MatMul', 9],
	['Gemm', { linear: 'gemm' }, 'Gemm', 9]
] as const)('base weights of a group are joined into one linear: %s', (_, layout, opType, linears) => {
	const given = decoderModel(layout);
	expect(count(given, opType)).toBe(15);
	const { model } = rewriteForServing(given, { lora: 'none', fuse: true });
	expect(count(model, opType)).toBe(linears);
	// The attention operator takes q, k and v packed; gate and up are split.
	expect(count(model, 'Split')).toBe(opType === 'Gemm' ? 4 : 2);
	const attention = rewriteForServing(given, { lora: 'none', fuse: 'attention' }).model;
	expect(count(attention, opType)).toBe(opType === 'Gemm' ? 15 : 11);
	expect(count(attention, 'Split')).toBe(0);
});

test('linears stored differently stay apart and share a branch', () => {
	const given = decoderModel({ linear: 'dynamic' });
	const { model, slots } = rewriteForServing(given, { lora: 'matmul', fuse: true });
	expect(slots.length).toBe(8);
	expect(count(model, 'MatMulInteger')).toBe(15);
	// Two products for each slot.
	expect(count(model, 'MatMul')).toBe(16);
});

const merged = (layout: Partial<DecoderOptions>, adapter: TestAdapter): Model =>
	decoderModel({
		...layout,
		change: (path, weight) => {
			const inFeatures = path.endsWith('down_proj') ? 96 : 64;
			return /layers\.\d+\.(self_attn|mlp)\.\w+$/.test(path)
				? adapter.merge(path, weight, inFeatures)
				: weight;
		}
	});

const ADAPTED_FORMS = FORMS.filter(({ lora }) => lora !== 'none');

describe.each(LAYOUTS.filter(([, { linear }]) => linear !== 'q4' && linear !== 'dynamic'))(
	'%s with an adapter',
	(_, layout) => {
		test('replies in every form like a model with the adapter merged', async () => {
			const adapter = new TestAdapter(7, () => 8);
			const reference = await replies(merged(layout, adapter), 'cpu', ONE_ROW);
			const given = decoderModel(layout);
			expect(distance(reference, await replies(given, 'cpu', ONE_ROW))).toBeGreaterThan(0.1);
			for (const backend of ['cpu', 'wasm'] as const)
				for (const form of ADAPTED_FORMS) {
					const { model, slots } = rewriteForServing(given, form);
					const adapted = await replies(model, backend, ONE_ROW, slotFeeds(slots, [adapter]));
					expect(distance(reference, adapted)).toBeLessThan(1e-5);
				}
		});
	}
);

test.each([1, 4, 8, 16, 32, 64])('an adapter of rank %i equals its merge', async (rank) => {
	const adapter = new TestAdapter(rank, () => rank);
	const reference = await replies(merged({}, adapter), 'cpu', ROWS);
	const { model, slots } = rewriteForServing(decoderModel(), { lora: 'matmul', fuse: true });
	for (const backend of ['cpu', 'wasm'] as const)
		expect(
			distance(reference, await replies(model, backend, ROWS, slotFeeds(slots, [adapter])))
		).toBeLessThan(1e-5);
});

test.each([
	[['q_proj']],
	[['q_proj', 'v_proj']],
	[['k_proj', 'o_proj']],
	[['up_proj', 'down_proj']],
	[['gate_proj']],
	[['q_proj', 'k_proj', 'v_proj', 'o_proj']]
])('an adapter of %j only equals its merge', async (modules) => {
	const ranks = (path: string) => (modules.some((module) => path.endsWith(module)) ? 4 : 0);
	const adapter = new TestAdapter(3, ranks);
	const reference = await replies(merged({}, adapter), 'cpu', ROWS);
	const { model, slots } = rewriteForServing(decoderModel(), { lora: 'matmul', fuse: true });
	expect(distance(reference, await replies(model, 'cpu', ROWS, slotFeeds(slots, [adapter])))).toBeLessThan(
		1e-5
	);
});

test.each(BY_TOKEN)('rows of one batch carry different adapters: %s', async (_, layout) => {
	const adapters = [
		new TestAdapter(1, () => 4),
		new TestAdapter(2, (path) => (path.endsWith('q_proj') ? 16 : 0))
	];
	const { model, slots } = rewriteForServing(decoderModel(layout), { lora: 'matmul', fuse: true });
	const both = await replies(model, 'cpu', ROWS, slotFeeds(slots, adapters));
	for (const [row, adapter] of adapters.entries()) {
		const alone = await replies(model, 'cpu', ROWS.slice(row, row + 1), slotFeeds(slots, [adapter]));
		const half = both.logits.map(({ data, dims }) => ({
			data: (data as Float32Array).slice((row * data.length) / 2, ((row + 1) * data.length) / 2),
			dims: [1, ...dims.slice(1)]
		}));
		expect(distance(alone, { logits: half, cache: {} })).toBeLessThan(1e-5);
	}
});

describe('the attention mask', () => {
	test.each(LAYOUTS.filter(([, { layout }]) => layout !== 'decomposed'))(
		'gives way to lengths without a change in replies: %s',
		async (_, layout) => {
			const given = decoderModel(layout);
			const { model, info } = rewriteForServing(given, { lora: 'none', fuse: false, mask: 'lengths' });
			expect(info.inputs.attentionMask).toBeUndefined();
			expect(info.inputs.seqlensK?.dims).toEqual(['batch_size']);
			expect(model.graph.inputs.map(({ name }) => name)).not.toContain('attention_mask');
			expect(await replies(model, 'wasm', ROWS)).toEqual(await replies(given, 'wasm', ROWS));
		}
	);

	test('stays where attention is made of primitives', () => {
		const { info } = rewriteForServing(decoderModel({ layout: 'decomposed' }), {
			lora: 'none',
			fuse: false,
			mask: 'lengths'
		});
		expect(info.inputs.attentionMask?.name).toBe('attention_mask');
		expect(info.inputs.seqlensK).toBeUndefined();
	});
});

describe('the head', () => {
	test.each(BY_TOKEN)('gives the last position alone, the same numbers: %s', async (_, layout) => {
		const given = decoderModel(layout);
		const { model } = rewriteForServing(given, { lora: 'none', fuse: false, head: 'last' });
		const all = await replies(given, 'cpu', ROWS);
		const last = await replies(model, 'cpu', ROWS);
		const [prefill] = all.logits;
		expect(last.logits[0]?.dims).toEqual([2, 1, 96]);
		const lastOf = (row: number) => [...(prefill?.data ?? [])].slice((row * 5 + 4) * 96, (row * 5 + 5) * 96);
		const wanted = [...lastOf(0), ...lastOf(1)].map(Number);
		[...(last.logits[0]?.data ?? [])].forEach((value, i) =>
			expect(Number(value)).toBeCloseTo(wanted[i] ?? 0, 5)
		);
	});

	test('gives every position where num_logits_to_keep is taken away', async () => {
		const given = decoderModel({ numLogitsToKeep: true, linear: 'q4' });
		const { model, info } = rewriteForServing(given, { lora: 'none', fuse: false, head: 'all' });
		expect(info.inputs.numLogitsToKeep).toBeUndefined();
		expect([...model.graph.nodes].filter(({ opType }) => opType === 'Slice')).toEqual([]);
		expect(await replies(model, 'cpu', ROWS)).toEqual(await replies(given, 'cpu', ROWS));
	});

	test('is left to num_logits_to_keep where the model has it', async () => {
		const given = decoderModel({ numLogitsToKeep: true });
		const { model, info } = rewriteForServing(given, { lora: 'none', fuse: false, head: 'last' });
		expect(info.inputs.numLogitsToKeep?.dims).toEqual([]);
		expect(await replies(model, 'cpu', ROWS)).toEqual(await replies(given, 'cpu', ROWS));
	});
});
