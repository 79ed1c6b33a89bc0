import { floatAttribute, intAttribute } from '../attribute.ts';
import { constantType } from '../constant.ts';
import { untrainable } from '../gradients/backward.ts';
import type { Graph, Node } from '../graph.ts';
import type { GraphWriter } from '../graph-writer.ts';
import { POSITION_IDS, SEGMENT_IDS } from './inputs.ts';

/** Below every score, and far enough from the end of float32 that a score can be added to it. */
const HIDDEN = -1e30;

/** Attention and rotary embedding in primitives, over whole sequences. What layers can share is made once. */
export class AttentionLowering {
	readonly #graph: Graph;
	readonly #write: GraphWriter;
	readonly #shared = new Map<string, string>();

	constructor(graph: Graph, write: GraphWriter) {
		this.#graph = graph;
		this.#write = write.under('attention');
	}

	/** GroupQueryAttention (onnxruntime docs/ContribOperators.md) without a cache; q, k and v come as [batch, sequence, ...]. */
	groupQuery(node: Node, headDim: number): void {
		const heads = intAttribute(node, 'num_heads', 0);
		const kvHeads = intAttribute(node, 'kv_num_heads', 0);
		const [output = ''] = node.outputs;
		const [cos = '', sin = ''] = node.inputs.slice(7);
		const write = this.#write.under(node.name);
		if (kvHeads < 1 || heads % kvHeads !== 0) throw untrainable(node, 'has no whole number of heads');
		if (intAttribute(node, 'smooth_softmax', 0) > 0 || node.inputs.slice(11).some((input) => input !== ''))
			throw untrainable(node, 'has attention sinks or a quantised cache');
		if (node.inputs[10]) throw untrainable(node, 'takes an attention bias');
		this.#graph.removeNode(node);
		const [q = '', k = '', v = ''] = this.#projections(write, node, [heads, kvHeads, kvHeads], headDim);
		const rotates = intAttribute(node, 'do_rotary', 0) !== 0;
		const interleaved = intAttribute(node, 'rotary_interleaved', 0) !== 0;
		const scale = floatAttribute(node, 'scale', 0) || 1 / Math.sqrt(headDim);
		// Where q is rotated, its scale goes into the tables, which are small.
		const rotated = (value: string, factor: number) => {
			const options = { node, cos, sin, headDim, interleaved, factor, positions: POSITION_IDS };
			return rotates ? this.#rotate(write, value, options) : value;
		};
		const plain = (value: string) => write.op('Mul', [value, write.scalar('float32', scale)]);
		const query = rotates ? rotated(q, scale) : plain(q);
		const byHead = (value: string) => write.op('Transpose', [value], { perm: [0, 2, 1, 3] });

		// Heads that share keys lie one below the other: [batch, kv heads, group · sequence, head].
		const group = heads / kvHeads;
		const grouped = write.op('Reshape', [byHead(query), write.integers(0, kvHeads, -1, headDim)]);
		const keys = write.op('Transpose', [rotated(k, 1)], { perm: [0, 2, 3, 1] });
		let scores = write.op('MatMul', [grouped, keys]);
		const softcap = floatAttribute(node, 'softcap', 0);
		if (softcap > 0) {
			const cap = write.scalar('float32', softcap);
			scores = write.op('Mul', [write.op('Tanh', [write.op('Div', [scores, cap])]), cap]);
		}
		const bias = this.bias(group, intAttribute(node, 'local_window_size', -1));
		const weights = write.op('Softmax', [write.op('Add', [scores, bias])], { axis: -1 });
		const mixed = write.op('MatMul', [weights, byHead(v)]);
		const apart = write.op('Reshape', [mixed, write.integers(0, heads, -1, headDim)]);
		write.op('Reshape', [byHead(apart), write.integers(0, 0, heads * headDim)], {}, output);
	}

	/** RotaryEmbedding (com.microsoft) of [batch, sequence, heads · head]. */
	rotary(node: Node, heads: number, headDim: number): void {
		const [value = '', positions = '', cos = '', sin = ''] = node.inputs;
		const [output = ''] = node.outputs;
		const write = this.#write.under(node.name);
		this.#graph.removeNode(node);
		const split = write.op('Reshape', [value, write.integers(0, 0, heads, headDim)]);
		const interleaved = intAttribute(node, 'interleaved', 0) !== 0;
		const options = {
			node,
			cos,
			sin,
			headDim,
			interleaved,
			factor: floatAttribute(node, 'scale', 1),
			positions
		};
		const turned = this.#rotate(write, split, options);
		write.op('Reshape', [turned, write.integers(0, 0, heads * headDim)], {}, output);
	}

