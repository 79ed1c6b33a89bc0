import { readFileSync } from 'node:fs';
import { reviewRows } from '#workers/attribution/review/review.ts';
import { WordVectors, WORDS_FILE } from '#workers/attribution/review/word-vectors.ts';
import { SampleGradients } from '#workers/attribution/gradients.ts';
import { seededRandom } from '#test/support/random.ts';
import { nodeRunner } from './gradients.ts';
import { average, pairSample, textOf, type Pair } from './lds.ts';
import type { Retrainer } from './retrain.ts';
import { shuffled, TRUTH_SETS, truthRows } from './truth-sets.ts';

/** Rows whose answers are swapped among them, and rows that are looked at. */
const SHARE = 0.2;

/** Seeds by which they are drawn, none of them one by which the estimate was chosen. */
const DRAWS = [101, 102, 103];

const words = WordVectors.read(readFileSync(new URL(`../../static/${WORDS_FILE}`, import.meta.url)));

/** Of the swapped answers, the share that the app's list of rows to look at has in its first fifth: mean over draws and Datanets, and each. */
export async function mislabelledTop20(retrainer: Retrainer) {
	const found: Record<string, number> = {};
	for (const set of TRUTH_SETS) {
		const { rows } = truthRows(set) ?? { rows: [] };
		const shares: number[] = [];
		for (const draw of DRAWS) shares.push(await foundAmongFirst(retrainer, rows, draw));
		found[set] = average(shares);
	}
	return { mislabelled_top20: average(Object.values(found)), mislabelled: found };
}

async function foundAmongFirst(retrainer: Retrainer, rows: readonly Pair[], draw: number): Promise<number> {
	const numbers = rows.map((_, i) => i);
	const some = Math.round(rows.length * SHARE);
	const swapped = shuffled(numbers, seededRandom(draw)).slice(0, some);
	const told = rows.map(([prompt, reply], i): Pair => {
		const at = swapped.indexOf(i);
		return [prompt, at < 0 ? reply : (rows[swapped[(at + 1) % some] ?? 0]?.[1] ?? '')];
	});
	const samples = told.map((pair) => pairSample(pair));
	const adapter = retrainer.adapter(await retrainer.parameters(samples, 3));
	const gradients = await SampleGradients.create(retrainer.read, adapter, (graph) =>
		nodeRunner(retrainer.read, graph)
	);
	const reviews = await reviewRows(
		gradients,
		samples.map((sample) => ({ samples: [sample] })),
		{ decode: (ids) => textOf([...ids]), words }
	);
	await gradients.dispose();
	return reviews.slice(0, some).filter(({ row }) => swapped.includes(row)).length / some;
}
