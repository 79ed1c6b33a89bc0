import { expect, test } from 'vitest';
import { decoderModel } from '#test/support/onnx/decoder-model.ts';
import { engines } from '#test/support/engines.ts';
import { int64, openModel, type Running, type Values } from '#test/support/onnx/run-decoder.ts';
import { seededRandom } from '#test/support/random.ts';
import { float, type AttributeLike } from './attribute.ts';
import { decomposeAttention } from './decompose-attention.ts';
import { createModel, type Model } from './model.ts';

const HEADS = 4;
const KV_HEADS = 2;
const HEAD_DIM = 32;
const MS = 'com.microsoft';

interface Shape {
	packed: boolean;
	/** Width of the rotary tables; 0 for no rotary. */
	rotary: number;
	attributes?: Record<string, AttributeLike>;
}

/** One GroupQueryAttention, as a model. */
function attentionModel({ packed, rotary, attributes }: Shape): Model {
	const model = createModel('attention');
	const { graph } = model;
	const token = ['batch', 'sequence'];
	if (packed) graph.input('q', 'float32', [...token, (HEADS + 2 * KV_HEADS) * HEAD_DIM]);
	else {
		graph.input('q', 'float32', [...token, HEADS * HEAD_DIM]);
		for (const name of ['k', 'v']) graph.input(name, 'float32', [...token, KV_HEADS * HEAD_DIM]);
	}
	for (const part of ['key', 'value']) {
		graph.input(`past.${part}`, 'float32', ['batch', KV_HEADS, 'past', HEAD_DIM]);
		graph.output(`present.${part}`, 'float32', ['batch', KV_HEADS, 'total', HEAD_DIM]);
	}
	graph.input('seqlens', 'int32', ['batch']);
	graph.input('total', 'int32', []);
	graph.output('y', 'float32', [...token, HEADS * HEAD_DIM]);
	for (const [name, table] of [
		['cos', Math.cos],
		['sin', Math.sin]
	] as const)
		// prettier-ignore
		if (rotary)
			graph.initializer(
				name,
				'float32',
				[64, rotary],
				Float32Array.from({ length: 64 * rotary }, (_, i) =>
					table(Math.floor(i / rotary) * 100 ** (-(i % rotary) / rotary))
				)
			);
	const projections = packed ? ['q', '', ''] : ['q', 'k', 'v'];
	graph.node(
		'GroupQueryAttention',
		[...projections, 'past.key', 'past.value', 'seqlens', 'total', ...(rotary ? ['cos', 'sin'] : [])],
		['y', 'present.key', 'present.value'],
		{ num_heads: HEADS, kv_num_heads: KV_HEADS, do_rotary: rotary > 0, ...attributes },
		MS
	);
	return model;
}

/** Tokens each row has before, tokens each gets now: every case the operator takes. */
const RUNS: [string, before: number[], fresh: number, lengths: number[]][] = [
	['a prompt', [0], 5, [5]],
	['a long prompt', [0], 40, [40]],
	['a step', [6], 1, [7]],
	['more of a prompt', [6], 4, [10]],
	['a batch of prompts', [0, 0], 5, [5, 5]],
	['a batch of prompts, one padded', [0, 0], 5, [5, 3]],
	['a step of a batch', [6, 6], 1, [7, 7]],
	['a step of rows of different lengths', [6, 2, 4], 1, [7, 3, 5]]
];

const SHAPES: [string, Shape][] = [
	['plain', { packed: false, rotary: 0 }],
	['packed', { packed: true, rotary: 0 }],
	['rotary', { packed: false, rotary: 16 }],
	['packed rotary', { packed: true, rotary: 16 }],
	['rotary of half the head', { packed: false, rotary: 8 }],
	['a local window', { packed: false, rotary: 16, attributes: { local_window_size: 4 } }],
	['a soft cap', { packed: true, rotary: 16, attributes: { softcap: float(2) } }],
	['a scale', { packed: false, rotary: 16, attributes: { scale: float(0.5) } }]
];

