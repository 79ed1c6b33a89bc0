import { logSumExp } from '#workers/runtime/candidates.ts';
import type { Decoder, DeviceAdapter } from '#workers/runtime/decoder.ts';

/** How likely a model finds a reply. */
export interface Score {
	/** ln p(reply | prompt): the sum over its tokens. */
	logLikelihood: number;
	/** ln p of each reply token, given all before it. */
	tokens: Float64Array;
}

export interface ScoreOptions {
	/** Undefined: the base model. */
	adapter?: DeviceAdapter;
	/** Tokens per run. */
	chunk: number;
	signal?: AbortSignal;
}

/**
 * The log-likelihood of a given reply under a model: temperature 1, no penalty. Lift is the difference of two of these,
 * with and without an adapter. Sums are float64 over float32 logits.
 *
 * @param tokens prompt and reply
 * @param promptLength tokens of the prompt, at least one
 */
export async function score(
	decoder: Decoder,
	tokens: readonly number[],
	promptLength: number,
	{ adapter, chunk, signal }: ScoreOptions
): Promise<Score> {
	if (promptLength < 1 || promptLength >= tokens.length)
		throw new RangeError(`${tokens.length} tokens cannot be ${promptLength} of prompt and a reply`);
	const { vocabSize } = decoder.shape;
	const result = new Float64Array(tokens.length - promptLength);
	const state = decoder.createState();
	try {
		// Position i gives the odds of token i + 1, so the last token need not be run.
		const end = tokens.length - 1;
		for (let at = 0; at < end;) {
			signal?.throwIfAborted();
			// Prompt and reply in different runs: only the reply's logits are wanted, but for the prompt's last.
			const boundary = at < promptLength - 1 ? promptLength - 1 : end;
			const to = Math.min(at + chunk, boundary);
			const wanted = at >= promptLength - 1;
			const logits = await decoder.run(state, [tokens.slice(at, to)], {
				adapters: [adapter],
				logits: wanted ? 'all' : 'none'
			});
			if (wanted) {
				const rows = await logits.all(0);
				for (let i = at; i < to; i++) {
					const row = rows.subarray((i - at) * vocabSize, (i - at + 1) * vocabSize);
					result[i + 1 - promptLength] = (row[tokens[i + 1] as number] as number) - logSumExp(row, 1);
				}
			}
			at = to;
		}
		return { logLikelihood: result.reduce((sum, value) => sum + value, 0), tokens: result };
	} finally {
		state.dispose();
	}
}
