import { existsSync, readFileSync } from 'node:fs';
import { average } from './lds.ts';
import { TRUTH_SETS, type TruthSet } from './truth-sets.ts';

/** Rows that are left out. */
const LEFT_OUT = 10;

/** Where bench/removal.cli.ts writes. */
export function removalFile(set: TruthSet): URL {
	return new URL(`../truth/removal.${set}.jsonl`, import.meta.url);
}

/** The rows of the highest scores. */
export function highest(scores: ArrayLike<number>): Set<number> {
	const order = Array.from(scores, (_, row) => row);
	order.sort((a, b) => (scores[b] ?? 0) - (scores[a] ?? 0));
	return new Set(order.slice(0, LEFT_OUT));
}

/**
 * How much more the replies to reworded questions lose without our ten rows than without BM25's: mean rise of the loss over the Datanets,
 * one over the other, and the queries it rests on. Nothing where none is there yet.
 */
export function removalRatio(): object {
	const rises: [ours: number, words: number][] = [];
	for (const set of TRUTH_SETS) {
		const file = removalFile(set);
		if (!existsSync(file)) continue;
		for (const line of readFileSync(file, 'utf8').trim().split('\n').slice(1)) {
			const [, whole = 0, ours = 0, words = 0] = JSON.parse(line) as number[];
			rises.push([ours - whole, words - whole]);
		}
	}
	if (rises.length === 0) return {};
	const [ours, words] = [average(rises.map(([rise]) => rise)), average(rises.map(([, rise]) => rise))];
	return { removal_ratio: ours / words, removal_queries: rises.length };
}
