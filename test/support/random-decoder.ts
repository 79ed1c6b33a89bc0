import type { DecoderConfig } from '#workers/models/builder/config.ts';

/** A small decoder shape of one family, every choice of which is drawn from `random`. */
export function randomDecoderConfig(family: DecoderConfig['family'], random: () => number): DecoderConfig {
	const pick = <T>(...values: readonly T[]): T => values[Math.floor(random() * values.length)] as T;
	const [heads, kvHeads] = pick([4, 2], [2, 1], [6, 2], [3, 3]);
	const bias = family === 'llama' && random() < 0.3;
	return {
		family,
		hidden: pick(32, 48, 64, 96, 50),
		layers: pick(1, 2, 3),
		heads,
		kvHeads,
		headDim: pick(16, 32, 48),
		ffn: pick(40, 64, 100, 128),
		vocab: pick(61, 64, 130),
		context: 48,
		rmsEps: pick(1e-5, 1e-6),
		ropeTheta: pick(10000, 500000),
		ropeScaling:
			family === 'llama' && random() < 0.5
				? { factor: 8, lowFreqFactor: 1, highFreqFactor: 4, originalContext: pick(16, 64, 256) }
				: undefined,
		tied: random() < 0.5,
		qkvBias: family === 'qwen2' || bias,
		outputBias: bias,
		mlpBias: bias,
		qkNorm: family === 'qwen3',
		eosIds: [0]
	};
}

export function randomIds(vocab: number, count: number, random: () => number): number[] {
	return Array.from({ length: count }, () => Math.floor(random() * vocab));
}
