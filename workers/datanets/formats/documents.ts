import { marked, type Token } from 'marked';
import type { Block } from './blocks.ts';

/** Plain text: paragraphs stand between blank lines; lines of one paragraph are joined. */
export function* blocksOfText(text: string): Generator<Block> {
	for (const paragraph of text.replace(/\r\n?/g, '\n').split(/\n\s*\n/)) {
		const lines = paragraph.split('\n').map((line) => line.trim());
		// Short lines are verses, addresses or tables and keep their ends.
		const wrapped = lines.length > 1 && lines.slice(0, -1).every((line) => line.length > 50);
		const joined = lines.join(wrapped ? ' ' : '\n').trim();
		if (joined !== '') yield { text: joined };
	}
}

/** Markdown: its headings and, as Markdown, what stands between them. Front matter and raw HTML comments are left out. */
export function* blocksOfMarkdown(markdown: string): Generator<Block> {
	const body = markdown.replace(/^\uFEFF?---\n[\s\S]*?\n---\n/, '');
	for (const token of marked.lexer(body) as Token[]) {
		if (token.type === 'heading') yield { heading: plainOf(token.text), level: token.depth };
		else if (token.type === 'html' && /^\s*<!--/.test(token.raw)) continue;
		else if (token.type !== 'space' && token.type !== 'hr' && token.type !== 'def' && token.raw.trim() !== '')
			yield { text: token.raw.trim() };
	}
}

/** Words of an inline Markdown text. */
function plainOf(text: string): string {
	return text
		.replace(/!?\[([^\]]*)\]\([^)]*\)/g, '$1')
		.replace(/[*_`~]+/g, '')
		.trim();
}
