import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { seededRandom } from '#test/support/random.ts';
import { replyTokens, type Pair } from './lds.ts';

/** The Datanets of our own ground truth by retraining. */
export const TRUTH_SETS = ['anatomy', 'finance', 'factbook'] as const;
export type TruthSet = (typeof TRUTH_SETS)[number];

/** Rows that models are trained on, and what is asked of them. */
export interface TruthRows {
	rows: Pair[];
	/** The first `trained` are rows in other words, the others are pairs of the same subjects that nothing is trained on. */
	queries: Pair[];
	trained: number;
}

const data = new URL('../../../shared/data/', import.meta.url);
const ROWS = 120;
const TRAINED = 20;
const HELD_OUT = 40;
/** Longest reply, in nano's tokens, its end included. */
const MAX_REPLY = 28;

/** A pair, in its own words and in others, and what it is about: subjects are taken whole, so that rows bear on each other. */
interface Candidate {
	subject: string;
	pair: Pair;
	reworded: string;
}

/** The rows and queries of a ground truth, the same every time. Undefined where ../shared/data is absent. */
export function truthRows(set: TruthSet): TruthRows | undefined {
	if (!existsSync(data)) return undefined;
	const candidates = (set === 'factbook' ? factbook() : glossary(set)).filter(
		({ pair }) => replyTokens(pair[1]).length <= MAX_REPLY
	);
	const random = seededRandom(TRUTH_SETS.indexOf(set) + 1);
	const subjects = shuffled([...new Set(candidates.map(({ subject }) => subject))], random);
	const pool = subjects
		.flatMap((subject) => candidates.filter((candidate) => candidate.subject === subject))
		.slice(0, ROWS + HELD_OUT);
	const chosen = shuffled(pool, random);
	const ask = ({ pair, reworded }: Candidate): Pair => [reworded, pair[1]];
	return {
		rows: chosen.slice(0, ROWS).map(({ pair }) => pair),
		queries: [...chosen.slice(0, TRAINED), ...chosen.slice(ROWS)].map(ask),
		trained: TRAINED
	};
}

/** SHA-256 of rows and queries: a ground truth holds for these alone. */
export function digestOf({ rows, queries }: TruthRows): string {
	return createHash('sha256')
		.update(JSON.stringify([rows, queries]))
		.digest('hex');
}

/** Which rows the models of one subset are trained on: half of them, drawn anew for each subset. */
export function halfOf(rows: number, subset: number): boolean[] {
	const order = shuffled(
		Array.from({ length: rows }, (_, i) => i),
		seededRandom(1000 + subset)
	);
	const mask = new Array<boolean>(rows).fill(false);
	for (const row of order.slice(0, rows / 2)) mask[row] = true;
	return mask;
}

export function shuffled<T>(items: readonly T[], random: () => number): T[] {
	const result = [...items];
	for (let i = result.length - 1; i > 0; i--) {
		const j = Math.floor(random() * (i + 1));
		[result[i], result[j]] = [result[j] as T, result[i] as T];
	}
	return result;
}

/** A term as a chapter of a textbook defines it. */
interface Definition {
	prompt: string;
	response: string;
	term: string;
	section: string;
	book: string;
}

/** All definitions of both textbooks. */
export function definitions(): Definition[] {
	return [
		...linesOf<Definition>('glossaries/anatomy.jsonl'),
		...linesOf<Definition>('glossaries/finance.jsonl')
	];
}

/** Definitions of one textbook, none of them in the ground truth that another code base made. */
function glossary(set: 'anatomy' | 'finance'): Candidate[] {
	const lines = linesOf<Definition>(`glossaries/${set}.jsonl`);
	const { rows, queries } = JSON.parse(readFileSync(new URL('lds-anatomy/truth.json', data), 'utf8')) as {
		rows: Pair[];
		queries: Pair[];
	};
	const taken = new Set([...rows, ...queries].map(([, reply]) => reply));
	const seen = new Set<string>();
	return lines.flatMap(({ prompt, response, term, section }) => {
		if (taken.has(response) || seen.has(prompt)) return [];
		seen.add(prompt);
		return [{ subject: section, pair: [prompt, response], reworded: `Define ${term}.` }];
	});
}

/** Fields of the World Factbook that are told in words, and what they are called in a question. */
const FIELDS: Record<string, string> = {
	'Agricultural products': 'main crops and livestock',
	'Area - comparative': 'size, compared to a place I know,',
	Climate: 'climate',
	'Executive branch > cabinet': 'cabinet',
	'Exports - commodities': 'most important exports',
	'Exports - partners': 'largest buyers of exports',
	'Government type': 'form of government',
	'Imports - commodities': 'most important imports',
	Independence: 'date of independence',
	Location: 'location',
	'National holiday': 'national holiday',
	Terrain: 'terrain'
};

function factbook(): Candidate[] {
	const lines = linesOf<{ country: string; section: string; field: string; text: string }>(
		'factbook/factbook_fields.jsonl'
	);
	const seen = new Set<string>();
	return lines.flatMap(({ country, field, text }) => {
		const name = FIELDS[field];
		const key = `${country}/${field}`;
		if (!name || seen.has(key) || text.length < 12 || /&\w+;/.test(key + text)) return [];
		seen.add(key);
		const plain = field.replace(/.*> /, '').toLowerCase();
		return [
			{
				subject: country,
				pair: [`${country}: ${plain}?`, text],
				reworded: `Tell me the ${name} of ${country}.`
			}
		];
	});
}

/** Definitions of both textbooks and short facts of the World Factbook, each once, in its own words and in others. */
export function manyPairs(): { pair: Pair; reworded: string }[] {
	const known = definitions().map(({ prompt, response, term }) => ({
		pair: [prompt, response] as Pair,
		reworded: `Define ${term}.`
	}));
	const lines = linesOf<{ country: string; field: string; text: string }>('factbook/factbook_fields.jsonl');
	const facts = lines
		.filter(({ country, field, text }) => text.length >= 12 && !/&\w+;/.test(country + field + text))
		.map(({ country, field, text }) => {
			const plain = field.replaceAll(' > ', ', ').toLowerCase();
			return {
				pair: [`${country}: ${plain}?`, text] as Pair,
				reworded: `Tell me of ${country} its ${plain}.`
			};
		});
	const seen = new Set<string>();
	return [...known, ...shuffled(facts, seededRandom(20))].filter(({ pair: [prompt, reply] }) => {
		if (seen.size >= 2 * MANY || seen.has(prompt) || seen.has(reply)) return false;
		if (replyTokens(reply).length > MAX_REPLY) return false;
		seen.add(prompt).add(reply);
		return true;
	});
}

/** Pairs of `manyPairs` at most. */
const MANY = 10_200;

function linesOf<T>(path: string): T[] {
	return readFileSync(new URL(path, data), 'utf8')
		.trim()
		.split('\n')
		.map((line) => JSON.parse(line) as T);
}
