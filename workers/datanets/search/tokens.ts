/**
 * Words as the search sees them: lower case, without accents, letters and digits only. Scripts that write no spaces
 * (Chinese, Japanese, Thai, …) become overlapping pairs of characters, so that any part of a phrase is found.
 */

/** Longer words are cut: they are hashes and encoded data, found by their beginning. */
const LONGEST = 40;

const WORD = /[\p{L}\p{M}\p{N}]+/gu;
const NO_SPACES =
	/[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}]/u;
const MARKS = /\p{M}+/gu;

/** Calls `take` with each word in order; a word may come several times. */
export function eachToken(text: string, take: (token: string) => void): void {
	let start = -1;
	let shout = false;
	for (let i = 0; i <= text.length; i++) {
		const code = i < text.length ? text.charCodeAt(i) : 32;
		const upper = code >= 65 && code <= 90;
		if (upper || (code >= 97 && code <= 122) || (code >= 48 && code <= 57)) {
			if (start < 0) start = i;
			shout ||= upper;
			continue;
		}
		if (code > 127) {
			// The slow way from the start of this word to the next plain separator.
			const from = start < 0 ? i : start;
			let end = i;
			while (end < text.length && (text.charCodeAt(end) > 127 || isPlainWord(text.charCodeAt(end)))) end++;
			eachUnicodeToken(text.slice(from, end), take);
			i = end;
		} else if (start >= 0) {
			const word = text.slice(start, Math.min(i, start + LONGEST));
			take(shout ? word.toLowerCase() : word);
		}
		start = -1;
		shout = false;
	}
}

function isPlainWord(code: number): boolean {
	return (code >= 97 && code <= 122) || (code >= 65 && code <= 90) || (code >= 48 && code <= 57);
}

function eachUnicodeToken(text: string, take: (token: string) => void): void {
	const plain = text.toLowerCase().normalize('NFKD').replace(MARKS, '').normalize('NFC');
	for (const [word] of plain.matchAll(WORD)) {
		if (!NO_SPACES.test(word)) {
			take(word.slice(0, LONGEST));
			continue;
		}
		const characters = [...word];
		if (characters.length === 1) take(word);
		for (let i = 0; i + 1 < characters.length; i++) take(`${characters[i]}${characters[i + 1]}`);
	}
}

/** Distinct words of a query, in order. */
export function queryTokens(query: string): string[] {
	const tokens = new Set<string>();
	eachToken(query, (token) => tokens.add(token));
	return [...tokens];
}
