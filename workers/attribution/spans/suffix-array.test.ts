import { expect, test } from 'vitest';
import { Dice } from '#test/support/dice.ts';
import { suffixArray } from './suffix-array.ts';

/** The suffixes, sorted one against the other. */
function sorted(text: Int32Array): number[] {
	const compare = (a: number, b: number) => {
		for (let i = 0; ; i++) {
			const [x, y] = [text[a + i] ?? -1, text[b + i] ?? -1];
			if (x !== y || x < 0) return x - y;
		}
	};
	return Array.from(text, (_, i) => i).sort(compare);
}

test('is the order that comparing suffixes gives', () => {
	const dice = new Dice();
	const check = (symbols: number[], alphabet: number) => {
		const text = Int32Array.from(symbols);
		expect([...suffixArray(text, alphabet)], symbols.slice(0, 60).join(' ')).toEqual(sorted(text));
	};
	for (const text of ['', 'a', 'aa', 'ab', 'ba', 'mississippi', 'abracadabra', 'cabbage cabbage'])
		check(
			[...text].map((c) => c.charCodeAt(0)),
			128
		);
	for (let round = 0; round < 600; round++) {
		const alphabet = dice.pick([1, 2, 3, 8, 1000]);
		check(
			Array.from({ length: dice.below(90) }, () => dice.below(alphabet)),
			alphabet
		);
	}
	// What repeats much recurses deeply.
	const motif = Array.from({ length: 7 }, () => dice.below(3));
	check(
		Array.from({ length: 700 }, (_, i) => motif[i % 7] ?? 0),
		3
	);
	let [a, b] = [[0], [0, 1]];
	while (b.length < 1500) [a, b] = [b, [...b, ...a]];
	check(b, 2);
});
