import { float } from '#workers/onnx/attribute.ts';
import type { Graph } from '#workers/onnx/graph.ts';
import { createModel, type Model } from '#workers/onnx/model.ts';
import { FixtureWriter, MS, type WeightOptions } from './fixture-writer.ts';

/** What a test decoder looks like. Sizes are small: the point is the structure of the graph. */
export interface DecoderOptions extends WeightOptions {
	layers: number;
	hidden: number;
	heads: number;
	kvHeads: number;
	headDim: number;
	ffn: number;
	vocab: number;
	/** 'fused': GroupQueryAttention and normalisation operators. 'decomposed': primitives, as older exports. */
	layout: 'fused' | 'decomposed';
	/** One linear for q, k and v, and one for gate and up. */
	packed: boolean;
	qkvBias: boolean;
	qkNorm: boolean;
	/** Rotary embedding by position: inside the attention operator or before it. Decomposed is always before. */
	rotary: 'attention' | 'node';
	numLogitsToKeep: boolean;
}

const DEFAULTS: DecoderOptions = {
	layers: 2,
	hidden: 64,
	heads: 4,
	kvHeads: 2,
	headDim: 16,
	ffn: 96,
	vocab: 96,
	layout: 'fused',
	linear: 'matmul',
	packed: false,
	qkvBias: false,
	qkNorm: false,
	rotary: 'attention',
	numLogitsToKeep: false,
	seed: 1
};

const POSITIONS = 128;

/** A decoder of the Llama shape with random weights. */
export function decoderModel(options: Partial<DecoderOptions> = {}): Model {
	return new DecoderBuilder({ ...DEFAULTS, ...options }).build();
}

class DecoderBuilder {
	readonly #o: DecoderOptions;
	readonly #model = createModel('decoder');
	readonly #g: Graph = this.#model.graph;
	readonly #w: FixtureWriter;

	constructor(options: DecoderOptions) {
		this.#o = options;
		this.#w = new FixtureWriter(this.#g, options);
	}

	build(): Model {
		const { layers, hidden, kvHeads, headDim, vocab, layout } = this.#o;
		const g = this.#g;
		g.input('input_ids', 'int64', ['batch_size', 'sequence_length']);
		g.input('attention_mask', 'int64', ['batch_size', 'total_sequence_length']);
		if (this.#positions) g.input('position_ids', 'int64', ['batch_size', 'sequence_length']);
		if (this.#o.numLogitsToKeep) g.input('num_logits_to_keep', 'int64', []);
		g.output('logits', 'float32', ['batch_size', 'sequence_length', vocab]);
		for (let layer = 0; layer < layers; layer++)
			for (const part of ['key', 'value']) {
				const dims = (length: string) => ['batch_size', kvHeads, length, headDim];
				g.input(`past_key_values.${layer}.${part}`, 'float32', dims('past_sequence_length'));
				g.output(`present.${layer}.${part}`, 'float32', dims('total_sequence_length'));
			}
		this.#shared();
		const embedding = this.#w.weight('model.embed_tokens', vocab, hidden, 1);
		g.initializer('model.embed_tokens.weight', 'float32', [vocab, hidden], embedding);
		let residual = this.#w.op(
			'Gather',
			['model.embed_tokens.weight', 'input_ids'],
			'/model/embed_tokens/Gather'
		);
		let branch = '';
		for (let layer = 0; layer < layers; layer++) {
			const path = `/model/layers.${layer}`;
			const first = this.#norm(`${path}/input_layernorm`, residual, branch);
			const attention =
				layout === 'fused' ? this.#attention(layer, first.y) : this.#primitives(layer, first.y);
			const second = this.#norm(`${path}/post_attention_layernorm`, first.sum, attention);
			residual = second.sum;
			branch = this.#mlp(layer, second.y);
		}
		let { y } = this.#norm('/model/norm', residual, branch);
		if (this.#o.numLogitsToKeep) {
			const negative = this.#w.op('Neg', ['num_logits_to_keep'], '/model/Neg');
			const start = this.#w.op('Unsqueeze', [negative, this.#w.ints([0])], '/model/Unsqueeze');
			const end = this.#w.ints([2 ** 31 - 1]);
			y = this.#w.op('Slice', [y, start, end, this.#w.ints([1])], '/model/Slice');
		}
		const logits = this.#w.linear('/lm_head', 'lm_head', y, hidden, vocab);
		g.node('Identity', [logits], ['logits']);
		return this.#model;
	}

	get #positions(): boolean {
		return this.#o.layout === 'decomposed' || this.#o.rotary === 'node';
	}

