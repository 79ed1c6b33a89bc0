import { OpenLedgerError } from '#workers/errors.ts';
import { bf16ToF32, f16ToF32 } from '#workers/formats/half.ts';
import type { SafetensorsFile } from '#workers/formats/safetensors.ts';
import type { DecoderConfig } from './config.ts';

/** The tensors of a Hugging Face checkpoint, read piece by piece so that no more than a few rows are in memory. */
export interface DecoderWeights {
	/** [out, in] of a matrix, [length] of a vector, undefined where there is no such tensor. */
	shape(name: string): readonly number[] | undefined;
	/** Rows [first, first + count) of a matrix, or a whole vector as its one row: float32, row-major, finite. */
	rows(name: string, first: number, count: number): Float32Array;
}

const damaged = (message: string, details?: Record<string, string>) =>
	new OpenLedgerError('safetensors/malformed', message, {
		remedy: 'Download the weights again, all shards of the same revision.',
		details
	});

/** One checkpoint of one or several safetensors files (shards) in F32, F16 or BF16. Throws if two hold the same tensor. */
export function safetensorsWeights(files: readonly SafetensorsFile[]): DecoderWeights {
	const holders = new Map<string, SafetensorsFile>();
	for (const file of files)
		for (const name of file.tensors.keys()) {
			if (holders.has(name))
				throw damaged(`Tensor '${name}' is in two of the weight files.`, { tensor: name });
			holders.set(name, file);
		}
	return {
		shape: (name) => holders.get(name)?.tensors.get(name)?.shape,
		rows(name, first, count) {
			const file = holders.get(name);
			const info = file?.tensors.get(name);
			if (!file || !info) throw damaged(`The weights have no tensor '${name}'.`, { tensor: name });
			const columns = info.shape.at(-1) ?? 1;
			const bytesPerElement = info.dtype === 'F32' ? 4 : 2;
			const bytes = file.source.read(
				info.offset + first * columns * bytesPerElement,
				count * columns * bytesPerElement
			);
			// Copied: a typed array must be aligned, and a view of the file need not be.
			const { buffer } = new Uint8Array(bytes);
			let values: Float32Array;
			if (info.dtype === 'F32') values = new Float32Array(buffer);
			else if (info.dtype === 'F16') values = f16ToF32(new Uint16Array(buffer));
			else if (info.dtype === 'BF16') values = bf16ToF32(new Uint16Array(buffer));
			else throw damaged(`Tensor '${name}' is ${info.dtype}; F32, F16 or BF16 is needed.`, { tensor: name });
			if (!values.every(Number.isFinite))
				throw damaged(`Tensor '${name}' holds a value that is not a finite number.`, { tensor: name });
			return values;
		}
	};
}

/** Every tensor that a decoder of this shape has, with its dims, in the order of the forward pass. */
export function* expectedTensors(config: DecoderConfig): Generator<[name: string, shape: number[]]> {
	const { hidden, ffn, vocab, headDim } = config;
	const query = config.heads * headDim;
	const keyValue = config.kvHeads * headDim;
	yield ['model.embed_tokens.weight', [vocab, hidden]];
	for (let layer = 0; layer < config.layers; layer++) {
		const at = `model.layers.${layer}`;
		const linear = function* (name: string, out: number, inner: number, bias: boolean) {
			yield [`${at}.${name}.weight`, [out, inner]] as [string, number[]];
			if (bias) yield [`${at}.${name}.bias`, [out]] as [string, number[]];
		};
		yield [`${at}.input_layernorm.weight`, [hidden]];
		yield* linear('self_attn.q_proj', query, hidden, config.qkvBias);
		yield* linear('self_attn.k_proj', keyValue, hidden, config.qkvBias);
		yield* linear('self_attn.v_proj', keyValue, hidden, config.qkvBias);
		if (config.qkNorm) {
			yield [`${at}.self_attn.q_norm.weight`, [headDim]];
			yield [`${at}.self_attn.k_norm.weight`, [headDim]];
		}
		yield* linear('self_attn.o_proj', hidden, query, config.outputBias);
		yield [`${at}.post_attention_layernorm.weight`, [hidden]];
		yield* linear('mlp.gate_proj', ffn, hidden, config.mlpBias);
		yield* linear('mlp.up_proj', ffn, hidden, config.mlpBias);
		yield* linear('mlp.down_proj', hidden, ffn, config.mlpBias);
	}
	yield ['model.norm.weight', [hidden]];
	if (!config.tied) yield ['lm_head.weight', [vocab, hidden]];
}

/** Throws unless every tensor that config.json promises is there with the shape it promises. */
export function checkWeights(config: DecoderConfig, weights: DecoderWeights): void {
	for (const [name, expected] of expectedTensors(config)) {
		const shape = weights.shape(name);
		if (!shape)
			throw damaged(`config.json calls for tensor '${name}', which the weights do not have.`, {
				tensor: name
			});
		if (shape.length !== expected.length || shape.some((dim, i) => dim !== expected[i]))
			throw damaged(`Tensor '${name}' has shape [${shape}], where config.json calls for [${expected}].`, {
				tensor: name
			});
	}
}

/**
 * Weights of the right shapes and of a trained model's rough scale, the same for the same seed, made as they are read:
 * a model of any shape for benchmarks and tests, from no file.
 */
export function randomWeights(config: DecoderConfig, seed: number): DecoderWeights {
	const shapes = new Map(expectedTensors(config));
	return {
		shape: (name) => shapes.get(name),
		rows(name, first, count) {
			const shape = shapes.get(name);
			if (!shape) throw new RangeError(`no tensor ${name}`);
			const columns = shape.at(-1) as number;
			const centre = name.endsWith('norm.weight') ? 1 : 0;
			// A uniform distribution of variance 1/columns keeps the size of what passes through a matrix.
			const spread = shape.length === 2 && !name.includes('embed') ? Math.sqrt(3 / columns) : 0.3;
			const values = new Float32Array(count * columns);
			for (let row = 0; row < count; row++) {
				let state = hash(`${seed} ${name} ${first + row}`);
				for (let i = row * columns; i < (row + 1) * columns; i++) {
					// Marsaglia's xorshift32.
					state ^= state << 13;
					state ^= state >>> 17;
					state ^= state << 5;
					values[i] = centre + spread * (state / 2 ** 31);
				}
			}
			return values;
		}
	};
}

/** FNV-1a, never 0, which xorshift cannot leave. */
function hash(text: string): number {
	let state = 0x811c9dc5;
	for (let i = 0; i < text.length; i++) state = Math.imul(state ^ text.charCodeAt(i), 0x01000193);
	return state || 1;
}
