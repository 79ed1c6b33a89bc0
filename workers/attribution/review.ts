import { associations, type Answered } from './association.ts';
import type { IndexRow } from './build-index.ts';
import { countTargets, replySample, type Sample, type SampleGradients } from './gradients.ts';

/** Half way from the base to the adapter, where what was learnt by heart weighs less. */
const HALF = 0.5;

/** Questions of other rows that each reply is held against. */
const CONTRASTS = 4;

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
	 * How much more the reply resembles those to questions like its own than any (association.ts): below 0 it is of another kind. Null for
	 * passages.
	 */
	association: number | null;
	/** Both together, in standard deviations over the rows: `mismatch` less `association`, 0 for an ordinary row. Null for passages. */
	doubt: number | null;
	/** Loss of the reply under the base alone: near 0, the base knew the row already and it teaches little. */
	baseLoss: number;
	/** By how much the adapter lowers that: near 0 or below, the row was not learnt, or works against the others. */
	gain: number;
}

export interface ReviewOptions {
	/** In rows. */
	onProgress?: (progress: { done: number; total: number }) => void;
	signal?: AbortSignal;
}

/**
 * Looks at every row of an adapter's Datanet once more, and orders them: likely mislabelled ones (most doubt) first, passages last.
 * Forward passes alone, 11 a row, of each row's first sample. What is measured is the pointwise mutual information of question and
 * reply, under the base and half way to the adapter: a reply that is no likelier after its own question than after others' does not
 * belong to it. Beside it the words that such questions are answered with. How many swapped answers both find, and what else was tried:
 * docs/attribution.md.
 */
export async function reviewRows(
	gradients: Pick<SampleGradients, 'losses'>,
	rows: readonly Pick<IndexRow, 'samples'>[],
	{ onProgress, signal }: ReviewOptions = {}
): Promise<RowReview[]> {
	const answers = rows.map(({ samples }) => answerOf(samples[0]));
	const reviews: Omit<RowReview, 'association' | 'doubt'>[] = [];
	for (const [row, { samples }] of rows.entries()) {
		// Kernels never let go by themselves: without this nobody's cancelling would be heard.
		await new Promise((resolve) => setTimeout(resolve));
		signal?.throwIfAborted();
		const [sample] = samples;
		if (!sample) throw new RangeError(`row ${row} has no samples`);
		const reply = answers[row]?.reply ?? [];
		const others = otherQuestions(answers, row);
		const asked = [sample, ...others.map((question) => replySample(question, reply))];
		const base = await meanLosses(gradients, asked, 0);
		const half = await meanLosses(gradients, asked, HALF);
		const [adapted = NaN] = await meanLosses(gradients, [sample], 1);
		reviews.push({
			row,
			mismatch: others.length > 0 ? (excess(base) + excess(half)) / 2 : null,
			baseLoss: base[0] ?? NaN,
			gain: (base[0] ?? NaN) - adapted
		});
		onProgress?.({ done: row + 1, total: rows.length });
	}
	const kinds = associationsOf(answers);
	const [unfit, kin] = [standard(reviews.map(({ mismatch }) => mismatch)), standard(kinds)];
	return reviews
		.map((review, row): RowReview => {
			const [a, b] = [unfit[row] ?? null, kin[row] ?? null];
			const doubt = a === null || b === null ? null : a - b;
			return { ...review, association: kinds[row] ?? null, doubt };
		})
		.sort((a, b) => (b.doubt ?? -Infinity) - (a.doubt ?? -Infinity) || a.row - b.row);
}

/** Of those rows that answer something. */
function associationsOf(answers: readonly (Answered | undefined)[]): (number | null)[] {
	const found = associations(answers.filter((answer) => answer !== undefined));
	let at = 0;
	return answers.map((answer) => (answer ? (found[at++] ?? null) : null));
}

/** In standard deviations from the mean; 0 where all are the same. */
function standard(values: readonly (number | null)[]): (number | null)[] {
	const known = values.filter((value) => value !== null);
	const mean = known.reduce((sum, value) => sum + value, 0) / known.length;
	const deviation = Math.sqrt(known.reduce((sum, value) => sum + (value - mean) ** 2, 0) / known.length);
	return values.map((value) => (value === null ? null : deviation > 0 ? (value - mean) / deviation : 0));
}

/** What comes before the first tokens that count, and those; undefined for a passage, which has no question. */
function answerOf(sample: Sample | undefined): Answered | undefined {
	const targets = Array.from(sample?.targets ?? []);
	const from = targets.findIndex((target) => target >= 0);
	if (!sample || from < 1) return undefined;
	const to = targets.findIndex((target, at) => at > from && target < 0);
	return {
		question: Array.from(sample.ids).slice(0, from + 1),
		reply: targets.slice(from, to < 0 ? targets.length : to)
	};
}

/** Questions of rows spread over the whole Datanet that say neither the same question nor the same reply. */
function otherQuestions(answers: readonly (Answered | undefined)[], row: number): (readonly number[])[] {
	const own = answers[row];
	if (!own) return [];
	const found: (readonly number[])[] = [];
	for (let k = 1; k <= CONTRASTS; k++) {
		const other = answers[(row + Math.floor((k * answers.length) / (CONTRASTS + 1))) % answers.length];
		if (other && String(other.question) !== String(own.question) && String(other.reply) !== String(own.reply))
			found.push(other.question);
	}
	return found;
}

/** By how much the first is above the mean of the others. */
function excess([own = NaN, ...others]: readonly number[]): number {
	return own - others.reduce((sum, loss) => sum + loss, 0) / others.length;
}

async function meanLosses(
	gradients: Pick<SampleGradients, 'losses'>,
	samples: readonly Sample[],
	strength: number
): Promise<number[]> {
	const sums = await gradients.losses(samples, strength);
	return samples.map((sample, i) => (sums[i] ?? NaN) / Math.max(1, countTargets(sample)));
}