	/**
	 * 0 where a token may see another, else {@link HIDDEN}: those of its own sequence up to itself, the last `window` of them.
	 * [batch, 1, copies · sequence, sequence]
	 */
	bias(copies: number, window = -1): string {
		return this.#once(`bias ${copies} ${window}`, () => {
			if (copies > 1)
				return this.#write.op('Tile', [this.bias(1, window), this.#write.integers(1, 1, copies, 1)]);
			const write = this.#write;
			const [seeing, seen] = [write.integers(1, 3), write.integers(1, 2)];
			const pair = (value: string) => [seeing, seen].map((axes) => write.op('Unsqueeze', [value, axes]));
			const [position = '', other = ''] = pair(POSITION_IDS);
			let visible = write.op('And', [
				write.op('Equal', pair(SEGMENT_IDS)),
				write.op('LessOrEqual', [other, position])
			]);
			if (window > 0) {
				const first = write.op('Sub', [position, write.scalar('int32', window)]);
				visible = write.op('And', [visible, write.op('Greater', [other, first])]);
			}
			return write.op('Where', [visible, write.scalar('float32', 0), write.scalar('float32', HIDDEN)]);
		});
	}

	/** Query, key and value as [batch, sequence, heads, head]. */
	#projections(write: GraphWriter, node: Node, counts: readonly number[], headDim: number): string[] {
		const [query = '', key = '', value = ''] = node.inputs;
		const sizes = counts.map((count) => count * headDim);
		const parts = key === '' ? write.split(query, sizes) : [query, key, value];
		return parts.map((part, i) => write.op('Reshape', [part, write.integers(0, 0, counts[i] ?? 0, headDim)]));
	}

	/**
	 * Rotary embedding (Su et al. 2021) of [batch, sequence, heads, head], times `factor`: x · cos + swap(x) · sin, where
	 * swap exchanges the halves (or the neighbours of each pair) and the sine of the first has its sign changed.
	 */
	#rotate(write: GraphWriter, value: string, options: Rotation): string {
		const { cos, sin, headDim, interleaved, node } = options;
		const half = constantType(this.#graph, cos)?.dims[1];
		if (half === undefined) throw untrainable(node, 'computes its rotary tables');
		if (interleaved) throw untrainable(node, 'rotates interleaved pairs');
		const rest = headDim - 2 * half;
		const [first = '', second = '', tail] = write.split(value, rest > 0 ? [half, half, rest] : [half, half]);
		const whole = tail ? write.op('Concat', [first, second], { axis: -1 }) : value;
		const swapped = write.op('Concat', [second, first], { axis: -1 });
		const turned = write.op('Add', [
			write.op('Mul', [whole, this.#table(cos, 1, 1, options)]),
			write.op('Mul', [swapped, this.#table(sin, -1, 1, options)])
		]);
		if (!tail) return turned;
		const scaled =
			options.factor === 1 ? tail : write.op('Mul', [tail, write.scalar('float32', options.factor)]);
		return write.op('Concat', [turned, scaled], { axis: -1 });
	}

	/** The rows of a rotary table at the tokens' positions, once with each sign: [batch, sequence, 1, 2 · half]. */
	#table(table: string, left: number, right: number, { factor, positions }: Rotation): string {
		return this.#once(`table ${table} ${left} ${right} ${factor} ${positions}`, () => {
			const write = this.#write;
			const rows = write.op('Gather', [table, positions]);
			const times = (sign: number) =>
				sign * factor === 1 ? rows : write.op('Mul', [rows, write.scalar('float32', sign * factor)]);
			const both = write.op('Concat', [times(left), times(right)], { axis: -1 });
			return write.op('Unsqueeze', [both, write.integers(2)]);
		});
	}

	#once(key: string, make: () => string): string {
		const known = this.#shared.get(key);
		if (known !== undefined) return known;
		const made = make();
		this.#shared.set(key, made);
		return made;
	}
}

interface Rotation {
	node: Node;
	/** Tables [positions, half]. */
	cos: string;
	sin: string;
	headDim: number;
	interleaved: boolean;
	factor: number;
	/** Value with each token's position, [batch, sequence]. */
	positions: string;
}
