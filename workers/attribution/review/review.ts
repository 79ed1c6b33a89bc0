import { yieldToEvents } from '#workers/generate/yield.ts';
import { fitsOf, lossFit, matchDoubts, vectorKernels, wordKernels, type Answered } from './answer-fit.ts';
import type { IndexRow } from '../index/build-index.ts';
import type { WordVectors } from './word-vectors.ts';
import { countTargets, replySample, type Sample, type SampleGradients } from '../gradients.ts';

/** Questions of other rows that each reply is held against. */
const CONTRASTS = 10;

/** Samples whose losses are taken at once. */
const BATCH = 6;

/** Rows that are matched with each other: time grows with the cube of them. */
const MATCHED = 512;

/** What speaks for looking at a row again. Losses are means over the reply's tokens, in nats. */
export interface RowReview {
	/** Position among the rows given. */
	row: number;
	/**
	 * How much *worse* the row's reply follows its own question than questions of other rows: about −0.4 where it answers it, about 0
	 * and more where it might as well answer another (likely mislabelled). Null for passages, which answer nothing.
	 */
	mismatch: number | null;
	/**
	 * How much more the reply resembles those to questions like its own than to others, in standard deviations over all questions and
	 * replies: below 0 it is of another kind. Null for passages.
	 */
	association: number | null;
	/**
	 * −ln of the chance that the reply is its question's and no other row's (answer-fit.ts), in standard deviations over the rows: 0 for an
	 * ordinary row. Null for passages.
	 */
	doubt: number | null;
	/** Loss of the reply under the base alone: near 0, the base knew the row already and it teaches little. */
	baseLoss: number;
	/** By how much the adapter lowers that: near 0 or below, the row was not learnt, or works against the others. */
	gain: number;
}

export interface ReviewOptions {
	/** Text of tokens. */
	decode: (ids: readonly number[]) => string;
	/** What words mean; without it less is known of what belongs together. */
	words?: Pick<WordVectors, 'of'>;
	/** In rows. */
	onProgress?: (progress: { done: number; total: number }) => void;
	signal?: AbortSignal;
}

/** A row that answers something, in tokens. */
interface Pair {
	row: number;
	question: readonly number[];
	reply: readonly number[];
}

/**
 * Looks at every row of an adapter's Datanet once more, and orders them: likely mislabelled ones (most doubt) first, passages last.
 * Forward passes alone, 12 a row, of each row's first sample, and two short ones of its question and its reply alone. Put together are how
 * likely the base finds the reply after its own question and after others'; what the other rows teach of how such questions are answered,
 * by characters, by the base's states and by what words mean; and what question and reply share of each. How many swapped answers they find, and what else was tried:
 * docs/attribution.md.
 */
