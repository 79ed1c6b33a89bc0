/**
 * A decoder's forward pass in float64, written plainly from the papers and from Hugging Face's modelling code, to check
 * everything else against. It shares no code with what it checks. One sequence, no cache, no speed.
 */
import type { DecoderConfig } from '#workers/models/builder/config.ts';

/** A tensor of the checkpoint by its Hugging Face name, row-major; undefined where there is none. */
export type Tensors = (name: string) => ArrayLike<number> | undefined;

/** LoRA of one linear layer, ΔW = scale · B·A with A [rank, in] and B [out, rank] (Hu et al. 2021). */
export interface LowRank {
	a: ArrayLike<number>;
	b: ArrayLike<number>;
	scale: number;
}

/** LoRA by module name: 'model.layers.0.self_attn.q_proj'. */
export type LowRanks = ReadonlyMap<string, LowRank>;

type Rows = Float64Array[];

/** Logits [position][vocab] of a token sequence. */
export function referenceLogits(
	config: DecoderConfig,
	tensors: Tensors,
	ids: readonly number[],
	lora: LowRanks = new Map()
): Rows {
	const { hidden, heads, kvHeads, headDim, ffn } = config;
	const get = (name: string) => {
		const tensor = tensors(name);
		if (!tensor) throw new RangeError(`no tensor ${name}`);
		return tensor;
	};

	const linear = (x: Rows, module: string, out: number): Rows => {
		const y = matmul(x, get(`${module}.weight`), out);
		const bias = tensors(`${module}.bias`);
		if (bias) y.forEach((row) => row.forEach((_, n) => (row[n] = at(row, n) + at(bias, n))));
		const delta = lora.get(module);
		if (!delta) return y;
		const rank = delta.b.length / out;
		const update = matmul(matmul(x, delta.a, rank), delta.b, out);
		return y.map((row, t) => row.map((value, n) => value + delta.scale * at(pick(update, t), n)));
	};

	const rmsNorm = (x: Rows, name: string): Rows => {
		const weight = get(`${name}.weight`);
		return x.map((row) => {
			const meanSquare = row.reduce((sum, value) => sum + value * value, 0) / row.length;
			return row.map((value, i) => (value / Math.sqrt(meanSquare + config.rmsEps)) * at(weight, i));
		});
	};

	/** Splits [T][heads·headDim] into one [T][headDim] for each head, normalised (Qwen3) if a norm is named, then rotated. */
	const rotatedHeads = (x: Rows, count: number, norm: string): Rows[] =>
		Array.from({ length: count }, (_, h) => {
			const head = x.map((row) => row.slice(h * headDim, (h + 1) * headDim));
			return rotate(config, config.qkNorm ? rmsNorm(head, norm) : head);
		});

	const attention = (x: Rows, module: string): Rows => {
		const query = rotatedHeads(linear(x, `${module}.q_proj`, heads * headDim), heads, `${module}.q_norm`);
		const key = rotatedHeads(linear(x, `${module}.k_proj`, kvHeads * headDim), kvHeads, `${module}.k_norm`);
		const value = linear(x, `${module}.v_proj`, kvHeads * headDim);
		const mixed = x.map(() => new Float64Array(heads * headDim));
		for (let h = 0; h < heads; h++) {
			const shared = Math.floor(h / (heads / kvHeads));
			for (let t = 0; t < x.length; t++) {
				const scores = Float64Array.from(
					{ length: t + 1 },
					(_, s) => dot(pick(pick(query, h), t), pick(pick(key, shared), s)) / Math.sqrt(headDim)
				);
				softmax(scores).forEach((weight, s) => {
					for (let i = 0; i < headDim; i++)
						pick(mixed, t)[h * headDim + i] =
							at(pick(mixed, t), h * headDim + i) + weight * at(pick(value, s), shared * headDim + i);
				});
			}
		}
		return linear(mixed, `${module}.o_proj`, hidden);
	};

	/** SwiGLU (Shazeer 2020). */
	const mlp = (x: Rows, module: string): Rows => {
		const gate = linear(x, `${module}.gate_proj`, ffn);
		const up = linear(x, `${module}.up_proj`, ffn);
		const gated = gate.map((row, t) => row.map((g, i) => (g / (1 + Math.exp(-g))) * at(pick(up, t), i)));
		return linear(gated, `${module}.down_proj`, hidden);
	};

	const add = (x: Rows, y: Rows): Rows => x.map((row, t) => row.map((value, i) => value + at(pick(y, t), i)));

	const table = get('model.embed_tokens.weight');
	let x: Rows = ids.map((id) => Float64Array.from({ length: hidden }, (_, i) => at(table, id * hidden + i)));
	for (let layer = 0; layer < config.layers; layer++) {
		const module = `model.layers.${layer}`;
		x = add(x, attention(rmsNorm(x, `${module}.input_layernorm`), `${module}.self_attn`));
		x = add(x, mlp(rmsNorm(x, `${module}.post_attention_layernorm`), `${module}.mlp`));
	}
	return matmul(rmsNorm(x, 'model.norm'), config.tied ? table : get('lm_head.weight'), config.vocab);
}

