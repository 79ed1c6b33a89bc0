import { floatAttribute, intAttribute } from './attribute.ts';
import { unsupported } from './failure.ts';
import type { Graph, Node } from './graph.ts';
import { GraphWriter } from './graph-writer.ts';
import { inferShapes, type Typed } from './infer.ts';
import type { Model } from './model.ts';
import { validate } from './order.ts';
import { prune } from './prune.ts';
import { dataTypeNumber } from './types.ts';

type Float = 'float32' | 'float16';

/** Below every score; still finite, so that a row without any visible key gives no NaN. */
const LOWEST = { float32: -3e38, float16: -65504 };

/**
 * Replaces every GroupQueryAttention (com.microsoft) by primitives, for devices whose fused kernel is wrong. Inputs and
 * outputs of the model stay: rows lie flush left and may differ in length as the operator has it, with a cache that grows
 * by the new tokens in each run (present = past + new; no preallocated cache).
 * Semantics: onnxruntime docs/ContribOperators.md, com.microsoft.GroupQueryAttention, and its CPU kernel.
 * Throws 'onnx/unsupported' for interleaved rotary, attention sinks and quantised caches.
 */
export function decomposeAttention(model: Model): Model {
	const graph = model.graph.clone();
	const types = inferShapes(graph, {}, model.opsets.get(''));
	const shared = new Map<string, SharedValues>();
	for (const node of [...graph.nodes])
		if (node.opType === 'GroupQueryAttention' && node.domain === 'com.microsoft')
			new Attention(graph, node, types, shared).lower();
	graph.valueInfos.clear();
	prune(graph);
	validate(graph);
	return { ...model, graph };
}

/** What all layers share. int32, because no GPU provider computes in int64. */
interface SharedValues {
	/** Position of each new token, [batch, new]. */
	positions: string;
	/** 0 for the keys that a new token may see, else a large negative number: [batch, 1, new, total]. */
	bias: string;
	/** Row of past and new keys, [batch · heads · total] in all, that belongs at each place of the grown cache. */
	places: string;
	/** Rotary tables by name, picked at the positions: [batch, new, 1, width]. */
	tables: Map<string, string>;
}

class Attention {
	readonly #graph: Graph;
	readonly #node: Node;
	readonly #write: GraphWriter;
	readonly #shared: Map<string, SharedValues>;
	readonly #type: Float;
	readonly #heads: number;
	readonly #kvHeads: number;
	readonly #headDim: number;

