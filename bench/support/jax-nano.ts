import { jit, nn, numpy as np, valueAndGrad, defaultDevice, init, blockUntilReady } from '@jax-js/jax';
import type { DecoderConfig } from '#workers/models/builder/config.ts';

type Array = np.Array;
type Lora = { a: Array; b: Array }[];

const MODULES = ['q_proj', 'k_proj', 'v_proj', 'o_proj', 'gate_proj', 'up_proj', 'down_proj'] as const;
type Module = (typeof MODULES)[number];

/** The Llama decoder in jax-js, as its users would write it, with a LoRA on every linear: the loss and the LoRA's gradient. */
export async function jaxNano(
	config: DecoderConfig,
	tensor: (name: string) => { data: Float32Array<ArrayBuffer>; dims: number[] },
	rank: number,
	scale: number,
	ids: Int32Array<ArrayBuffer>,
	[batch, length]: [number, number]
) {
	await init('wasm');
	defaultDevice('wasm');
	const { heads, kvHeads, headDim, layers, rmsEps } = config;
	const load = (name: string) => {
		const { data, dims } = tensor(name);
		return np.array(data).reshape(dims);
	};
	const linears = Array.from({ length: layers }, (_, layer) =>
		Object.fromEntries(
			MODULES.map((module) => {
				const group = module.endsWith('_proj') && 'qkvo'.includes(module[0] ?? '') ? 'self_attn' : 'mlp';
				return [module, load(`model.layers.${layer}.${group}.${module}.weight`)];
			})
		)
	) as Record<Module, Array>[];
	const norms = Array.from({ length: layers }, (_, layer) =>
		['input_layernorm', 'post_attention_layernorm'].map((name) =>
			load(`model.layers.${layer}.${name}.weight`)
		)
	);
	const last = load('model.norm.weight');
	const table = load('model.embed_tokens.weight');
	const angles = Float32Array.from({ length: length * headDim }, (_, i) => {
		const pair = (i % headDim) % (headDim / 2);
		return Math.floor(i / headDim) / config.ropeTheta ** ((2 * pair) / headDim);
	});
	const cos = np.array(angles.map(Math.cos)).reshape([1, length, 1, headDim]);
	const sin = np.array(angles.map(Math.sin)).reshape([1, length, 1, headDim]);
	const tokens = np.array(ids, { dtype: np.int32 }).reshape([batch, length]);
	// Picking by index has no gradient under jit.
	const targets = nn.oneHot(tokens.ref.slice([], [1, length]), config.vocab);

	const norm = (x: Array, weight: Array) => {
		const mean = np.mean(np.square(x.ref), -1, { keepdims: true });
		return x.mul(np.reciprocal(np.sqrt(mean.add(rmsEps)))).mul(weight.ref);
	};
	const rotate = (x: Array) => {
		const [first, second] = np.split(x.ref, 2, -1) as [Array, Array];
		const turned = np.concatenate([second.neg(), first], -1);
		return x.mul(cos.ref).add(turned.mul(sin.ref));
	};
	const loss = (lora: Lora): Array => {
		let x = np.take(table.ref, tokens.ref, 0);
		let at = 0;
		const linear = (value: Array, layer: number, module: Module) => {
			const { a, b } = lora[at++] as Lora[number];
			const weight = (linears[layer] as Record<Module, Array>)[module];
			const low = np.matmul(np.matmul(value.ref, np.transpose(a)), np.transpose(b));
			return np.matmul(value, np.transpose(weight.ref)).add(low.mul(scale));
		};
		for (let layer = 0; layer < layers; layer++) {
			const [before, after] = norms[layer] as [Array, Array];
			const h = norm(x.ref, before);
			const split = (value: Array, count: number) => value.reshape([batch, length, count, headDim]);
			const q = rotate(split(linear(h.ref, layer, 'q_proj'), heads));
			const k = rotate(split(linear(h.ref, layer, 'k_proj'), kvHeads));
			const v = split(linear(h, layer, 'v_proj'), kvHeads);
			const mixed = nn
				.dotProductAttention(q, k, v, { isCausal: true })
				.reshape([batch, length, heads * headDim]);
			x = x.add(linear(mixed, layer, 'o_proj'));
			const g = norm(x.ref, after);
			const gate = nn.silu(linear(g.ref, layer, 'gate_proj'));
			x = x.add(linear(gate.mul(linear(g, layer, 'up_proj')), layer, 'down_proj'));
		}
		const logits = np.matmul(norm(x, last), np.transpose(table.ref)).reshape([batch, length, -1]);
		const scores = nn.logSoftmax(logits, -1).slice([], [0, length - 1]);
		return scores.mul(targets.ref).sum().neg();
	};
	const step = jit(valueAndGrad(loss));
	const shapes = linears.flatMap((layer) => MODULES.map((module) => layer[module].shape as [number, number]));
	return {
		/** @param values A [rank, in] and B [out, rank] of each linear, layer by layer */
		async run(
			values: readonly { a: Float32Array<ArrayBuffer>; b: Float32Array<ArrayBuffer> }[]
		): Promise<{ loss: number; gradients: Float32Array[] }> {
			const lora = values.map(({ a, b }, i) => {
				const [out, inner] = shapes[i] as [number, number];
				return { a: np.array(a).reshape([rank, inner]), b: np.array(b).reshape([out, rank]) };
			});
			const [value, gradients] = await blockUntilReady(step(lora));
			const flat: Float32Array[] = [];
			for (const { a, b } of gradients as Lora)
				flat.push((await a.data()) as Float32Array, (await b.data()) as Float32Array);
			return { loss: ((await value.data()) as Float32Array)[0] ?? NaN, gradients: flat };
		}
	};
}
