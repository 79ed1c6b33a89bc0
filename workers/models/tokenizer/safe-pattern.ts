const maxLength = 4096;

/**
 * False for patterns that can take exponential time: a group repeated without bound that itself holds such a repetition
 * or alternatives, as in `(a+)+` or `(a|aa)*`. None of the published tokenizers needs one. Syntax: Oniguruma's, as far as
 * tokenizers use it; it only has to be read, not run.
 */
export function isSafePattern(source: string): boolean {
	if (source.length > maxLength) return false;
	/** For every open group: whether it holds something that can match in several ways. */
	const ambiguous: boolean[] = [false];
	for (let i = 0; i < source.length; i++) {
		const c = source[i];
		if (c === '\\') i++;
		else if (c === '[') {
			const end = classEnd(source, i);
			if (end === undefined) return false;
			i = end;
		} else if (c === '(') ambiguous.push(false);
		else if (c === ')') {
			const inner = ambiguous.pop();
			if (inner === undefined || ambiguous.length === 0) return false;
			if (inner && isUnbounded(source, i + 1)) return false;
			if (inner) ambiguous[ambiguous.length - 1] = true;
		} else if (c === '|') {
			if (ambiguous.length > 1) ambiguous[ambiguous.length - 1] = true;
		} else if (isUnbounded(source, i)) ambiguous[ambiguous.length - 1] = true;
	}
	return ambiguous.length === 1;
}

/** Index of the `]` that ends a class; classes nest (`[a&&[^b]]`). */
function classEnd(source: string, start: number): number | undefined {
	let depth = 0;
	for (let i = start; i < source.length; i++) {
		if (source[i] === '\\') i++;
		else if (source[i] === '[') depth++;
		else if (source[i] === ']' && --depth === 0) return i;
	}
	return undefined;
}

/** `*`, `+` or `{n,}` at this place; `{n}` and `{n,m}` repeat a bounded number of times. */
function isUnbounded(source: string, at: number): boolean {
	return source[at] === '*' || source[at] === '+' || /^\{\d*,\}/.test(source.slice(at, at + 12));
}