	#norm(name: string, x: string, skip: string): { y: string; sum: string } {
		const { hidden, layout } = this.#o;
		const scale = this.#w.weight(name, 1, hidden, 0.2).map((value) => 1 + value);
		const weight = this.#g.initializer(`${name}.weight`, 'float32', [hidden], scale);
		if (layout === 'decomposed') {
			const sum = skip ? this.#w.op('Add', [x, skip], `${name}/residual`) : x;
			return { y: this.#rms(name, sum, weight), sum };
		}
		const epsilon = float(1e-6);
		if (!skip) {
			const attributes = { axis: -1, epsilon, stash_type: 1 };
			return {
				y: this.#w.op('SimplifiedLayerNormalization', [x, weight], `${name}/LayerNorm`, attributes),
				sum: x
			};
		}
		const [y, sum] = [`${name}/output_0`, `${name}/output_3`];
		this.#g.node('SkipSimplifiedLayerNormalization', [x, skip, weight], [y, '', '', sum], { epsilon }, MS);
		return { y, sum };
	}

	#rms(name: string, x: string, weight: string): string {
		const square = this.#w.op('Pow', [x, this.#w.float(2)], `${name}/Pow`);
		const mean = this.#w.op('ReduceMean', [square, this.#w.ints([-1])], `${name}/ReduceMean`);
		const stable = this.#w.op('Add', [mean, this.#w.float(1e-6)], `${name}/Add`);
		const root = this.#w.op('Sqrt', [stable], `${name}/Sqrt`);
		const unit = this.#w.op('Div', [x, root], `${name}/Div`);
		return this.#w.op('Mul', [weight, unit], `${name}/Mul`);
	}

	/** Values every layer reads: rotary tables, lengths or the causal mask. */
	#shared(): void {
		const { headDim, layout } = this.#o;
		const half = headDim / 2;
		const width = layout === 'fused' ? half : headDim;
		for (const table of ['cos', 'sin'] as const) {
			const values = Float32Array.from({ length: POSITIONS * width }, (_, i) =>
				Math[table](Math.floor(i / width) * 10000 ** (-((i % width) % half) / half))
			);
			this.#g.initializer(`${table}_cache`, 'float32', [POSITIONS, width], values);
		}
		const one = this.#g.initializer('one', 'int64', [], BigInt64Array.of(1n));
		if (layout === 'fused') {
			const path = '/model/attn_mask_reformat/attn_mask_subgraph';
			const sum = this.#w.op('ReduceSum', ['attention_mask', this.#w.ints([1])], `${path}/ReduceSum`, {
				keepdims: 0
			});
			const less = this.#w.op('Sub', [sum, one], `${path}/Sub`);
			this.#g.node('Cast', [less], ['seqlens_k/output'], { to: 6 });
			const shape = this.#w.op('Shape', ['attention_mask'], `${path}/Shape`);
			const total = this.#w.op('Gather', [shape, one], `${path}/Gather`, { axis: 0 });
			this.#g.node('Cast', [total], ['total_length/output'], { to: 6 });
			return;
		}
		const path = '/model/mask';
		for (const table of ['cos', 'sin']) {
			const rows = this.#w.op('Gather', [`${table}_cache`, 'position_ids'], `/model/rotary/${table}/Gather`);
			this.#w.op('Unsqueeze', [rows, this.#w.ints([1])], `/model/rotary/${table}`);
		}
		const shape = this.#w.op('Shape', ['attention_mask'], `${path}/Shape`);
		const total = this.#w.op('Gather', [shape, one], `${path}/Gather`, { axis: 0 });
		const zero = this.#g.initializer('zero', 'int64', [], BigInt64Array.of(0n));
		const columns = this.#w.op('Range', [zero, total, one], `${path}/Range`);
		const rows = this.#w.op('Unsqueeze', ['position_ids', this.#w.ints([1, 3])], `${path}/Unsqueeze`);
		const future = this.#w.op('Greater', [columns, rows], `${path}/Greater`);
		const lowest = this.#w.float(-1e9);
		this.#w.op('Where', [future, lowest, this.#w.float(0)], path);
	}

	#projections(layer: number, x: string): [q: string, k: string, v: string] {
		const { hidden, heads, kvHeads, headDim, packed, qkvBias, layout } = this.#o;
		const path = `/model/layers.${layer}/${layout === 'fused' ? 'attn' : 'self_attn'}`;
		const hf = `model.layers.${layer}.self_attn`;
		const sizes = [heads * headDim, kvHeads * headDim, kvHeads * headDim];
		const modules = ['q_proj', 'k_proj', 'v_proj'].map((module, i): [string, number] => [
			`${hf}.${module}`,
			sizes[i] ?? 0
		]);
		const biased = (name: string, y: string, paths: [string, number][]) => {
			if (!qkvBias) return y;
			const values = paths.flatMap(([module, size]) => [...this.#w.weight(`${module}.bias`, 1, size, 1)]);
			const bias = this.#g.initializer(`${name}.bias`, 'float32', [values.length], Float32Array.from(values));
			return this.#w.op('Add', [bias, y], `${name}/Add`);
		};
		if (packed) {
			const total = sizes.reduce((sum, size) => sum + size, 0);
			const name = `${path}/qkv_proj`;
			const y = biased(name, this.#w.linear(name, modules, x, hidden, total), modules);
			if (layout === 'fused' && this.#o.rotary === 'attention' && !this.#o.qkNorm) return [y, '', ''];
			const outputs: [string, string, string] = [`${path}/q`, `${path}/k`, `${path}/v`];
			this.#g.node('Split', [y, this.#w.ints(sizes)], outputs, { axis: -1 });
			return outputs;
		}
		const [q, k, v] = modules.map(([module, size]) => {
			const name = `${path}/${module.split('.').at(-1)}`;
			return biased(name, this.#w.linear(name, module, x, hidden, size), [[module, size]]);
		});
		return [q ?? '', k ?? '', v ?? ''];
	}

	#headNorm(name: string, x: string, heads: number): string {
		const { headDim, layout } = this.#o;
		const scale = this.#w
			.weight(name.replace('self_attn', 'attn'), 1, headDim, 0.2)
			.map((value) => 1 + value);
		const weight = this.#g.initializer(`${name}.weight`, 'float32', [headDim], scale);
		const split = this.#w.op('Reshape', [x, this.#w.ints([0, -1, heads, headDim])], `${name}/Reshape`);
		const attributes = { axis: -1, epsilon: float(1e-6) };
		const y =
			layout === 'fused'
				? this.#w.op('SimplifiedLayerNormalization', [split, weight], `${name}/LayerNorm`, attributes)
				: this.#rms(name, split, weight);
		return this.#w.op('Reshape', [y, this.#w.ints([0, -1, heads * headDim])], `${name}/Reshape_1`);
	}

	#attention(layer: number, x: string): string {
		const { heads, kvHeads, headDim, hidden, rotary } = this.#o;
		const path = `/model/layers.${layer}/attn`;
		const projected = this.#projections(layer, x);
		let [q, k] = projected;
		const v = projected[2];
		if (this.#o.qkNorm) {
			q = this.#headNorm(`${path}/q_norm`, q, heads);
			k = this.#headNorm(`${path}/k_norm`, k, kvHeads);
		}
		if (rotary === 'node') {
			const rotated = (value: string, name: string, count: number) =>
				this.#w.op(
					'RotaryEmbedding',
					[value, 'position_ids', 'cos_cache', 'sin_cache'],
					`${path}/${name}_rotary/RotaryEmbedding`,
					{ num_heads: count, rotary_embedding_dim: headDim, interleaved: 0 },
					MS
				);
			[q, k] = [rotated(q, 'q', heads), rotated(k, 'k', kvHeads)];
		}
		const past = ['key', 'value'].map((part) => `past_key_values.${layer}.${part}`);
		const present = ['key', 'value'].map((part) => `present.${layer}.${part}`);
		const tables = rotary === 'attention' ? ['cos_cache', 'sin_cache'] : [];
		this.#g.node(
			'GroupQueryAttention',
			[q, k, v, ...past, 'seqlens_k/output', 'total_length/output', ...tables],
			[`${path}/GroupQueryAttention/output_0`, ...present],
			{
				num_heads: heads,
				kv_num_heads: kvHeads,
				do_rotary: rotary === 'attention',
				rotary_interleaved: 0,
				scale: float(1 / Math.sqrt(headDim)),
				local_window_size: -1
			},
			MS,
			`${path}/GroupQueryAttention`
		);
		const module = `model.layers.${layer}.self_attn.o_proj`;
		return this.#w.linear(
			`${path}/o_proj`,
			module,
			`${path}/GroupQueryAttention/output_0`,
			heads * headDim,
			hidden
		);
	}

	#primitives(layer: number, x: string): string {
		const { heads, kvHeads, headDim, hidden } = this.#o;
		const path = `/model/layers.${layer}/self_attn`;
		const [q0, k0, v0] = this.#projections(layer, x);
		const q1 = this.#o.qkNorm ? this.#headNorm(`${path}/q_norm`, q0, heads) : q0;
		const k1 = this.#o.qkNorm ? this.#headNorm(`${path}/k_norm`, k0, kvHeads) : k0;
		const split = (value: string, name: string, count: number) => {
			const shape = this.#w.ints([0, -1, count, headDim]);
			const reshaped = this.#w.op('Reshape', [value, shape], `${path}/${name}/Reshape`);
			return this.#w.op('Transpose', [reshaped], `${path}/${name}/Transpose`, { perm: [0, 2, 1, 3] });
		};
		const q = this.#rope(split(q1, 'q', heads), `${path}/q`);
		const k = this.#rope(split(k1, 'k', kvHeads), `${path}/k`);
		const cached = (value: string, part: string) => {
			const present = `present.${layer}.${part}`;
			this.#g.node('Concat', [`past_key_values.${layer}.${part}`, value], [present], { axis: -2 });
			const wide = this.#w.op('Unsqueeze', [present, this.#w.ints([2])], `${path}/${part}/Unsqueeze`);
			const group = heads / kvHeads;
			const shape = this.#w.ints([1, 1, group, 1, 1]);
			const expanded = this.#w.op('Expand', [wide, shape], `${path}/${part}/Expand`);
			return this.#w.op(
				'Reshape',
				[expanded, this.#w.ints([0, heads, -1, headDim])],
				`${path}/${part}/Reshape_1`
			);
		};
		const keys = cached(k, 'key');
		const values = cached(split(v0, 'v', kvHeads), 'value');
		const transposedKeys = this.#w.op('Transpose', [keys], `${path}/Transpose_k`, { perm: [0, 1, 3, 2] });
		const product = this.#w.op('MatMul', [q, transposedKeys], `${path}/MatMul`);
		const scaled = this.#w.op('Mul', [product, this.#w.float(1 / Math.sqrt(headDim))], `${path}/Mul`);
		const masked = this.#w.op('Add', [scaled, '/model/mask/output_0'], `${path}/Add`);
		const probability = this.#w.op('Softmax', [masked], `${path}/Softmax`, { axis: -1 });
		const mixed = this.#w.op('MatMul', [probability, values], `${path}/MatMul_1`);
		const rows = this.#w.op('Transpose', [mixed], `${path}/Transpose`, { perm: [0, 2, 1, 3] });
		const flat = this.#w.op('Reshape', [rows, this.#w.ints([0, 0, heads * headDim])], `${path}/Reshape`);
		const module = `model.layers.${layer}.self_attn.o_proj`;
		return this.#w.linear(`${path}/o_proj`, module, flat, heads * headDim, hidden);
	}

	#rope(x: string, path: string): string {
		const half = this.#o.headDim / 2;
		const piece = (name: string, from: number, to: number) =>
			this.#w.op(
				'Slice',
				[x, this.#w.ints([from]), this.#w.ints([to]), this.#w.ints([3])],
				`${path}/${name}`
			);
		const negative = this.#w.op('Neg', [piece('Slice_1', half, 2 * half)], `${path}/Neg`);
		const swapped = this.#w.op('Concat', [negative, piece('Slice', 0, half)], `${path}/Concat`, { axis: -1 });
		const real = this.#w.op('Mul', [x, '/model/rotary/cos/output_0'], `${path}/Mul`);
		const imaginary = this.#w.op('Mul', [swapped, '/model/rotary/sin/output_0'], `${path}/Mul_1`);
		return this.#w.op('Add', [real, imaginary], `${path}/Add_1`);
	}

	#mlp(layer: number, x: string): string {
		const { hidden, ffn, packed } = this.#o;
		const path = `/model/layers.${layer}/mlp`;
		const hf = `model.layers.${layer}.mlp`;
		let gate = `${path}/gate`;
		let up = `${path}/up`;
		if (packed) {
			const modules: [string, number][] = [
				[`${hf}.gate_proj`, ffn],
				[`${hf}.up_proj`, ffn]
			];
			const both = this.#w.linear(`${path}/gate_up_proj`, modules, x, hidden, 2 * ffn);
			this.#g.node('Split', [both, this.#w.ints([ffn, ffn])], [gate, up], { axis: -1 });
		} else {
			gate = this.#w.linear(`${path}/gate_proj`, `${hf}.gate_proj`, x, hidden, ffn);
			up = this.#w.linear(`${path}/up_proj`, `${hf}.up_proj`, x, hidden, ffn);
		}
		const sigmoid = this.#w.op('Sigmoid', [gate], `${path}/act_fn/Sigmoid`);
		const activated = this.#w.op('Mul', [gate, sigmoid], `${path}/act_fn/Mul`);
		const product = this.#w.op('Mul', [activated, up], `${path}/Mul`);
		return this.#w.linear(`${path}/down_proj`, `${hf}.down_proj`, product, ffn, hidden);
	}
}
