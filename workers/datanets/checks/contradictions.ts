import type { Content } from '../contribution.ts';
import { eachToken } from '../search/tokens.ts';

/** What a row asks, and what it answers. */
export interface Asked {
	/** Words of the question in normal form: equal for rows that ask the same. */
	question: string;
	answer: string;
}

/** A passage asks nothing; a conversation asks all that comes before its last answer. */
export function askedBy(content: Content): Asked | undefined {
	if (content.kind === 'passage') return undefined;
	if (content.kind === 'pair')
		return { question: normal(`${content.system ?? ''} ${content.prompt}`), answer: content.response };
	const last = content.messages.findLastIndex((message) => message.role === 'assistant');
	if (last < 1) return undefined;
	const before = content.messages.slice(0, last).map((message) => message.content);
	return { question: normal(before.join(' ')), answer: content.messages[last]?.content ?? '' };
}

/**
 * Why two answers to the same question cannot both hold, or undefined where they can. It sees yes against no, a
 * statement against its negation, and different numbers; it does not understand, and says what it saw.
 */
export function contradiction(a: string, b: string): string | undefined {
	const [x, y] = [wordsOf(a), wordsOf(b)];
	if (x.join(' ') === y.join(' ')) return undefined;
	const [sideX, sideY] = [side(x), side(y)];
	if (sideX && sideY && sideX !== sideY) return `One answer says ${sideX}, the other ${sideY}.`;
	const same = overlap(plain(x), plain(y));
	if (same >= 0.8 && negated(x) !== negated(y)) return 'One answer denies what the other states.';
	const [numbersX, numbersY] = [numbersOf(a), numbersOf(b)];
	if (numbersX.length > 0 && numbersY.length > 0 && overlap(wordsWithout(x), wordsWithout(y)) >= 0.5) {
		const onlyX = numbersX.find((number) => !numbersY.includes(number));
		const onlyY = numbersY.find((number) => !numbersX.includes(number));
		if (onlyX !== undefined && onlyY !== undefined) return `One answer says ${onlyX}, the other ${onlyY}.`;
	}
	return undefined;
}

const YES = new Set(['yes', 'true', 'correct', 'ja', 'oui', 'si', 'sim', 'tak', 'da']);
const NO = new Set(['no', 'false', 'incorrect', 'nein', 'non', 'nao', 'nee', 'nie', 'niet']);
const NEGATIONS = new Set(
	'not no never none neither nor cannot without isn aren wasn weren don doesn didn won can t couldn shouldn nicht kein keine nie ne pas jamais no nunca non mai niet geen'.split(
		' '
	)
);

function side(words: string[]): 'yes' | 'no' | undefined {
	const [first] = words;
	if (first !== undefined && YES.has(first)) return 'yes';
	return first !== undefined && NO.has(first) ? 'no' : undefined;
}

function negated(words: string[]): boolean {
	return words.filter((word) => NEGATIONS.has(word)).length % 2 === 1;
}

function plain(words: string[]): string[] {
	return words.filter((word) => !NEGATIONS.has(word));
}

function wordsWithout(words: string[]): string[] {
	return words.filter((word) => !/^\d+$/.test(word));
}

function numbersOf(text: string): string[] {
	return [...text.matchAll(/\d+(?:[.,]\d+)*/g)].map(([number]) => number.replace(/,(?=\d{3}\b)/g, ''));
}

/** Jaccard similarity of two lists of words as sets. */
function overlap(a: string[], b: string[]): number {
	const [x, y] = [new Set(a), new Set(b)];
	const all = x.union(y).size;
	return all === 0 ? 1 : x.intersection(y).size / all;
}

function wordsOf(text: string): string[] {
	const words: string[] = [];
	eachToken(text, (token) => words.push(token));
	return words;
}

function normal(text: string): string {
	return wordsOf(text).join(' ');
}