export async function reviewRows(
	gradients: Pick<SampleGradients, 'losses' | 'states'>,
	rows: readonly Pick<IndexRow, 'samples'>[],
	{ decode, words, onProgress, signal }: ReviewOptions
): Promise<RowReview[]> {
	const reviews = rows.map((_, row): RowReview => ({
		row,
		mismatch: null,
		association: null,
		doubt: null,
		baseLoss: NaN,
		gain: NaN
	}));
	const blocks = blocksOf(rows.flatMap(({ samples }, row) => pairOf(samples[0], row) ?? []));
	const places = new Map(
		blocks.flatMap((block) => block.map(({ row }, at) => [row, { block, at }] as const))
	);
	const losses = new Map(blocks.map((block) => [block, new Float64Array(block.length ** 2).fill(NaN)]));
	for (const [row, { samples }] of rows.entries()) {
		// Kernels never let go by themselves: without this nobody's cancelling would be heard.
		await yieldToEvents();
		signal?.throwIfAborted();
		const [sample] = samples;
		const review = reviews[row];
		if (!sample || !review) throw new RangeError(`row ${row} has no samples`);
		const { block = [], at = 0 } = places.get(row) ?? {};
		const reply = block[at]?.reply ?? [];
		const others = contrastsOf(block, at);
		const asked = [sample, ...others.map((other) => replySample(block[other]?.question ?? [], reply))];
		const [own = NaN, ...contrasts] = await meanLosses(gradients, asked, 0);
		const [adapted = NaN] = await meanLosses(gradients, [sample], 1);
		review.baseLoss = own;
		review.gain = own - adapted;
		if (others.length > 0) review.mismatch = own - average(contrasts);
		// Sums over the reply's tokens: a long reply tells more of its question.
		[at, ...others].forEach((question, i) => {
			const found = losses.get(block);
			const mean = i === 0 ? own : (contrasts[i - 1] ?? NaN);
			if (found) found[question * block.length + at] = mean * reply.length;
		});
		onProgress?.({ done: row + 1, total: rows.length });
	}
	for (const [block, found] of losses) {
		if (block.length < 2) continue;
		const texts = block.map(({ question, reply }): Answered => ({
			question: decode(question),
			reply: decode(reply)
		}));
		const n = block.length;
		const asked = block.map(({ question }) => question);
		const said = block.map(({ reply }) => reply);
		const states = await gradients.states([...asked, ...said], signal);
		const meant = words?.of([...texts.map(({ question }) => question), ...texts.map(({ reply }) => reply)]);
		const vectors = meant ? [states, meant] : [states];
		const fits = fitsOf([
			wordKernels(texts),
			...vectors.map((all) => vectorKernels(all.slice(0, n), all.slice(n)))
		]);
		const [learnt] = fits;
		const doubts = matchDoubts(texts, [lossFit(found, n), ...fits]);
		const usual = average(doubts);
		const deviation = Math.sqrt(average(doubts.map((doubt) => (doubt - usual) ** 2)));
		block.forEach(({ row }, at) => {
			const review = reviews[row];
			if (!review) return;
			review.association = learnt?.values[at * n + at] ?? 0;
			review.doubt = deviation > 0 ? ((doubts[at] ?? 0) - usual) / deviation : 0;
		});
	}
	return reviews.sort((a, b) => (b.doubt ?? -Infinity) - (a.doubt ?? -Infinity) || a.row - b.row);
}

/** As few parts as may be matched, of like size, each spread over all. */
function blocksOf(pairs: readonly Pair[]): Pair[][] {
	const count = Math.ceil(pairs.length / MATCHED);
	return Array.from({ length: count }, (_, part) => pairs.filter((_, i) => i % count === part));
}

/** What comes before the first tokens that count, and those; nothing for a passage, which has no question. */
function pairOf(sample: Sample | undefined, row: number): Pair | undefined {
	const targets = Array.from(sample?.targets ?? []);
	const from = targets.findIndex((target) => target >= 0);
	if (!sample || from < 1) return undefined;
	const to = targets.findIndex((target, at) => at > from && target < 0);
	return {
		row,
		question: Array.from(sample.ids).slice(0, from + 1),
		reply: targets.slice(from, to < 0 ? targets.length : to)
	};
}

/**
 * Rows spread over all that say neither the same question nor the same reply. The same steps on from every row, so that each question is
 * asked with as many replies.
 */
function contrastsOf(block: readonly Pair[], at: number): number[] {
	const n = block.length;
	if (n < 2) return [];
	const steps = Array.from({ length: CONTRASTS }, (_, k) => Math.round(((k + 1) * n) / (CONTRASTS + 1)) % n);
	const own = block[at];
	return [...new Set(steps)]
		.map((step) => (at + step) % n)
		.filter((other) => {
			const { question = [], reply = [] } = block[other] ?? {};
			return String(question) !== String(own?.question) && String(reply) !== String(own?.reply);
		});
}

async function meanLosses(
	gradients: Pick<SampleGradients, 'losses'>,
	samples: readonly Sample[],
	strength: number
): Promise<number[]> {
	const means: number[] = [];
	for (let at = 0; at < samples.length; at += BATCH) {
		const some = samples.slice(at, at + BATCH);
		const sums = await gradients.losses(some, strength);
		some.forEach((sample, i) => means.push((sums[i] ?? NaN) / Math.max(1, countTargets(sample))));
	}
	return means;
}

function average(values: readonly number[]): number {
	return values.reduce((sum, value) => sum + value, 0) / values.length;
}
