import { Lexer, type Token, type Tokens } from 'marked';
import type { Block, Inline, Item } from './ast.ts';
import { safeLink } from './link.ts';

/** Nesting beyond this is shown as plain text: ten thousand `>` must not exhaust the stack. */
const maxDepth = 12;

/** Top-level blocks of Markdown (GFM), with the source each came from. HTML, images and unsafe links become text. */
export function parseBlocks(source: string): { raw: string; blocks: Block[] }[] {
	const shallow = tooDeep(source)
		? [{ type: 'text', raw: source, text: source } as Token]
		: new Lexer().lex(source);
	return shallow.map((token) => ({ raw: token.raw, blocks: block(token, 0) }));
}

/** Whether some line opens more quotes and list items than we draw; the lexer recurses once for each. */
function tooDeep(source: string): boolean {
	return /^(?:[ \t]*(?:>|[-*+](?=\s)|\d{1,9}[.)](?=\s))){40}/m.test(source);
}

function block(token: Token, depth: number): Block[] {
	if (depth > maxDepth) return [plain(token.raw)];
	switch (token.type) {
		case 'space':
			return [];
		case 'paragraph':
			return [{ type: 'paragraph', children: inline(token.tokens) }];
		case 'text':
			return [{ type: 'paragraph', children: token.tokens ? inline(token.tokens) : [text(token.text)] }];
		case 'heading':
			return [{ type: 'heading', depth: (token as Tokens.Heading).depth, children: inline(token.tokens) }];
		case 'code':
			return [{ type: 'code', language: language(token as Tokens.Code), text: (token as Tokens.Code).text }];
		case 'blockquote':
			return [{ type: 'quote', blocks: (token.tokens ?? []).flatMap((child) => block(child, depth + 1)) }];
		case 'list':
			return [list(token as Tokens.List, depth)];
		case 'table':
			return [table(token as Tokens.Table)];
		case 'hr':
			return [{ type: 'rule' }];
		default:
			return token.raw.trim() ? [plain(token.raw)] : [];
	}
}

function list(token: Tokens.List, depth: number): Block {
	return {
		type: 'list',
		start: token.ordered ? Number(token.start || 1) : null,
		items: token.items.map((item): Item => ({
			checked: item.task ? item.checked === true : null,
			blocks: item.tokens
				.filter((child) => child.type !== 'checkbox')
				.flatMap((child) => block(child, depth + 1))
		}))
	};
}

function table(token: Tokens.Table): Block {
	return {
		type: 'table',
		align: token.align,
		header: token.header.map((cell) => inline(cell.tokens)),
		rows: token.rows.map((row) => row.map((cell) => inline(cell.tokens)))
	};
}

function inline(tokens: Token[] | undefined, depth = 0): Inline[] {
	if (depth > maxDepth) return (tokens ?? []).map((token) => text(token.raw));
	return (tokens ?? []).flatMap((token): Inline[] => {
		switch (token.type) {
			case 'strong':
				return [{ type: 'strong', children: inline(token.tokens, depth + 1) }];
			case 'em':
				return [{ type: 'emphasis', children: inline(token.tokens, depth + 1) }];
			case 'del':
				return [{ type: 'deleted', children: inline(token.tokens, depth + 1) }];
			case 'codespan':
				return [{ type: 'code', text: (token as Tokens.Codespan).text }];
			case 'br':
				return [{ type: 'break' }];
			case 'escape':
				return [{ type: 'text', text: (token as Tokens.Escape).text }];
			case 'text':
				return token.tokens ? inline(token.tokens, depth + 1) : [text((token as Tokens.Text).text)];
			case 'link':
				return link(token as Tokens.Link, depth);
			// Nothing is loaded from elsewhere: an image is the words that describe it.
			case 'image':
				return [text((token as Tokens.Image).text)];
			default:
				return [text(token.raw)];
		}
	});
}

function link(token: Tokens.Link, depth: number): Inline[] {
	const children = inline(token.tokens, depth + 1);
	const safe = safeLink(token.href);
	return safe ? [{ type: 'link', ...safe, children }] : children;
}

function language(token: Tokens.Code): string {
	return (token.lang ?? '').match(/^[\w+#.-]{1,20}/)?.[0] ?? '';
}

function plain(raw: string): Block {
	return { type: 'paragraph', children: [{ type: 'text', text: raw.trimEnd() }] };
}

const entities: Record<string, string> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'", nbsp: '\u00a0' };

/** Text with the few entities that models write turned into characters; the result is only ever a text node. */
function text(source: string): Inline {
	const decoded = source.replace(
		/&(?:#(\d{1,7})|#x([\da-f]{1,6})|(\w{2,6}));/gi,
		(whole, decimal, hex, name) => {
			if (name) return entities[name] ?? whole;
			const code = decimal ? Number(decimal) : parseInt(hex, 16);
			return code > 31 && code <= 0x10ffff && (code < 0xd800 || code > 0xdfff)
				? String.fromCodePoint(code)
				: whole;
		}
	);
	return { type: 'text', text: decoded };
}
