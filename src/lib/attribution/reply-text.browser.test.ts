import { expect, test } from 'vitest';
import { render } from 'vitest-browser-svelte';
import Host from '#test/support/Host.svelte';
import Markdown from '../chat/markdown/Markdown.svelte';
import { ReplyText } from './reply-text.ts';

async function draw(text: string) {
	const { container } = await render(Host<{ text: string }>, {
		props: { subject: Markdown, with: { text } }
	});
	const root = container.querySelector('.markdown') as HTMLElement;
	return { root, words: new ReplyText(root, text) };
}

/** The words of a part of the source, as they are drawn. */
function drawn(words: ReplyText, source: string, part: string): string[] {
	const start = source.indexOf(part);
	return words.rangesOf(start, start + part.length).map(String);
}

test('words are found where they are drawn, through emphasis, lists, links, tables and code', async () => {
	const source = `A **bone** is *hard* tissue. It has marrow.

- red marrow makes blood
- [yellow marrow](https://a.example/fat/cells) stores fat

| part | of |
| --- | --- |
| femur | the leg |

\`\`\`js
const femur = 'thigh bone';
\`\`\`

The femur &amp; the tibia meet at the knee.`;
	const { words } = await draw(source);
	expect(drawn(words, source, 'A **bone** is *hard* tissue')).toEqual(['A bone is hard tissue']);
	expect(drawn(words, source, 'It has marrow')).toEqual(['It has marrow']);
	expect(drawn(words, source, 'stores fat')).toEqual(['stores fat']);
	expect(drawn(words, source, 'the leg')).toEqual(['the leg']);
	expect(drawn(words, source, "'thigh bone'")).toEqual(['thigh bone']);
	expect(drawn(words, source, 'meet at the knee')).toEqual(['meet at the knee']);
	// Where a link leads is drawn among its words, and is none of them.
	expect(drawn(words, source, 'yellow marrow](https://a.example/fat/cells) stores')).toEqual([
		'yellow marrow (a.example) stores'
	]);
});

test('a point of the page is a place in the source, and so is what is selected', async () => {
	const source = 'The **femur** is long.\n\nThe tibia is shorter.';
	const { root, words } = await draw(source);
	const [range] = words.rangesOf(source.indexOf('tibia'), source.indexOf('tibia') + 5);
	const box = range?.getBoundingClientRect() as DOMRect;
	expect(words.placeAt(box.left + box.width / 2, box.top + box.height / 2)).toBe(source.indexOf('tibia'));
	expect(words.placeAt(-10, -10)).toBeUndefined();
	const [from] = words.rangesOf(source.indexOf('femur'), source.indexOf('femur') + 5);
	const [to] = words.rangesOf(source.lastIndexOf('The'), source.lastIndexOf('The') + 3);
	const selected = new Range();
	selected.setStart(from?.startContainer as Text, (from?.startOffset ?? 0) + 2);
	selected.setEnd(to?.endContainer as Text, to?.endOffset ?? 0);
	expect(root.contains(selected.commonAncestorContainer)).toBe(true);
	const covered = words.coveredBy(selected);
	expect(source.slice(covered?.start, covered?.end)).toBe('femur** is long.\n\nThe');
});

test('marking a hostile reply leaves it as it was drawn', async () => {
	const source = '<img src=x onerror=alert(1)> and <b>bold</b> text';
	const { root, words } = await draw(source);
	const before = root.innerHTML;
	expect(drawn(words, source, 'onerror=alert(1)> and <b>bold')).toEqual(['onerror=alert(1)> and <b>bold']);
	expect(root.innerHTML).toBe(before);
});
