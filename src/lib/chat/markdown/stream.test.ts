import { describe, expect, test, vi } from 'vitest';
import * as parser from './parse.ts';
import { MarkdownStream } from './stream.svelte.ts';

vi.mock(import('./parse.ts'), async (original) => {
	const actual = await original();
	return { ...actual, parseBlocks: vi.fn(actual.parseBlocks) };
});

const reply = `# Title

A paragraph with **bold**, a [link](https://a.example/) and \`code\`
over two lines.

1. one
2. two

   still two
3. three

Setext
------

| a | b |
| - | - |
| 1 | 2 |

\`\`\`js
const x = 1;

# not a heading
\`\`\`
> quoted

> quoted again
- x
- y

***

end`;

const whole = (source: string) => parser.parseBlocks(source).flatMap((part) => part.blocks);

/** Mulberry32. */
function random(seed: number) {
	return () => {
		seed = (seed + 0x6d2b79f5) | 0;
		let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
		t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
		return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
	};
}

describe('Markdown that grows', () => {
	test('however it is cut into pieces, it ends as the whole text does', () => {
		const seed = Date.now() % 1e6;
		console.log(`seed ${seed}`);
		const next = random(seed);
		for (let round = 0; round < 50; round++) {
			const stream = new MarkdownStream();
			for (let end = 0; end < reply.length; end += 1 + Math.floor(next() * 12))
				stream.set(reply.slice(0, end));
			stream.set(reply);
			expect(stream.blocks).toEqual(whole(reply));
		}
	});

	test('what is settled keeps its identity, so that its DOM is left alone', () => {
		const stream = new MarkdownStream();
		stream.set('first\n\nsecond\n\nthi');
		const [first, second] = stream.blocks;
		stream.set('first\n\nsecond\n\nthird\n\nfour');
		expect(stream.blocks[0]).toBe(first);
		expect(stream.blocks[1]).toBe(second);
		expect(stream.blocks).toHaveLength(4);
	});

	test('a long reply is read about once, not once for each token', () => {
		const stream = new MarkdownStream();
		const text = Array.from(
			{ length: 400 },
			(_, line) => `Paragraph ${line} with some words in it.\n\n`
		).join('');
		vi.mocked(parser.parseBlocks).mockClear();
		for (let end = 4; end <= text.length; end += 4) stream.set(text.slice(0, end));
		const read = vi.mocked(parser.parseBlocks).mock.calls.reduce((sum, [source]) => sum + source.length, 0);
		expect(read).toBeGreaterThanOrEqual(text.length);
		// A paragraph of 37 characters is read again for each of its pieces: some 20 times its length, whatever follows.
		expect(read / text.length).toBeLessThan(20);
	});

	test('text that does not continue the former is drawn anew', () => {
		const stream = new MarkdownStream();
		stream.set('one\n\ntwo\n\nthree');
		stream.set('other\n\ntext');
		expect(stream.blocks).toEqual(whole('other\n\ntext'));
	});
});
