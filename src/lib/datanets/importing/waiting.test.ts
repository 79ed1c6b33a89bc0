import { expect, test } from 'vitest';
import { sharedWith } from './waiting.ts';

test.each([
	[
		'title=Femur&text=The%20longest%20bone.&url=https://example.org/f',
		'# Femur\n\nThe longest bone.\n',
		'https://example.org/f'
	],
	[
		'text=Look:%20https://example.org/a%20here',
		'Look: https://example.org/a here\n',
		'https://example.org/a'
	],
	['text=https://example.org/a', 'https://example.org/a\n', 'https://example.org/a'],
	['title=Femur', 'Femur\n', '']
])('what is shared as ?%s becomes a document with its source', async (query, text, source) => {
	const shared = sharedWith(new URLSearchParams(query));
	expect(await shared?.files[0]?.text()).toBe(text);
	expect(shared?.source).toBe(source);
});

test('a page opened without anything shared has nothing waiting', () => {
	expect(sharedWith(new URLSearchParams('c=1'))).toBeUndefined();
});
