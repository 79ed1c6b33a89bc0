import { keccak256, stringToBytes } from 'viem';
import { expect, test } from 'vitest';
import { BEN, contribution, pair } from '#test/support/datanet.ts';
import { contentHash, correct, makeContribution, type Content } from './contribution.ts';
import { parseContribution } from './parse.ts';

const row = contribution(pair('What is a bone?', 'A hard organ of the skeleton. 🦴 عظم'));

test('the content hash is keccak256 of the canonical JSON, written out by hand', () => {
	const canonical =
		'{"kind":"pair","prompt":"What is a bone?","response":"A hard organ of the skeleton. 🦴 عظم"}';
	expect(row.contentHash).toBe(keccak256(stringToBytes(canonical)));
});

test('the id is keccak256 of the canonical JSON of the header, written out by hand', () => {
	const canonical =
		`{"contentHash":"${row.contentHash}","contributor":"${row.contributor}","created":"2026-03-01T12:00:00Z",` +
		'"kind":"pair","language":"en","licence":"CC-BY-4.0","parent":null,"parentShare":0,' +
		'"source":"https://example.org/anatomy","tags":["anatomy"],"version":1}';
	expect(row.id).toBe(keccak256(stringToBytes(canonical)));
});

test('the order of fields and of tags does not change the id', () => {
	const { kind, prompt, response } = row.content as Extract<Content, { kind: 'pair' }>;
	expect(contentHash({ response, kind, prompt })).toBe(row.contentHash);
	const tagged = (tags: string[]) => contribution(row.content, { tags }).id;
	expect(tagged(['b', 'a', ' b ', ''])).toBe(tagged(['a', 'b']));
});

test.each([
	['content', { content: pair('What is a bone?', 'An organ.') }],
	['contributor', { contributor: BEN }],
	['licence', { licence: 'CC0-1.0' }],
	['source', { source: 'a book' }],
	['language', { language: 'de' }],
	['tags', { tags: [] }],
	['created', { created: '2026-03-01T12:00:01Z' }]
])('another %s gives another id', (_, change) => {
	expect(makeContribution({ ...row, ...change }).id).not.toBe(row.id);
});

test('a correction is a new record with the old one as its parent', () => {
	const fixed = correct(
		row,
		{ content: pair('What is a bone?', 'A rigid organ.') },
		{ contributor: BEN, created: '2026-03-02T08:00:00Z', parentShare: 7_000 }
	);
	expect(fixed).toMatchObject({ parent: row.id, parentShare: 7_000, contributor: BEN, tags: row.tags });
	expect(fixed.id).not.toBe(row.id);
	expect(parseContribution(JSON.parse(JSON.stringify(fixed)))).toEqual(fixed);
});

test('half a surrogate pair becomes a replacement character, so that the row can be hashed', () => {
	expect(contribution(pair('a\ud800', 'b')).content).toEqual(pair('a\ufffd', 'b'));
});

test.each<[string, Content]>([
	['pair with a system prompt', { ...pair('p', 'r'), system: 's' } as Content],
	[
		'conversation',
		{
			kind: 'conversation',
			messages: [
				{ role: 'user', content: '<script>alert(1)</script>' },
				{ role: 'assistant', content: '‮right to left' }
			]
		}
	],
	['passage', { kind: 'passage', title: 'Bones', text: 'Bones are organs.' }]
])('a %s survives JSON and verification unchanged', (_, content) => {
	const made = contribution(content);
	expect(parseContribution(JSON.parse(JSON.stringify(made)))).toEqual(made);
});

test.each<[string, unknown]>([
	['no record', 'hello'],
	['changed content', { ...row, content: pair('What is a bone?', 'changed') }],
	['changed licence', { ...row, licence: 'CC0-1.0' }],
	['changed contributor', { ...row, contributor: BEN }],
	['a kind that is not the content’s', { ...row, kind: 'passage' }],
	['an unknown kind', { ...row, kind: 'video', content: { kind: 'video' } }],
	['a share without a parent', { ...row, parentShare: 1 }],
	['a fractional share', { ...row, parent: row.id, parentShare: 0.5 }],
	['a time that does not exist', { ...row, created: '2026-13-45T12:00:00Z' }],
	['unsorted tags', { ...row, tags: ['b', 'a'] }],
	['a text too long', { ...row, content: pair('x'.repeat(200_001), 'y') }],
	['an unknown field in the content', { ...row, content: { ...row.content, extra: 1 } }],
	['a prototype in place of text', { ...row, source: { toString: 'x' } }]
])('%s is refused', (_, value) => {
	expect(() => parseContribution(value)).toThrow(expect.objectContaining({ code: 'datanet/malformed' }));
});
