import type { Sampling } from '#workers/protocol.ts';
import type { Candidates } from '#workers/runtime/candidates.ts';

/** Listed for a draw when `topK` does not say how many: enough for almost every draw, 512 bytes from a GPU. */
export const DEFAULT_COUNT = 64;

/** How many candidates a draw with these settings most likely needs. */
export function candidatesFor({ temperature, topK }: Sampling): number {
	if (temperature === 0) return 1;
	return topK > 0 ? Math.min(topK, DEFAULT_COUNT) : DEFAULT_COUNT;
}

/**
 * Draws the next token. The filters apply one after the other as in Hugging Face's generate: repetition penalty and
 * temperature (both already in `candidates`), then top-k, top-p (Holtzman et al. 2020) over what top-k left, then min-p
 * (Nguyen et al. 2024), whose bound is a share of the largest probability.
 *
 * @param draw uniform in [0, 1)
 * @returns a token id; undefined where the list is too short to tell, and a longer one must be fetched
 */
export function choose(candidates: Candidates, sampling: Sampling, draw: number): number | undefined {
	const { ids, logits, complete } = candidates;
	const { temperature, topK, topP, minP } = sampling;
	if (temperature === 0) return ids[0];
	const listed = ids.length;
	if (topK > listed && !complete) return undefined;

	const largest = (logits[0] as number) / temperature;
	const weights = Float64Array.from(logits, (logit) => Math.exp(logit / temperature - largest));
	const sum = (count: number) => weights.subarray(0, count).reduce((total, weight) => total + weight, 0);

	let kept = topK > 0 ? Math.min(topK, listed) : listed;
	/** Whether tokens beyond the list could still take part. */
	let open = topK === 0 && !complete;
	let total = open ? Math.exp(candidates.logSumExp - largest) : sum(kept);

	if (topP < 1) {
		const needed = prefixReaching(weights, topP * total, kept);
		if (needed !== undefined) {
			kept = needed;
			open = false;
		} else if (open) return undefined;
		total = sum(kept);
	}
	if (minP > 0) {
		const above = weights.subarray(0, kept).findLastIndex((weight) => weight >= minP) + 1;
		if (above < kept) {
			kept = above;
			open = false;
		} else if (open) return undefined;
		total = sum(kept);
	}

	const chosen = prefixReaching(weights, draw * total, kept, true);
	if (chosen !== undefined) return ids[chosen - 1];
	// Rounding may leave the draw a hair beyond the sum.
	return open ? undefined : ids[kept - 1];
}

/** Length of the shortest prefix whose sum reaches `mass` (or exceeds it); undefined if `limit` weights do not. */
function prefixReaching(
	weights: Float64Array,
	mass: number,
	limit: number,
	exceed = false
): number | undefined {
	let sum = 0;
	for (let i = 0; i < limit; i++) {
		sum += weights[i] as number;
		if (exceed ? sum > mass : sum >= mass) return i + 1;
	}
	return undefined;
}