/** Mean negative log-likelihood, in nats, of the tokens from `promptLength` on. */
export function referenceLoss(logits: Rows, ids: readonly number[], promptLength: number): number {
	let sum = 0;
	for (let t = promptLength; t < ids.length; t++) {
		const row = pick(logits, t - 1);
		const max = row.reduce((a, b) => Math.max(a, b));
		sum += max + Math.log(row.reduce((total, z) => total + Math.exp(z - max), 0)) - at(row, at(ids, t));
	}
	return sum / (ids.length - promptLength);
}

/** RoPE in the half-split form: dimension i turns with dimension i + headDim/2 (Su et al. 2021). */
function rotate(config: DecoderConfig, head: Rows): Rows {
	const half = config.headDim / 2;
	return head.map((row, position) => {
		const out = new Float64Array(row.length);
		for (let i = 0; i < half; i++) {
			const angle = position * ropeFrequency(config, i);
			const [a, b] = [at(row, i), at(row, i + half)];
			out[i] = a * Math.cos(angle) - b * Math.sin(angle);
			out[i + half] = b * Math.cos(angle) + a * Math.sin(angle);
		}
		return out;
	});
}

/** Radians per position. Llama 3.1 keeps short waves, slows long ones by `factor` and blends those between. */
function ropeFrequency({ headDim, ropeTheta, ropeScaling }: DecoderConfig, pair: number): number {
	const frequency = 1 / ropeTheta ** ((2 * pair) / headDim);
	if (!ropeScaling) return frequency;
	const { factor, lowFreqFactor, highFreqFactor, originalContext } = ropeScaling;
	const wavelength = (2 * Math.PI) / frequency;
	if (wavelength < originalContext / highFreqFactor) return frequency;
	if (wavelength > originalContext / lowFreqFactor) return frequency / factor;
	const smooth = (originalContext / wavelength - lowFreqFactor) / (highFreqFactor - lowFreqFactor);
	return ((1 - smooth) * frequency) / factor + smooth * frequency;
}

/** x [T][in] times Wᵀ, W [out, in]. */
function matmul(x: Rows, weight: ArrayLike<number>, out: number): Rows {
	const inner = weight.length / out;
	const y = x.map(() => new Float64Array(out));
	for (let n = 0; n < out; n++)
		x.forEach((row, t) => {
			let sum = 0;
			for (let k = 0; k < inner; k++) sum += (row[k] as number) * (weight[n * inner + k] as number);
			pick(y, t)[n] = sum;
		});
	return y;
}

function softmax(scores: Float64Array): Float64Array {
	const max = scores.reduce((a, b) => Math.max(a, b));
	const exps = scores.map((score) => Math.exp(score - max));
	const sum = exps.reduce((a, b) => a + b);
	return exps.map((value) => value / sum);
}

const dot = (a: Float64Array, b: Float64Array) => a.reduce((sum, value, i) => sum + value * at(b, i), 0);
const at = (values: ArrayLike<number>, index: number) => values[index] as number;
const pick = <T>(rows: readonly T[], index: number) => rows[index] as T;
