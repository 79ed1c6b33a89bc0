import { readFileSync } from 'node:fs';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { writeSafetensors } from '#workers/formats/safetensors.ts';
import { sha256Hex } from '#workers/models/store/hash.ts';
import { bundledWords, WordVectors, wordsToHand, WORDS_FILE, WORDS_SHA256 } from './word-vectors.ts';

const file = new Uint8Array(readFileSync(new URL(`../../../static/${WORDS_FILE}`, import.meta.url)));

/** Words, each by the letters shared with the one before and the others; two codes a word. */
function made({
	words = [
		[0, 'cardiac'],
		[4, 'o'],
		[0, 'gastric'],
		[0, 'the']
	] as [number, string][],
	codes = [0x8f, 0x0f, 0xf0, 0x77],
	weights = [32, 32, 16, 0]
} = {}): Uint8Array {
	const text = words.flatMap(([shared, rest]) => [shared, ...new TextEncoder().encode(rest)]);
	const tensor = (bytes: number[]) => ({
		dtype: 'U8' as const,
		shape: [bytes.length],
		data: Uint8Array.from(bytes)
	});
	return writeSafetensors(
		new Map([
			['codes', tensor(codes)],
			['weights', tensor(weights)],
			['words', tensor(text)]
		])
	);
}

const vectorOf = (text: string) => Array.from(WordVectors.read(made()).of([text])?.[0] ?? []);

describe('what words mean', () => {
	test('a text is the sum of its words, the rare more than the common', () => {
		// cardiac: codes 15, 8 are 15, 1; gastric: codes 0, 15 are −15, 15; weights in sixteenths.
		expect(vectorOf('The Cardiac, gastric?')).toEqual([2 * 15 - 15, 2 * 1 + 15]);
	});

	test('an unknown word is what begins and what ends like it', () => {
		// Begins like cardiac and cardo, by four letters: the mean of 15, 1 and 15, −15.
		expect(vectorOf('the the cardly')).toEqual([2 * 15, 2 * -7]);
		// Begins like cardiac by five and ends like gastric by seven: the mean of 15, 1 and −15, 15.
		expect(vectorOf('the the cardigastric')).toEqual([2 * 0, 2 * 8]);
		expect(vectorOf('the the enteric')).toEqual([0, 0]);
	});

	test('texts of another language have none', () => {
		expect(WordVectors.read(made()).of(['cardiac', 'das Herz schlägt'])).toBeUndefined();
		expect(WordVectors.read(made()).of([])).toBeUndefined();
	});

	test('a file that is none is refused', () => {
		const wrong = [
			made({ weights: [1, 2, 3] }),
			made({ codes: [1, 2, 3] }),
			made({
				words: [
					[0, 'b'],
					[0, 'a']
				],
				codes: [1, 2],
				weights: [1, 2]
			}),
			made({ words: [], codes: [], weights: [] }),
			made({ words: [[0, 'a']], codes: [], weights: [1] }),
			made().slice(0, -1),
			new Uint8Array(),
			writeSafetensors(new Map([['codes', { dtype: 'U8', shape: [1], data: new Uint8Array(1) }]]))
		];
		for (const bytes of wrong)
			expect(() => WordVectors.read(bytes)).toThrow(
				expect.objectContaining({ code: 'safetensors/malformed' })
			);
	});
});

describe('the words that come with the app', () => {
	afterEach(() => vi.unstubAllGlobals());

	test('know what belongs together', async () => {
		expect(await sha256Hex(file)).toBe(WORDS_SHA256);
		const [artery = [], loan = [], blood = [], money = []]: ArrayLike<number>[] =
			WordVectors.read(file).of(['artery', 'loan', 'blood heart', 'money lent']) ?? [];
		const like = (a: ArrayLike<number>, b: ArrayLike<number>) =>
			Array.from(a).reduce((sum, value, i) => sum + value * (b[i] ?? 0), 0) /
			Math.hypot(...Array.from(a)) /
			Math.hypot(...Array.from(b));
		expect(like(artery, blood)).toBeGreaterThan(like(artery, money) + 0.3);
		expect(like(loan, money)).toBeGreaterThan(like(loan, blood) + 0.3);
	});

	test('are fetched from it, and refused if they are others', async () => {
		const served = (bytes: Uint8Array) =>
			vi.stubGlobal('fetch', () => Promise.resolve(new Response(bytes.slice())));
		served(file);
		expect((await bundledWords('https://app.test/')).of(['the heart'])).toHaveLength(1);
		served(made());
		await expect(bundledWords('https://app.test/')).rejects.toThrow(
			expect.objectContaining({ code: 'hub/wrong-bytes' })
		);
	});

	test('are done without where they cannot be had, and it is said why', async () => {
		const answered = (answer: () => Promise<unknown>) => {
			vi.stubGlobal('fetch', answer);
			return wordsToHand('https://app.test/');
		};
		const broken = new ReadableStream({ pull: (body) => body.error(new TypeError('network error')) });
		expect(await answered(() => Promise.reject(new TypeError('Failed to fetch')))).toBe('unreachable');
		expect(await answered(() => Promise.resolve(new Response('', { status: 404 })))).toBe('unreachable');
		expect(await answered(() => Promise.resolve(new Response(broken)))).toBe('unreachable');
		for (const bytes of [made(), file.slice(0, -1), new Uint8Array()])
			expect(await answered(() => Promise.resolve(new Response(bytes.slice())))).toBe('damaged');
		expect(await answered(() => Promise.resolve(new Response(file.slice())))).toBeInstanceOf(WordVectors);
	});
});
