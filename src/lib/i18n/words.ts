import { keyOf } from './key.ts';
import { locale } from './locale.ts';

/** Of a sentence: text, the place of what is put in, or markup by its number with the pieces in it. */
type Piece = string | number | Piece[];

/** A sentence; of a plural all forms. */
type Word = string | Piece[];

interface Catalogue {
	/** Translations by the key of their English in JSON, as `.ci/words.mjs` writes them. */
	words: Record<string, Word>;
	/** What workers put together: pieces of the English, and of its translation. */
	heard: [english: Piece[], translated: Word][];
	/** Which form of a plural a count takes. */
	plural: (count: number) => number;
}

let catalogue: Catalogue | undefined;

/**
 * Fetches the chosen language's words. To be awaited before the first module that has words is loaded. English has
 * nothing to fetch, and stands in for what cannot be fetched.
 */
export async function loadWords(): Promise<void> {
	const { documentElement } = document;
	documentElement.lang = locale;
	documentElement.dir = /^(ar|fa|he|ur)/.test(locale) ? 'rtl' : 'ltr';
	const load = import.meta.glob<Catalogue>('../../locales/*.po')[`../../locales/${locale}.po`];
	try {
		catalogue = await load?.();
		if (catalogue) say._.p = catalogue.plural;
	} catch {
		documentElement.lang = 'en';
	}
}

const inLanguage = (word: Word) => catalogue?.words[keyOf(JSON.stringify(word))] ?? word;
const pieces = (word: Word): Piece[] => {
	const found = inLanguage(word);
	return typeof found === 'string' ? [found] : found;
};
const joined = (parts: Piece[], values: unknown[] = [], start = 1) =>
	parts
		.slice(start)
		.map((part) => (typeof part === 'string' ? part : values[part as number]))
		.join('');

/**
 * A sentence in the chosen language. Nobody calls it by hand: the build puts it, in the way wuchale's runtime is called,
 * in the place of the English that stands in the code.
 */
export const say = Object.assign((word: Word, values?: unknown[]) => joined(pieces(word), values, 0), {
	/** The pieces, for text with markup in it. */
	c: pieces,
	/** Pieces inside such markup, after the number of the tag. */
	x: joined,
	/** The forms of a plural. */
	p: inLanguage,
	_: {} as { p?: Catalogue['plural'] }
});

/** A sentence that a worker said in English, in the chosen language as far as that knows it. */
export function heard(
	text: string,
	{ words, heard: made }: Pick<Catalogue, 'words' | 'heard'> = catalogue ?? { words: {}, heard: [] }
): string {
	const whole = words[keyOf(JSON.stringify(text))];
	if (typeof whole === 'string') return whole;
	for (const [english, translated] of made) {
		const pattern = english.map((piece) =>
			typeof piece === 'string' ? piece.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&') : '(.+?)'
		);
		const found = new RegExp(`^${pattern.join('')}$`, 's').exec(text);
		if (!found) continue;
		const values: string[] = [];
		for (const [i, place] of english.filter((piece) => typeof piece === 'number').entries())
			values[place] = heard(found[i + 1] ?? '', { words, heard: made });
		return joined([translated].flat(), values, 0);
	}
	return text;
}
