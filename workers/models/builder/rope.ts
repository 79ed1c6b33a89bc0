import type { DecoderConfig } from './config.ts';

/**
 * Angular frequency of each pair of head dimensions [headDim / 2], in radians per position: θ^(−2i/d), with Llama 3's
 * scaling where the model has it: waves longer than the original context divided by lowFreqFactor are slowed by
 * `factor`, those shorter than it divided by highFreqFactor are kept, and between them the two are blended.
 * Su et al. 2021 (arXiv 2104.09864) §3.2; Llama 3.1's `rope_scaling`.
 */
function frequencies({ headDim, ropeTheta, ropeScaling }: DecoderConfig): Float64Array {
	const plain = Float64Array.from({ length: headDim / 2 }, (_, i) => ropeTheta ** ((-2 * i) / headDim));
	if (!ropeScaling) return plain;
	const { factor, lowFreqFactor, highFreqFactor, originalContext } = ropeScaling;
	return plain.map((frequency) => {
		const turns = (originalContext * frequency) / (2 * Math.PI);
		const keep = Math.min(Math.max((turns - lowFreqFactor) / (highFreqFactor - lowFreqFactor), 0), 1);
		return frequency * (keep + (1 - keep) / factor);
	});
}

/** Tables of cosine and sine of every rotation angle, each [config.context, headDim / 2]. */
export function ropeTables(config: DecoderConfig): { cos: Float32Array; sin: Float32Array } {
	const rates = frequencies(config);
	const cos = new Float32Array(config.context * rates.length);
	const sin = new Float32Array(cos.length);
	for (let position = 0; position < config.context; position++)
		rates.forEach((rate, i) => {
			cos[position * rates.length + i] = Math.cos(position * rate);
			sin[position * rates.length + i] = Math.sin(position * rate);
		});
	return { cos, sin };
}
