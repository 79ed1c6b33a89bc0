/** What a sampler wants to know about one row of logits. */
export interface CandidateRequest {
	/** How many of the most likely tokens to list. */
	count: number;
	/** Divides the logits in `logSumExp`; 0 for greedy, which needs no sum. */
	temperature: number;
	/** Repetition penalty (Keskar et al. 2019, CTRL): logits of `seen` tokens are divided by it, or multiplied if negative. */
	penalty: number;
	/** Tokens of the prompt and the reply so far, each once. Read only where `penalty` is not 1. */
	seen: Iterable<number>;
	/** Whether `rawLogSumExp` is wanted. */
	logProbs: boolean;
}

/** The most likely tokens of one row, most likely first; equal logits in the order of their ids. */
export interface Candidates {
	ids: Uint32Array;
	/** After the repetition penalty, not divided by the temperature. */
	logits: Float32Array;
	/** ln Σ exp(logit / temperature) over the whole vocabulary, after the penalty; NaN at temperature 0. */
	logSumExp: number;
	/**
	 * ln Σ exp(logit) over the whole vocabulary, before the penalty: what log-probabilities are relative to. NaN unless
	 * asked for.
	 */
	rawLogSumExp: number;
	/** Logits of `ids` before the penalty. */
	rawLogits: Float32Array;
	/** True where the list is the whole vocabulary. */
	complete: boolean;
}

/** The candidates of a row of logits that is in memory. The row is left as it was. */
export function topCandidates(row: Float32Array, request: CandidateRequest): Candidates {
	const { temperature, penalty } = request;
	const count = Math.min(request.count, row.length);
	const rawLogSumExp = request.logProbs ? logSumExp(row, 1) : NaN;
	const undo: [token: number, logit: number][] = [];
	if (penalty !== 1)
		for (const token of request.seen) {
			const logit = row[token] as number;
			undo.push([token, logit]);
			row[token] = logit > 0 ? logit / penalty : logit * penalty;
		}
	const ids = count === 1 ? Uint32Array.of(argmax(row)) : mostLikely(row, count);
	const logits = Float32Array.from(ids, (id) => row[id] as number);
	const same = request.logProbs && temperature === 1 && penalty === 1;
	const penalised = same ? rawLogSumExp : temperature > 0 ? logSumExp(row, temperature) : NaN;
	for (const [token, logit] of undo) row[token] = logit;
	const rawLogits = Float32Array.from(ids, (id) => row[id] as number);
	return { ids, logits, rawLogits, logSumExp: penalised, rawLogSumExp, complete: count === row.length };
}

/** What is smaller than the largest by a factor of e⁴⁰ is not counted: less than the rounding of float64. */
const REACH = 40;
const STEPS = 64;
/** e⁻ᵘ for u = 0, 1/64, … up to there. */
const POWERS = Float64Array.from({ length: REACH * STEPS }, (_, i) => Math.exp(-i / STEPS));

/**
 * ln Σ exp(x / temperature), stable: the largest term is taken out first. Sums in float64. Each power is one from a table times the
 * first terms of a series, within 1e-11 of itself: a fifth of the time of Math.exp, of which a vocabulary needs thousands for every token.
 */
export function logSumExp(row: Float32Array, temperature: number): number {
	let largest = -Infinity;
	for (const logit of row) if (logit > largest) largest = logit;
	if (!Number.isFinite(largest)) return largest;
	let sum = 0;
	for (const logit of row) {
		const u = (largest - logit) / temperature;
		if (u >= REACH) continue;
		const step = (u * STEPS) | 0;
		const d = step / STEPS - u;
		sum += (POWERS[step] as number) * (1 + d * (1 + d * (1 / 2 + d * (1 / 6 + d / 24))));
	}
	return largest / temperature + Math.log(sum);
}

function argmax(row: Float32Array): number {
	let best = 0;
	for (let i = 1; i < row.length; i++) if ((row[i] as number) > (row[best] as number)) best = i;
	return best;
}

/** Ids of the `count` largest values, largest first, equal ones by id. */
function mostLikely(row: Float32Array, count: number): Uint32Array {
	const before = (a: number, b: number) => (row[b] as number) - (row[a] as number) || a - b;
	if (count > row.length / 4) return Uint32Array.from(row.keys()).sort(before).subarray(0, count);
	// A heap whose root is the weakest of the best so far; most values never enter it.
	const heap = new Uint32Array(count);
	const sink = (from: number) => {
		const id = heap[from] as number;
		for (let at = from; ;) {
			let child = 2 * at + 1;
			if (child + 1 < count && before(heap[child + 1] as number, heap[child] as number) > 0) child++;
			if (child >= count || before(heap[child] as number, id) <= 0) {
				heap[at] = id;
				return;
			}
			heap[at] = heap[child] as number;
			at = child;
		}
	};
	for (let i = 0; i < count; i++) heap[i] = i;
	for (let i = count >> 1; i >= 0; i--) sink(i);
	for (let i = count; i < row.length; i++)
		if ((row[i] as number) > (row[heap[0] as number] as number)) {
			heap[0] = i;
			sink(0);
		}
	return heap.sort(before);
}
