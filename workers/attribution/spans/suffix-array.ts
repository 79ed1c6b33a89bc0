/**
 * Suffix arrays by induced sorting (SA-IS: Nong, Zhang and Chan, "Two Efficient Algorithms for Linear Time Suffix Array
 * Construction", IEEE Transactions on Computers, 2011). Time is linear in the text, whatever repeats in it.
 */

/** Marks of S-type suffixes: 1 where the suffix is smaller than the one after it. */
type Types = Uint8Array;

/**
 * Positions of all suffixes of `text` in ascending order. The end of the text counts as smaller than every symbol.
 *
 * @param text symbols from 0 to `symbols` − 1
 */
export function suffixArray(text: Int32Array, symbols: number): Int32Array {
	const n = text.length;
	const suffixes = new Int32Array(n);
	if (n > 1) sortSuffixes(text, symbols, suffixes);
	return suffixes;
}

function sortSuffixes(text: Int32Array, symbols: number, suffixes: Int32Array): void {
	const n = text.length;
	const types = classify(text);
	const sizes = new Int32Array(symbols);
	for (let i = 0; i < n; i++) sizes[text[i] as number] = (sizes[text[i] as number] as number) + 1;
	const bounds = new Int32Array(symbols);

	// 1. Sort the LMS substrings (leftmost S-type suffixes, up to the next of them).
	suffixes.fill(-1);
	ends(sizes, bounds);
	for (let i = 1; i < n; i++) if (isLeftmost(types, i)) suffixes[--(bounds[text[i] as number] as number)] = i;
	induce(text, types, sizes, bounds, suffixes);

	// 2. Name them by order; equal ones by the same name.
	let count = 0;
	for (let k = 0; k < n; k++) {
		const at = suffixes[k] as number;
		if (at > 0 && isLeftmost(types, at)) suffixes[count++] = at;
	}
	suffixes.fill(-1, count);
	let names = 0;
	let previous = -1;
	for (let k = 0; k < count; k++) {
		const at = suffixes[k] as number;
		if (previous < 0 || !sameSubstring(text, types, previous, at)) names++;
		previous = at;
		// No two leftmost suffixes are neighbours, so half the positions are room for all.
		suffixes[count + (at >> 1)] = names - 1;
	}

	// 3. The order of the LMS suffixes: by their names where those differ, else by the suffix array of the names.
	const positions = new Int32Array(count);
	for (let i = 1, k = 0; i < n; i++) if (isLeftmost(types, i)) positions[k++] = i;
	const reduced = new Int32Array(count);
	for (let i = count, k = 0; i < n; i++)
		if ((suffixes[i] as number) >= 0) reduced[k++] = suffixes[i] as number;
	const order = new Int32Array(count);
	if (names < count) sortSuffixes(reduced, names, order);
	else for (let k = 0; k < count; k++) order[reduced[k] as number] = k;

	// 4. From them the order of all.
	suffixes.fill(-1);
	ends(sizes, bounds);
	for (let k = count - 1; k >= 0; k--) {
		const at = positions[order[k] as number] as number;
		suffixes[--(bounds[text[at] as number] as number)] = at;
	}
	induce(text, types, sizes, bounds, suffixes);
}

/** Induced sorting: L-type suffixes left to right from the LMS ones, then S-type right to left from those. */
function induce(
	text: Int32Array,
	types: Types,
	sizes: Int32Array,
	bounds: Int32Array,
	suffixes: Int32Array
): void {
	const n = text.length;
	starts(sizes, bounds);
	// The end of the text, smaller than all, comes first: the suffix before it is of type L.
	suffixes[(bounds[text[n - 1] as number] as number)++] = n - 1;
	for (let k = 0; k < n; k++) {
		const at = (suffixes[k] as number) - 1;
		if (at >= 0 && types[at] === 0) suffixes[(bounds[text[at] as number] as number)++] = at;
	}
	ends(sizes, bounds);
	for (let k = n - 1; k >= 0; k--) {
		const at = (suffixes[k] as number) - 1;
		if (at >= 0 && types[at] === 1) suffixes[--(bounds[text[at] as number] as number)] = at;
	}
}

function classify(text: Int32Array): Types {
	const n = text.length;
	const types = new Uint8Array(n);
	for (let i = n - 2; i >= 0; i--) {
		const here = text[i] as number;
		const next = text[i + 1] as number;
		types[i] = here < next || (here === next && types[i + 1] === 1) ? 1 : 0;
	}
	return types;
}

function isLeftmost(types: Types, i: number): boolean {
	return types[i] === 1 && types[i - 1] === 0;
}

/** Whether two LMS substrings are equal in symbols and types. */
function sameSubstring(text: Int32Array, types: Types, a: number, b: number): boolean {
	for (let i = 0; ; i++) {
		if (a + i >= text.length || b + i >= text.length) return false;
		if (text[a + i] !== text[b + i] || types[a + i] !== types[b + i]) return false;
		if (i > 0 && (isLeftmost(types, a + i) || isLeftmost(types, b + i)))
			return isLeftmost(types, a + i) && isLeftmost(types, b + i);
	}
}

function starts(sizes: Int32Array, bounds: Int32Array): void {
	let sum = 0;
	for (let i = 0; i < sizes.length; i++) {
		bounds[i] = sum;
		sum += sizes[i] as number;
	}
}

function ends(sizes: Int32Array, bounds: Int32Array): void {
	let sum = 0;
	for (let i = 0; i < sizes.length; i++) {
		sum += sizes[i] as number;
		bounds[i] = sum;
	}
}