test.each(SHAPES)('primitives give what the fused operator gives: %s', async (_, shape) => {
	const fused = attentionModel(shape);
	const primitives = decomposeAttention(fused);
	expect([...primitives.graph.nodes].filter(({ domain }) => domain !== '')).toEqual([]);
	const random = seededRandom(5);
	const values = (dims: number[]): Values => ({
		data: Float32Array.from({ length: dims.reduce((a, b) => a * b, 1) }, () => random() * 2 - 1),
		dims
	});
	const sessions: [Running, Running][] = [
		[await openModel(fused, engines.cpu), await openModel(primitives, engines.cpu)],
		[await openModel(fused, engines.wasm), await openModel(primitives, engines.wasm)]
	];
	for (const [name, before, fresh, lengths] of RUNS) {
		const batch = before.length;
		const past = Math.max(...before);
		const width = (heads: number) => [batch, fresh, heads * HEAD_DIM];
		const feeds: Record<string, Values> = {
			q: values(width(shape.packed ? HEADS + 2 * KV_HEADS : HEADS)),
			k: values(width(KV_HEADS)),
			v: values(width(KV_HEADS)),
			'past.key': values([batch, KV_HEADS, past, HEAD_DIM]),
			'past.value': values([batch, KV_HEADS, past, HEAD_DIM]),
			seqlens: { data: Int32Array.from(lengths, (length) => length - 1), dims: [batch] },
			total: { data: Int32Array.of(past + fresh), dims: [] }
		};
		for (const [reference, lowered] of sessions) {
			const [wanted, found] = [await reference.run(feeds), await lowered.run(feeds)];
			for (let row = 0; row < batch; row++) {
				// Beyond its length a row is padding, in which anything may stand.
				const tokens = Math.min(fresh, lengths[row] ?? 0);
				const difference = compare(wanted.y, found.y, row, 1, tokens);
				expect(difference, `${name}, row ${row}`).toBeLessThan(2e-6);
				for (const part of ['present.key', 'present.value'])
					expect(
						compare(wanted[part], found[part], row, 2, lengths[row] ?? 0),
						`${name}, ${part}`
					).toBeLessThan(2e-6);
			}
		}
	}
});

/** Largest difference in one row of a batch, over the first `count` places of an axis. */
function compare(
	a: Values | undefined,
	b: Values | undefined,
	row: number,
	axis: number,
	count: number
): number {
	if (!a || !b) throw new Error('an output is missing');
	expect(b.dims).toEqual(a.dims);
	const inner = a.dims.slice(axis + 1).reduce((x, y) => x * y, 1);
	const length = a.dims[axis] ?? 0;
	const each = a.data.length / (a.dims[0] ?? 1);
	let difference = 0;
	for (let i = row * each; i < (row + 1) * each; i++)
		if (Math.floor(i / inner) % length < count)
			difference = Math.max(difference, Math.abs(Number(a.data[i]) - Number(b.data[i])));
	return difference;
}

test('a whole decoder replies alike', async () => {
	const model = decoderModel({ linear: 'q4', qkvBias: true });
	const tokens = [1, 5, 9, 33, 7];
	const cache = Object.fromEntries(
		[0, 1].flatMap((layer) =>
			['key', 'value'].map((part) => [
				`past_key_values.${layer}.${part}`,
				{ data: new Float32Array(0), dims: [1, 2, 0, 16] }
			])
		)
	);
	const feeds = {
		input_ids: int64(tokens, [1, 5]),
		attention_mask: int64([1, 1, 1, 1, 1], [1, 5]),
		...cache
	};
	const [wanted, found] = [
		await (await openModel(model, engines.wasm)).run(feeds),
		await (await openModel(decomposeAttention(model), engines.wasm)).run(feeds)
	];
	expect(compare(wanted.logits, found.logits, 0, 1, 5)).toBeLessThan(1e-5);
});

test.each([
	['interleaved', { rotary_interleaved: 1 }],
	['sinks', { smooth_softmax: 1 }]
])('%s attention is refused', (_, attributes) => {
	expect(() => decomposeAttention(attentionModel({ packed: false, rotary: 16, attributes }))).toThrow(
		/cannot be taken apart/
	);
});
