import { expect, test } from 'vitest';
import { changedWords } from './words.ts';

test('what stayed, went and came, word by word', () => {
	expect(changedWords('The femur is long.', 'The femur is very strong.')).toEqual([
		{ kind: 'same', text: 'The femur is ' },
		{ kind: 'gone', text: 'long.' },
		{ kind: 'new', text: 'very strong.' }
	]);
});

test.each([
	['', ''],
	['', 'new words'],
	['old words', ''],
	['a b c d', 'c d a b'],
	['x '.repeat(800), 'y '.repeat(800)]
])('both texts can be put together again from the changes', (before, after) => {
	const changes = changedWords(before, after);
	const without = (kind: string) =>
		changes
			.filter((change) => change.kind !== kind)
			.map((change) => change.text)
			.join('');
	expect(without('new')).toBe(before);
	expect(without('gone')).toBe(after);
});
