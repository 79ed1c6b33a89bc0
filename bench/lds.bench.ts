import { buildIndex } from '#workers/attribution/build-index.ts';
import { SampleGradients } from '#workers/attribution/gradients.ts';
import { AttributionQuery } from '#workers/attribution/query.ts';
import { floatScores } from './support/float-scores.ts';
import { nodeRunner } from './support/gradients.ts';
import { hiddenSimilarity } from './support/hidden-states.ts';
import { average, ldsInterval, ldsOf, noiseCeiling, pairSample } from './support/lds.ts';
import { bm25, tfidf } from './support/lexical.ts';
import { readShapeGraph } from './support/models.ts';
import { Retrainer } from './support/retrain.ts';
import { independentTruth, ownTruth, type GroundTruth } from './support/truth.ts';
import { TRUTH_SETS } from './support/truth-sets.ts';

/**
 * Linear datamodeling score of the int8 index as it ships, on the base as it ships, against ground truths by retraining: our own
 * (bench/truth, as many subsets as have been computed) of three Datanets, and one that another code base made. Beside it what words
 * alone and hidden states reach. Needs ../shared/data for the rows' texts.
 */
export async function run(): Promise<object> {
	const independent = independentTruth();
	if (!independent) throw new Error('this benchmark needs ../shared/data');
	const retrainer = await Retrainer.create(readShapeGraph('nano').read);
	const sets: Record<string, Measured> = {};
	for (const set of TRUTH_SETS) sets[set] = await measure(retrainer, ownTruth(set) ?? independent);
	const other = await measure(retrainer, independent, 8);
	await retrainer.dispose();

	const all = Object.values(sets);
	const mean = (of: (one: Measured) => number) => average(all.map(of));
	return {
		lds_heldout: mean(({ held }) => held.index),
		lds_heldout_low: ldsInterval(all.map(({ part }) => part))[0],
		lds_trained: mean(({ trained }) => trained.index),
		lds_independent: other.held.index,
		noise_ceiling: mean(({ held }) => held.ceiling),
		best_lexical: Math.max(...LEXICAL.map((name) => mean(({ held }) => held[name]))),
		int8_loss: mean(({ held }) => held.float - held.index),
		subsets: Math.min(...all.map(({ part }) => part.truth.masks.length)),
		independent_interval: ldsInterval([other.part]),
		datanets: Object.fromEntries(
			[...Object.entries(sets), ['independent', other] as const].map(
				([name, { held, trained, part, bytes }]) => [
					name,
					{
						held,
						trained,
						subsets: part.truth.masks.length,
						rows: part.truth.rows.length,
						bytes_a_row: bytes
					}
				]
			)
		)
	};
}

const LEXICAL = ['bm25', 'tfidf', 'hidden'] as const;

/** Mean LDS of what was tried, and what none of it can be expected to pass. */
type Figures = Record<'index' | 'float' | (typeof LEXICAL)[number] | 'ceiling', number>;

interface Measured {
	held: Figures;
	trained: Figures;
	part: Parameters<typeof ldsInterval>[0][number];
	bytes: number;
}

async function measure(retrainer: Retrainer, truth: GroundTruth, batch?: number): Promise<Measured> {
	const rows = truth.rows.map((pair) => pairSample(pair));
	const queries = truth.queries.map((pair) => pairSample(pair));
	const adapter = retrainer.adapter(await retrainer.parameters(rows, 0, batch));
	const gradients = await SampleGradients.create(retrainer.read, adapter, (graph) =>
		nodeRunner(retrainer.read, graph)
	);
	const contributions = rows.map((sample, i) => ({
		id: `0x${i.toString(16).padStart(64, '0')}` as const,
		contributor: i + 1,
		samples: [sample]
	}));
	const index = await buildIndex(gradients, contributions, {
		base: '',
		adapter: { config: '', weights: '' }
	});
	const query = new AttributionQuery(index);
	const scores: Int32Array[] = [];
	for (let at = 0; at < queries.length; at += 8)
		for (const vector of await query.vectors(gradients, queries.slice(at, at + 8)))
			scores.push(query.scores(vector));
	const float = await floatScores(gradients, rows, queries, index.description);
	await gradients.dispose();
	const texts = (pairs: GroundTruth['rows']) => pairs.map((pair) => pair.join(' '));
	const found = {
		index: scores,
		float,
		bm25: bm25(texts(truth.rows), texts(truth.queries)),
		tfidf: tfidf(texts(truth.rows), texts(truth.queries)),
		hidden: await hiddenSimilarity(retrainer.read, rows, queries)
	};
	const numbers = truth.queries.map((_, i) => i);
	const [learnt, unseen] = [numbers.slice(0, truth.trained), numbers.slice(truth.trained)];
	const lds = Object.entries(found).map(([name, scores]) => [name, ldsOf(scores, truth)] as const);
	const over = (some: number[]) => ({
		...Object.fromEntries(lds.map(([name, all]) => [name, average(some.map((i) => all[i] ?? NaN))])),
		ceiling: noiseCeiling(truth, some)
	});
	return {
		held: over(unseen) as Figures,
		trained: over(learnt) as Figures,
		part: { scores, truth, queries: unseen },
		bytes: index.description.dims
	};
}
