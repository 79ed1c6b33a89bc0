import { describe, expect, test } from 'vitest';
import { seededRandom } from '#test/support/random.ts';
import { IncrementalDetokeniser } from './detokeniser.ts';

/** A byte-level tokenizer whose tokens are the given byte strings. */
function byteDecoder(tokens: readonly Uint8Array[]) {
	return (ids: readonly number[]) =>
		new TextDecoder().decode(Uint8Array.from(ids.flatMap((id) => [...(tokens[id] as Uint8Array)])));
}

describe('incremental detokenisation', () => {
	test('no piece ever holds half of a character, and the pieces make up the text', () => {
		const text = 'naïve café, 東京 🙂👩‍🚀 – done';
		const bytes = new TextEncoder().encode(text);
		for (let seed = 1; seed <= 200; seed++) {
			const random = seededRandom(seed);
			const tokens: Uint8Array[] = [];
			for (let at = 0; at < bytes.length;) {
				const length = 1 + Math.floor(random() * 5);
				tokens.push(bytes.subarray(at, at + length));
				at += length;
			}
			const detokeniser = new IncrementalDetokeniser(byteDecoder(tokens));
			const pieces = tokens.map((_, id) => detokeniser.push(id));
			pieces.push(detokeniser.flush());
			expect(pieces.join(''), `seed ${seed}`).toBe(text);
			expect(pieces.join('|'), `seed ${seed}`).not.toContain('\uFFFD');
		}
	});

	test('a character that never becomes whole is replaced at the end, and does not hold up what follows', () => {
		const tokens = [
			Uint8Array.of(0xf0, 0x9f),
			...[...'abcdef'].map((letter) => new TextEncoder().encode(letter))
		];
		const detokeniser = new IncrementalDetokeniser(byteDecoder(tokens));
		expect(detokeniser.push(0)).toBe('');
		expect(detokeniser.push(1)).toBe('\uFFFDa');
		expect(detokeniser.push(0)).toBe('');
		expect(detokeniser.flush()).toBe('\uFFFD');
	});

	test('bytes that are no text at all are let through after four tokens', () => {
		const detokeniser = new IncrementalDetokeniser(byteDecoder([Uint8Array.of(0x80)]));
		const pieces = [0, 0, 0, 0, 0].map((id) => detokeniser.push(id));
		expect(pieces.join('').length).toBeGreaterThan(0);
	});

	test('a tokenizer that drops the space before its first token still gives the spaces between tokens', () => {
		const words = ['The', 'mitochondrion', 'is'];
		const detokeniser = new IncrementalDetokeniser((ids) => ids.map((id) => words[id]).join(' '));
		expect(words.map((_, id) => detokeniser.push(id)).join('')).toBe('The mitochondrion is');
	});
});
