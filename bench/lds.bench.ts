import { existsSync, readFileSync } from 'node:fs';
import { attackRatios } from './support/attacks.ts';
import { Attributed } from './support/attributed.ts';
import { floatScores } from './support/float-scores.ts';
import { hiddenSimilarity } from './support/hidden-states.ts';
import { average, ldsInterval, ldsOf, noiseCeiling, pairSample } from './support/lds.ts';
import { bm25, tfidf } from './support/lexical.ts';
import { mislabelledTop20 } from './support/mislabelled.ts';
import { readShapeGraph } from './support/models.ts';
import { attributedMass } from './support/off-topic.ts';
import { paraphraseTop10 } from './support/paraphrases.ts';
import { removalRatio } from './support/removal.ts';
import { Retrainer } from './support/retrain.ts';
import { independentTruth, ownTruth, type GroundTruth } from './support/truth.ts';
import { TRUTH_SETS, truthRows } from './support/truth-sets.ts';

const PARTS: Record<string, (retrainer: Retrainer) => Promise<object>> = {
	lds,
	shares,
	mislabelled: mislabelledTop20,
	paraphrases: paraphraseTop10,
	removal: () => Promise.resolve(removalRatio())
};

/**
 * How good the influence is on the base as it ships, by the int8 index as it ships. Needs ../shared/data for the rows' texts. LDS_PARTS
 * (names from PARTS, with commas) computes some of the figures anew and takes the others from the saved result.
 */
export async function run(): Promise<object> {
	const asked = process.env['LDS_PARTS']?.split(',');
	const retrainer = await Retrainer.create(readShapeGraph('nano').read);
	const figures: object = {};
	for (const [name, compute] of Object.entries(PARTS))
		if (!asked || asked.includes(name)) Object.assign(figures, await compute(retrainer));
	await retrainer.dispose();
	// Read at the end: other parts may have been computed meanwhile.
	const saved = new URL('results/lds.json', import.meta.url);
	const { bench, machine, versions, ...before } = (
		asked && existsSync(saved) ? JSON.parse(readFileSync(saved, 'utf8')) : {}
	) as Record<string, unknown>;
	void [bench, machine, versions];
	return { ...before, ...figures };
}

/**
 * Linear datamodeling score against ground truths by retraining: our own (bench/truth, as many subsets as have been computed) of three
 * Datanets, and one that another code base made. Beside it what words alone and hidden states reach.
 */
async function lds(retrainer: Retrainer): Promise<object> {
	const independent = independentTruth();
	if (!independent) throw new Error('this benchmark needs ../shared/data');
	const sets: Record<string, Measured> = {};
	for (const set of TRUTH_SETS) sets[set] = await measure(retrainer, ownTruth(set) ?? independent);
	const other = await measure(retrainer, independent, { batch: 8 });

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
				([name, { held, trained, part, bytes, damping }]) => [
					name,
					{
						held,
						trained,
						subsets: part.truth.masks.length,
						rows: part.truth.rows.length,
						bytes_a_row: bytes,
						damping
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
	damping: number;
}

async function measure(
	retrainer: Retrainer,
	truth: GroundTruth,
	recipe?: { batch: number }
): Promise<Measured> {
	const rows = truth.rows.map((pair) => pairSample(pair));
	const queries = truth.queries.map((pair) => pairSample(pair));
	const parameters = await retrainer.parameters(rows, 0, recipe);
	const attributed = await Attributed.create(retrainer, parameters, truth.rows);
	const { gradients, index } = attributed;
	const scores = await attributed.scores(truth.queries);
	const { scores: float } = await floatScores(gradients, attributed.rows, queries, index.description);
	await attributed.dispose();
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
		bytes: index.description.dims,
		damping: index.description.damping
	};
}

/** What of a reply is shared out at all, and what it earns to game that. Adapters by the recipe of the ground truths. */
async function shares(retrainer: Retrainer): Promise<object> {
	const [off, own]: [number[], number[]] = [[], []];
	let attacks: Awaited<ReturnType<typeof attackRatios>> | undefined;
	for (const set of TRUTH_SETS) {
		const truth = truthRows(set);
		if (!truth) throw new Error('this benchmark needs ../shared/data');
		const parameters = await retrainer.parameters(
			truth.rows.map((pair) => pairSample(pair)),
			0
		);
		const attributed = await Attributed.create(retrainer, parameters, truth.rows);
		const mass = await attributedMass(set, retrainer.adapter(parameters), attributed);
		off.push(mass.off);
		own.push(mass.own);
		attacks ??= await attackRatios(retrainer, truth, attributed);
		await attributed.dispose();
	}
	return {
		offtopic_mass: average(off),
		own_topic_mass: average(own),
		attack_max_ratio: Math.max(...Object.values(attacks ?? {})),
		attacks
	};
}
