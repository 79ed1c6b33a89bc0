import { describe, expect, test } from 'vitest';
import { fails } from '#test/support/check.ts';
import { Dice } from '#test/support/dice.ts';
import { memorySource } from '#workers/bytes.ts';
import { buildSpanIndex } from './build.ts';
import { SpanFinder, type Span } from './find.ts';
import { MIN_WORDS, readSpanIndex, writeSpanIndex } from './span-index.ts';
import { wordsOf } from './words.ts';

const words = (text: string) => [...wordsOf(text)].map(({ text: word }) => word);
const all = { maxCount: Infinity, minSurprise: 0, limit: Infinity };

/** Every place where a run of words stands. */
function occurrences(rows: string[][], run: string[]): { row: number; word: number }[] {
	return rows.flatMap((row, number) =>
		row.flatMap((_, word) => (run.every((item, i) => row[word + i] === item) ? [{ row: number, word }] : []))
	);
}

/** Maximal spans by trying all runs: none that lies within another. */
function bruteForce(rows: string[][], reply: string[]): { from: number; to: number; places: object[] }[] {
	const found: { from: number; to: number; places: object[] }[] = [];
	for (let from = 0; from < reply.length; from++)
		for (let to = reply.length; to >= from + MIN_WORDS; to--) {
			const places = occurrences(rows, reply.slice(from, to));
			if (places.length > 0) {
				found.push({ from, to, places });
				break;
			}
		}
	return found.filter((a) => !found.some((b) => b !== a && b.from <= a.from && b.to >= a.to));
}

const unknownWord = 'zzz';

test('finds what trying all runs of words finds, with all places', async () => {
	const dice = new Dice();
	for (let round = 0; round < 150; round++) {
		const vocabulary = Array.from({ length: 1 + dice.below(6) }, (_, i) => `w${i}`);
		const sentence = (length: number) => Array.from({ length }, () => dice.pick(vocabulary));
		const rows = Array.from({ length: 1 + dice.below(8) }, () => sentence(dice.below(20)));
		const reply = sentence(dice.below(40)).map((word) => (dice.below(12) === 0 ? unknownWord : word));
		const index = await buildSpanIndex(rows.map((row) => row.join(' ')));
		const text = reply.join(', ');
		const spans = new SpanFinder(index).find(text, all);
		const expected = bruteForce(rows, reply);
		expect(spans.map(({ start, end }) => words(text.slice(start, end)))).toEqual(
			expected.map(({ from, to }) => reply.slice(from, to))
		);
		expect(spans.map(({ count }) => count)).toEqual(expected.map(({ places }) => places.length));
		expect(spans.map(({ places }) => places)).toEqual(expected.map(({ places }) => places.slice(0, 10)));
	}
});

describe('a finder', () => {
	const rows = [
		'What is alveolar sac? Cluster of alveoli.',
		'The olfactory bulb is the part of the brain that receives smell.',
		'The occipital bone is the part of the skull at the back of the head.',
		'The scapula, or shoulder blade, is the part of the shoulder girdle behind the ribs.',
		''
	];
	const find = async (reply: string, options?: object): Promise<Span[]> =>
		new SpanFinder(await buildSpanIndex(rows)).find(reply, options);

	test('shows the words as they stand in the reply, whatever their case and punctuation', async () => {
		const reply = 'It says: “Part of the BRAIN, that receives smell” – no more.';
		const [span] = await find(reply);
		expect(reply.slice(span?.start, span?.end)).toBe('Part of the BRAIN, that receives smell');
		expect(span).toMatchObject({ words: 7, count: 1, places: [{ row: 1, word: 5 }] });
	});

	test('leaves out phrases: too common or too plain', async () => {
		const phrase = 'He said it is the part of the story.';
		expect(await find(phrase, all)).toMatchObject([{ count: 3, words: 5 }]);
		expect(await find(phrase, { ...all, maxCount: 2 })).toEqual([]);
		const [{ surprise } = { surprise: NaN }] = await find(phrase, all);
		const every = words(rows.join(' '));
		const chance = (word: string) => every.filter((other) => other === word).length / every.length;
		const bits = ['is', 'the', 'part', 'of', 'the'].map((word) => -Math.log2(chance(word)));
		expect(surprise).toBeCloseTo(
			bits.reduce((sum, b) => sum + b, 0),
			9
		);
		expect(await find(phrase, { ...all, minSurprise: surprise + 0.001 })).toEqual([]);
	});

	test('keeps the most surprising ones, in the order of the reply', async () => {
		const reply = `${rows[3]} And then: is the part of the. ${rows[1]}`;
		expect(await find(reply, { ...all, limit: 2 })).toMatchObject([{ count: 1 }, { count: 1 }]);
		expect(await find(reply, all)).toHaveLength(3);
	});

	test('finds nothing in a reply of few or no words, nor in rows without any', async () => {
		for (const reply of ['', '…', 'Cluster of alveoli.']) expect(await find(reply, all)).toEqual([]);
		const empty = new SpanFinder(await buildSpanIndex([]));
		expect(empty.find('It is the part of the brain.', all)).toEqual([]);
	});

	test('knows scripts without spaces and accents', async () => {
		const finder = new SpanFinder(
			await buildSpanIndex(['肺胞は小さな袋である', 'L’œil est l’organe de la vue'])
		);
		expect(finder.find('答え：肺胞は小さな袋', all)[0]).toMatchObject({ words: 7, count: 1 });
		expect(finder.find("Donc l'œil est l'organe !", all)).toHaveLength(0);
		expect(finder.find("Donc L'ŒIL est l'organe de…", all)[0]).toMatchObject({ words: 4 });
	});
});

describe('an index', () => {
	test('reads back what was written, also words so many that one unit cannot say them', async () => {
		const dice = new Dice();
		const many = Array.from({ length: 70_000 }, (_, i) => `w${i.toString(36)}`);
		const rows = Array.from({ length: 5000 }, () =>
			Array.from({ length: 30 }, () => dice.pick(many)).join(' ')
		);
		rows.push(many.join(' '));
		const written = await buildSpanIndex(rows);
		expect(written.units.length).toBeGreaterThan(written.total + rows.length);
		const index = readSpanIndex(memorySource(writeSpanIndex(written)));
		expect(index).toEqual(written);
		const finder = new SpanFinder(index);
		for (let round = 0; round < 50; round++) {
			const row = dice.below(rows.length);
			const text = (rows[row] ?? '').split(' ').slice(3, 12).join(' ');
			expect(finder.find(text, all)).toMatchObject([{ words: 9, count: 1, places: [{ row, word: 3 }] }]);
		}
	});

	test('that is cut, foreign or points astray is refused', async () => {
		const index = await buildSpanIndex(['one two three four five', 'six seven eight nine ten']);
		const bytes = writeSpanIndex(index);
		const foreign = writeSpanIndex({ ...index, vocabulary: index.vocabulary.slice(1) });
		const astray = writeSpanIndex({ ...index, order: Uint32Array.of(0, 12) });
		const endless = writeSpanIndex({ ...index, units: index.units.slice(0, -1) });
		for (const wrong of [bytes.subarray(0, bytes.length - 3), foreign, astray, endless, new Uint8Array(99)])
			expect(await fails(() => readSpanIndex(memorySource(wrong)), 'spans/malformed')).toBeDefined();
	});

	test('stops when its building is cancelled', async () => {
		const stop = () => {
			throw new DOMException('stop', 'AbortError');
		};
		await expect(buildSpanIndex(['a b c d'], stop)).rejects.toThrow('stop');
	});
});
