import { eachToken } from '../search/tokens.ts';

/** Words to a shingle: enough to tell texts apart, few enough that one changed word leaves most of them. */
const WORDS = 3;
/** Shingles of one text that are compared: 20,000 words say enough of a book. */
const MOST = 20_000;

/**
 * The set of a text's word triples as 32-bit hashes, ascending and distinct (Broder, "On the resemblance and
 * containment of documents", 1997). A text of fewer words is one shingle; an empty text has none.
 */
export function shinglesOf(text: string): Uint32Array {
	const hashes: number[] = [];
	let first = 0;
	let second = 0;
	let words = 0;
	eachToken(text, (token) => {
		if (hashes.length >= MOST) return;
		const third = hashOf(token);
		words++;
		if (words >= WORDS) hashes.push(mix(mix(mix(first) ^ second) ^ third));
		first = second;
		second = third;
	});
	if (words > 0 && words < WORDS) hashes.push(mix(mix(first) ^ second));
	const sorted = Uint32Array.from(hashes).sort();
	let count = 0;
	for (let i = 0; i < sorted.length; i++)
		if (i === 0 || sorted[i] !== sorted[i - 1]) sorted[count++] = sorted[i] ?? 0;
	return sorted.slice(0, count);
}

/** |A ∩ B| / |A ∪ B| of two ascending sets; 0 where both are empty. */
export function jaccard(a: Uint32Array, b: Uint32Array): number {
	let both = 0;
	let i = 0;
	let j = 0;
	while (i < a.length && j < b.length) {
		const x = a[i] ?? 0;
		const y = b[j] ?? 0;
		if (x === y) both++;
		if (x <= y) i++;
		if (y <= x) j++;
	}
	const all = a.length + b.length - both;
	return all === 0 ? 0 : both / all;
}

/** FNV-1a over UTF-16 units. */
function hashOf(token: string): number {
	let hash = 0x811c9dc5;
	for (let i = 0; i < token.length; i++) hash = Math.imul(hash ^ token.charCodeAt(i), 0x01000193);
	return hash;
}

/** The finaliser of MurmurHash3: every input bit changes half of the output bits. */
function mix(value: number): number {
	let hash = value;
	hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
	hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
	return (hash ^ (hash >>> 16)) >>> 0;
}
