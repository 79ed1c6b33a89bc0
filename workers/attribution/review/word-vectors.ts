import { memorySource } from '#workers/bytes.ts';
import { fetchOwn } from '#workers/engine/bundled.ts';
import { OpenLedgerError } from '#workers/errors.ts';
import { readSafetensors } from '#workers/formats/safetensors.ts';
import { sha256Hex } from '#workers/models/store/hash.ts';

/** Of the file that comes with the app (docs/recipes/word-vectors.py). */
export const WORDS_FILE = 'words/english.safetensors';
export const WORDS_SHA256 = 'ada0e01c2f08dee8661c5f1338d93b995190598a8d23cb109389f5b1a77fa139';

/** Steps of a word's weight in a nat. */
const STEPS = 16;

/** Letters at the beginning or the end of a word by which it is likened to others: as many as it shares with any, no more than these. */
const [FEWEST, MOST] = [4, 7];

/** Share of a text's words that must be known: another language's are like none of these, whatever they begin with. */
const KNOWN = 0.5;

/**
 * What words mean, by the words that they stand near in textbooks: vectors of four bits a number, sorted by word, and how rare each is. A word
 * that is not among them is taken for the mean of those that begin like it and of those that end like it.
 */
export class WordVectors {
	readonly #numbers: ReadonlyMap<string, number>;
	/** [words, dims / 2], the first number in the lowest bits; four bits c stand for 2c − 15. */
	readonly #codes: Uint8Array;
	readonly #weights: Uint8Array;
	readonly #rarest: number;
	readonly #dims: number;
	/** Of words that are not among them. */
	readonly #likened = new Map<string, Float32Array | undefined>();

	private constructor(words: readonly string[], codes: Uint8Array, weights: Uint8Array) {
		this.#numbers = new Map(words.map((word, number) => [word, number]));
		this.#codes = codes;
		this.#weights = weights;
		this.#rarest = weights.reduce((most, weight) => Math.max(most, weight), 0) / STEPS;
		this.#dims = (2 * codes.length) / words.length;
	}

	/** @throws OpenLedgerError `safetensors/malformed` */
	static read(bytes: Uint8Array): WordVectors {
		const { source, tensors } = readSafetensors(memorySource(bytes));
		const [codes, weights, text] = ['codes', 'weights', 'words'].map((name) => {
			const info = tensors.get(name);
			if (info?.dtype !== 'U8') throw malformed(`it has no bytes “${name}”`);
			return source.read(info.offset, info.length);
		}) as [Uint8Array, Uint8Array, Uint8Array];
		const words = wordsOf(text);
		if (
			words.length === 0 ||
			codes.length === 0 ||
			weights.length !== words.length ||
			codes.length % words.length > 0
		)
			throw malformed(`it has ${words.length} words, ${weights.length} weights, ${codes.length} codes`);
		return new WordVectors(words, codes, weights);
	}

	/** The sum of a text's words, each as much as it is rare: one of all texts; undefined where they are of another language. */
	of(texts: readonly string[]): Float32Array[] | undefined {
		let [known, all] = [0, 0];
		const vectors = texts.map((text) => {
			const sum = new Float32Array(this.#dims);
			for (const [word] of text.toLowerCase().matchAll(/\p{L}+/gu)) {
				const number = this.#numbers.get(word);
				all++;
				if (number !== undefined) known++;
				const vector = number === undefined ? this.#likeness(word) : this.#vector(number);
				if (!vector) continue;
				const weight = number === undefined ? this.#rarest : (this.#weights[number] as number) / STEPS;
				for (let i = 0; i < sum.length; i++) sum[i] = (sum[i] as number) + weight * (vector[i] as number);
			}
			return sum;
		});
		return known > KNOWN * all ? vectors : undefined;
	}

	#vector(number: number): Float32Array {
		const start = (number * this.#dims) / 2;
		return Float32Array.from(
			{ length: this.#dims },
			(_, i) => 2 * (((this.#codes[start + (i >> 1)] as number) >> (4 * (i & 1))) & 15) - 15
		);
	}

	#likeness(word: string): Float32Array | undefined {
		if (!this.#likened.has(word)) this.#likened.set(word, this.#liken(word));
		return this.#likened.get(word);
	}

	#liken(word: string): Float32Array | undefined {
		const alike = [sharedStart, sharedEnd].flatMap((shared) => {
			let most = FEWEST;
			let found: number[] = [];
			for (const [other, number] of this.#numbers) {
				const count = shared(word, other);
				if (count < most) continue;
				if (count > most) [most, found] = [count, []];
				found.push(number);
			}
			return found.length > 0 ? [found] : [];
		});
		if (alike.length === 0) return undefined;
		const mean = new Float32Array(this.#dims);
		for (const numbers of alike)
			for (const number of numbers)
				this.#vector(number).forEach((value, i) => {
					mean[i] = (mean[i] as number) + value / numbers.length / alike.length;
				});
		return mean;
	}
}

/** Those that come with the app. @throws OpenLedgerError `hub/unreachable`, `hub/wrong-bytes` */
export async function bundledWords(appUrl: string): Promise<WordVectors> {
	const url = new URL(WORDS_FILE, appUrl);
	const bytes = await fetchOwn(url);
	if ((await sha256Hex(bytes)) !== WORDS_SHA256)
		throw new OpenLedgerError('hub/wrong-bytes', 'A file of the app is not the one it was built with.', {
			remedy: 'Load the page again, so that the app is fetched anew.',
			details: { url: url.pathname }
		});
	return WordVectors.read(bytes);
}

/** Why a review went without what words mean: their file is not on this device and cannot be fetched, or is not what it should be. */
export type Wordless = 'unreachable' | 'damaged';

/** Those that come with the app, or why they cannot be had: rows are ordered without them too. */
export async function wordsToHand(appUrl: string): Promise<WordVectors | Wordless> {
	try {
		return await bundledWords(appUrl);
	} catch (error) {
		return error instanceof OpenLedgerError && error.code === 'hub/unreachable' ? 'unreachable' : 'damaged';
	}
}

/** Sorted words, each the number of letters that it shares with the one before, as a control character, and its other letters. */
function wordsOf(bytes: Uint8Array): string[] {
	const words: string[] = [];
	for (let at = 0; at < bytes.length;) {
		const shared = bytes[at] as number;
		let to = at + 1;
		while (to < bytes.length && (bytes[to] as number) >= 32) to++;
		const word = (words.at(-1) ?? '').slice(0, shared) + String.fromCharCode(...bytes.subarray(at + 1, to));
		if (shared >= 32 || word <= (words.at(-1) ?? '')) throw malformed('its words are not in order');
		words.push(word);
		at = to;
	}
	return words;
}

/** Letters that two words begin with alike, MOST at most. */
function sharedStart(a: string, b: string): number {
	let count = 0;
	while (count < MOST && count < a.length && count < b.length && a[count] === b[count]) count++;
	return count;
}

/** Letters that two words end with alike, MOST at most. */
function sharedEnd(a: string, b: string): number {
	let count = 0;
	while (count < MOST && count < a.length && count < b.length && a.at(-1 - count) === b.at(-1 - count))
		count++;
	return count;
}

function malformed(reason: string): OpenLedgerError {
	return new OpenLedgerError('safetensors/malformed', `These are no word vectors: ${reason}.`, {
		remedy: 'Load the page again, so that the app is fetched anew.'
	});
}
