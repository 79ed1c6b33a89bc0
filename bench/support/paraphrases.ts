import { Attributed } from './attributed.ts';
import { average, pairSample, type Pair } from './lds.ts';
import { bm25 } from './lexical.ts';
import type { Retrainer } from './retrain.ts';
import { definitions } from './truth-sets.ts';

const ROWS = 1000;
const FIRST = 10;
/** Words in a row that a row and its paraphrase must not share. */
const OVERLAP = 5;

/** Terms whose definitions are of two different things, by reading them: those of the brain's ventricle and the heart's tell no one fact. */
const TWO_THINGS = new Set([
	'agonist',
	'ampulla',
	'antagonist',
	'auricle',
	'central canal',
	'colloid',
	'fundus',
	'growth rate',
	'infundibulum',
	'medulla',
	'nucleus',
	'resistance',
	'root',
	'satellite cell',
	'sulcus',
	'trochlea',
	'ventricle'
]);

/**
 * Terms that two chapters of a textbook define in different words, no five of them in a row the same: the first definition is one of
 * 1,000 rows, the second is asked about.
 */
export function paraphraseRows(): { rows: Pair[]; asked: { row: number; pair: Pair }[] } {
	const known = definitions().filter(({ term }) => !TWO_THINGS.has(term.toLowerCase()));
	const byTerm = Map.groupBy(known, ({ book, term }) => `${book}/${term.toLowerCase()}`);
	const rows: Pair[] = [];
	const asked: { row: number; pair: Pair }[] = [];
	for (const [first, ...rest] of byTerm.values()) {
		if (!first) continue;
		const said = runs(first.response);
		const other = rest.find(({ response }) => said.isDisjointFrom(runs(response)));
		if (other) asked.push({ row: rows.length, pair: [`Define ${other.term}.`, other.response] });
		// Those that have a paraphrase all, then others until there are a thousand.
		if (other) rows.push([first.prompt, first.response]);
	}
	const taken = new Set(rows.map(([prompt]) => prompt));
	const others = byTerm
		.values()
		.toArray()
		.flatMap(([first]) => (first && !taken.has(first.prompt) ? [first] : []));
	const step = others.length / (ROWS - rows.length);
	for (let i = 0; rows.length < ROWS; i++) {
		const { prompt, response } = others[Math.floor(i * step)] ?? { prompt: '', response: '' };
		rows.push([prompt, response]);
	}
	return { rows, asked };
}

/** An adapter is trained on the rows: how often the first definition is among the ten rows of most influence on the second. */
export async function paraphraseTop10(retrainer: Retrainer) {
	const { rows, asked } = paraphraseRows();
	const parameters = await retrainer.parameters(
		rows.map((pair) => pairSample(pair)),
		0
	);
	const attributed = await Attributed.create(retrainer, parameters, rows);
	const scores = await attributed.scores(asked.map(({ pair }) => pair));
	await attributed.dispose();
	const words = bm25(
		rows.map((pair) => pair.join(' ')),
		asked.map(({ pair }) => pair.join(' '))
	);
	const found = (of: readonly ArrayLike<number>[]) =>
		average(asked.map(({ row }, i) => (rankOf(row, of[i] ?? []) < FIRST ? 1 : 0)));
	return {
		paraphrase_top10: found(scores),
		paraphrase_top10_bm25: found(words),
		paraphrases: asked.length
	};
}

/** Rows with a higher score. */
function rankOf(row: number, scores: ArrayLike<number>): number {
	return Array.from(scores).filter((score) => score > (scores[row] ?? 0)).length;
}

/** All runs of OVERLAP words. */
function runs(text: string): Set<string> {
	const words = text.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? [];
	return new Set(words.map((_, i) => words.slice(i, i + OVERLAP).join(' ')).slice(0, 1 - OVERLAP));
}
