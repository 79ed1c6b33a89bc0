import { afterEach, expect, test, vi } from 'vitest';
import { keepShared, readShared, sharedWith } from './shared.ts';

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

afterEach(() => vi.unstubAllGlobals());

test('what was shared waits until it is forgotten, the newest first', async () => {
	const kept = new Map<string, Response>();
	const cache = {
		put: async (path: string, response: Response) => void kept.set(`https://x.test${path}`, response),
		keys: async () => [...kept.keys()].map((url) => new Request(url)),
		match: async ({ url }: Request) => kept.get(url)?.clone(),
		delete: async ({ url }: Request) => kept.delete(url)
	};
	vi.stubGlobal('caches', { has: async () => true, open: async () => cache });
	const form = (text: string) => {
		const made = new FormData();
		made.set('title', 'Femur');
		made.set('text', text);
		return made;
	};
	const now = vi.spyOn(Date, 'now');
	now.mockReturnValue(999);
	await keepShared(form('first'));
	now.mockReturnValue(1000);
	await keepShared(form('second'));
	now.mockRestore();
	const words = async () => (await readShared())?.files[0]?.text();
	expect(await words()).toBe('# Femur\n\nsecond\n');
	expect(await words()).toBe('# Femur\n\nsecond\n');
	await (await readShared())?.forget?.();
	expect(await words()).toBe('# Femur\n\nfirst\n');
	await (await readShared())?.forget?.();
	expect(await words()).toBeUndefined();
	expect(kept.size).toBe(0);
});
