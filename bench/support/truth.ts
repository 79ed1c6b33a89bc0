import { existsSync, readFileSync } from 'node:fs';
import { digestOf, halfOf, truthRows, type TruthRows, type TruthSet } from './truth-sets.ts';
import type { Pair } from './lds.ts';

/** A ground truth by retraining: models trained on random halves of the rows, and each query's loss under each of them. */
export interface GroundTruth extends TruthRows {
	/** Which rows each model was trained on: [model][row]. */
	masks: boolean[][];
	/** Mean loss of each query's reply: [seed][model][query]. */
	losses: number[][][];
}

/** Seeds that a model counts with: those trained once only are left out. */
const SEEDS = [1, 2];

/** Our own, as far as it has been computed (bench/truth.cli.ts). Undefined without ../shared/data. */
export function ownTruth(set: TruthSet): GroundTruth | undefined {
	const truth = truthRows(set);
	if (!truth) return undefined;
	const [head = '', ...lines] = readFileSync(new URL(`../truth/${set}.jsonl`, import.meta.url), 'utf8')
		.trim()
		.split('\n');
	if ((JSON.parse(head) as { rows: string }).rows !== digestOf(truth))
		throw new Error(`bench/truth/${set}.jsonl is of other rows than ../shared/data gives`);
	const found = new Map(
		lines.map((line) => {
			const [subset = 0, seed = 0, ...losses] = JSON.parse(line) as number[];
			return [`${subset}/${seed}`, losses.map((units) => units / 1e4)];
		})
	);
	const subsets = [...new Set(found.keys().map((key) => Number(key.split('/')[0])))]
		.filter((subset) => SEEDS.every((seed) => found.has(`${subset}/${seed}`)))
		.sort((a, b) => a - b);
	return {
		...truth,
		masks: subsets.map((subset) => halfOf(truth.rows.length, subset)),
		losses: SEEDS.map((seed) => subsets.map((subset) => found.get(`${subset}/${seed}`) ?? []))
	};
}

const independent = new URL('../../../shared/data/lds-anatomy/truth.json', import.meta.url);

/** What another code base (PyTorch) found: 200 definitions, 80 halves, two seeds; 3 epochs of batches of 8. Undefined without ../shared. */
export function independentTruth(): GroundTruth | undefined {
	if (!existsSync(independent)) return undefined;
	const found = JSON.parse(readFileSync(independent, 'utf8')) as {
		rows: Pair[];
		queries: Pair[];
		masks: string[];
		losses_seed_a: number[][];
		losses_seed_b: number[][];
	};
	return {
		rows: found.rows,
		queries: found.queries,
		trained: 20,
		masks: found.masks.map((mask) => Array.from(mask, (bit) => bit === '1')),
		losses: [found.losses_seed_a, found.losses_seed_b]
	};
}