	constructor(
		graph: Graph,
		node: Node,
		types: ReadonlyMap<string, Typed>,
		shared: Map<string, SharedValues>
	) {
		this.#graph = graph;
		this.#node = node;
		this.#shared = shared;
		this.#write = new GraphWriter(graph, node.name);
		const past = types.get(node.inputs[3] ?? '');
		const headDim = past?.dims?.[3];
		this.#heads = intAttribute(node, 'num_heads', 0);
		this.#kvHeads = intAttribute(node, 'kv_num_heads', 0);
		const refuse = (what: string) =>
			unsupported(`GroupQueryAttention '${node.name}' ${what}, which cannot be taken apart.`, {
				node: node.name
			});
		if (typeof headDim !== 'number' || (past?.dataType !== 'float32' && past?.dataType !== 'float16'))
			throw refuse('has a cache of unknown or quantised type');
		if (this.#kvHeads < 1 || this.#heads % this.#kvHeads !== 0) throw refuse('has no whole number of heads');
		if (intAttribute(node, 'rotary_interleaved', 0)) throw refuse('rotates interleaved pairs');
		if (intAttribute(node, 'smooth_softmax', 0) > 0 || node.inputs.slice(11).some((input) => input !== ''))
			throw refuse('has attention sinks or a quantised cache');
		this.#headDim = headDim;
		this.#type = past.dataType;
	}

	lower(): void {
		const write = this.#write;
		const [pastKey = '', pastValue = ''] = this.#node.inputs.slice(3);
		const [output = '', presentKey = '', presentValue = ''] = this.#node.outputs;
		const shared = this.#sharedValues();
		this.#graph.removeNode(this.#node);
		const [q, k, v] = this.#projections();
		const rotates = intAttribute(this.#node, 'do_rotary', 0) !== 0;
		const turned = (value: string) => this.#byHead(rotates ? this.#rotated(value, shared) : value);
		const keys = this.#grown(pastKey, turned(k), shared.places, presentKey);
		const values = this.#grown(pastValue, this.#byHead(v), shared.places, presentValue);

		// Heads that share keys lie side by side: [batch, kv heads, group · new, head].
		const grouped = write.integers(0, this.#kvHeads, -1, this.#headDim);
		const scale = floatAttribute(this.#node, 'scale', 0) || 1 / Math.sqrt(this.#headDim);
		const query = write.op('Mul', [turned(q), write.scalar(this.#type, scale)]);
		const transposed = write.op('Transpose', [keys], { perm: [0, 1, 3, 2] });
		let scores = write.op('MatMul', [write.op('Reshape', [query, grouped]), transposed]);
		const softcap = floatAttribute(this.#node, 'softcap', 0);
		if (softcap > 0) {
			const cap = write.scalar(this.#type, softcap);
			scores = write.op('Mul', [write.op('Tanh', [write.op('Div', [scores, cap])]), cap]);
		}
		const shape = write.op('Shape', [shared.bias]);
		const lengths = write.op('Slice', [shape, write.integers(2), write.integers(4)]);
		const perHead = write.op('Concat', [write.integers(-1, this.#heads), lengths], { axis: 0 });
		scores = write.op('Add', [write.op('Reshape', [scores, perHead]), shared.bias]);
		const [extra] = this.#node.inputs.slice(10);
		if (extra) scores = write.op('Add', [scores, extra]);
		const weights = write.op('Softmax', [scores], { axis: -1 });
		const total = write.op('Slice', [shape, write.integers(3), write.integers(4)]);
		const perGroup = write.op('Concat', [write.integers(0, this.#kvHeads, -1), total], { axis: 0 });
		const mixed = write.op('MatMul', [write.op('Reshape', [weights, perGroup]), values]);
		const news = write.op('Slice', [shape, write.integers(2), write.integers(3)]);
		const back = write.op('Concat', [write.integers(-1, this.#heads), news, write.integers(this.#headDim)], {
			axis: 0
		});
		const rows = write.op('Transpose', [write.op('Reshape', [mixed, back])], { perm: [0, 2, 1, 3] });
		write.op('Reshape', [rows, write.integers(0, 0, this.#heads * this.#headDim)], {}, output);
	}

	/** Query, key and value as [batch, new, heads, head]. */
	#projections(): [q: string, k: string, v: string] {
		const [query = '', key = '', value = ''] = this.#node.inputs;
		const counts = [this.#heads, this.#kvHeads, this.#kvHeads];
		const sizes = counts.map((count) => count * this.#headDim);
		const parts = key === '' ? this.#write.split(query, sizes) : [query, key, value];
		const [q = '', k = '', v = ''] = parts.map((part, i) =>
			this.#write.op('Reshape', [part, this.#write.integers(0, 0, counts[i] ?? 0, this.#headDim)])
		);
		return [q, k, v];
	}

	#byHead(value: string): string {
		return this.#write.op('Transpose', [value], { perm: [0, 2, 1, 3] });
	}

	/** Rotary embedding of halves: (x1, x2) → (x1 cos − x2 sin, x2 cos + x1 sin), dimensions beyond the table untouched. */
	#rotated(value: string, shared: SharedValues): string {
		const write = this.#write;
		const [cosName = '', sinName = ''] = this.#node.inputs.slice(7);
		const half = this.#graph.initializers.get(cosName)?.dims[1];
		if (half === undefined)
			throw unsupported(`GroupQueryAttention '${this.#node.name}' computes its rotary tables.`, {
				node: this.#node.name
			});
		const picked = (table: string): string => {
			const known = shared.tables.get(table);
			if (known) return known;
			const rows = write.op('Gather', [table, shared.positions]);
			const wide = write.op('Unsqueeze', [rows, write.integers(2)]);
			shared.tables.set(table, wide);
			return wide;
		};
		const [cos, sin] = [picked(cosName), picked(sinName)];
		const rest = this.#headDim - 2 * half;
		const [x1 = '', x2 = '', tail] = write.split(value, rest > 0 ? [half, half, rest] : [half, half]);
		const real = write.op('Sub', [write.op('Mul', [x1, cos]), write.op('Mul', [x2, sin])]);
		const imaginary = write.op('Add', [write.op('Mul', [x2, cos]), write.op('Mul', [x1, sin])]);
		return write.op('Concat', tail ? [real, imaginary, tail] : [real, imaginary], { axis: -1 });
	}

	/** Past and new keys (or values) of each row, flush left: [batch, kv heads, total, head]. */
	#grown(past: string, news: string, places: string, present: string): string {
		const write = this.#write;
		const both = write.op('Concat', [past, news], { axis: 2 });
		const rows = write.op('Reshape', [both, write.integers(-1, this.#headDim)]);
		const moved = write.op('Gather', [rows, places]);
		return write.op('Reshape', [moved, write.op('Shape', [both])], {}, present || undefined);
	}

	#sharedValues(): SharedValues {
		const { inputs } = this.#node;
		const window = intAttribute(this.#node, 'local_window_size', -1);
		const key = [inputs[5], inputs[9], this.#kvHeads, window, this.#type].join();
		const known = this.#shared.get(key);
		if (known) return known;
		const made = this.#makeShared(window);
		this.#shared.set(key, made);
		return made;
	}

	#makeShared(window: number): SharedValues {
		const write = this.#write;
		const [query = '', , , past = '', , seqlens = '', , , , given] = this.#node.inputs;
		const int = (value: number) => write.scalar('int32', value);
		const lengthOf = (value: string, axis: number) => {
			const length = write.op('Gather', [write.op('Shape', [value]), write.integers(axis)]);
			return write.op('Cast', [length], { to: dataTypeNumber('int32') });
		};
		const scalar = (value: string) => write.op('Squeeze', [value]);
		const column = (value: string) => write.op('Reshape', [value, write.integers(-1, 1)]);
		const [fresh, cached, batch] = [lengthOf(query, 1), lengthOf(past, 2), lengthOf(past, 0)];
		const total = write.op('Add', [cached, fresh]);
		const range = (count: string) => write.op('Range', [int(0), scalar(count), int(1)]);

		// Tokens each row has in the cache; a padded first prompt has none.
		const held = write.op('Sub', [write.op('Add', [seqlens, int(1)]), fresh]);
		const before = column(write.op('Max', [held, int(0)]));
		const order = write.op('Add', [before, range(fresh)]);
		const slots = range(total);
		const last = write.op('Unsqueeze', [order, write.integers(1, 3)]);
		let visible = write.op('LessOrEqual', [slots, last]);
		if (window > 0) {
			const first = write.op('Sub', [last, int(window)]);
			visible = write.op('And', [visible, write.op('Greater', [slots, first])]);
		}
		const bias = write.op('Where', [
			visible,
			write.scalar(this.#type, 0),
			write.scalar(this.#type, LOWEST[this.#type])
		]);

		const behind = write.op('Sub', [write.op('Add', [slots, cached]), before]);
		const end = write.op('Sub', [total, int(1)]);
		const source = write.op('Where', [
			write.op('Less', [slots, before]),
			slots,
			write.op('Min', [behind, end])
		]);
		const rows = range(write.op('Mul', [batch, int(this.#kvHeads)]));
		const starts = write.op('Reshape', [
			write.op('Mul', [rows, total]),
			write.integers(-1, this.#kvHeads, 1)
		]);
		const spread = write.op('Add', [starts, write.op('Unsqueeze', [source, write.integers(1)])]);
		const places = write.op('Reshape', [spread, write.integers(-1)]);
		return { positions: given || order, bias, places, tables: new Map() };
	}
}
