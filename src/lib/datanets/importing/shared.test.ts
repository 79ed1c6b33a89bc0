import { expect, test } from 'vitest';
import { sharedWith } from './shared.ts';

test.each([
	[
		{ title: 'Femur', text: 'The longest bone.', url: 'https://example.org/f' },
		'# Femur\n\nThe longest bone.\n',
		'https://example.org/f'
	],
	[
		{ text: 'Look: https://example.org/a here' },
		'Look: https://example.org/a here\n',
		'https://example.org/a'
	],
	[{ text: 'https://example.org/a' }, 'https://example.org/a\n', 'https://example.org/a'],
	[{ title: 'Femur' }, 'Femur\n', '']
])('what is shared as %o becomes a document with its source', async (fields, text, source) => {
	const shared = sharedWith([], new Map(Object.entries(fields)));
	expect(await shared?.files[0]?.text()).toBe(text);
	expect(shared?.source).toBe(source);
});

test('shared files stay files, and the text beside them says where they come from', () => {
	const file = new File(['a,b\n'], 'rows.csv');
	const fields = new Map([['text', 'From https://example.org/a']]);
	expect(sharedWith([file], fields)).toEqual({ files: [file], source: 'https://example.org/a' });
});

test('where nothing was shared, nothing is waiting', () => {
	expect(sharedWith([], new Map([['title', ' ']]))).toBeUndefined();
});
