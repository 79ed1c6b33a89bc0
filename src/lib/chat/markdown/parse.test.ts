import { describe, expect, test } from 'vitest';
import { processorTime } from '#test/support/processor-time.ts';
import type { Block, Inline } from './ast.ts';
import { parseBlocks } from './parse.ts';

const parse = (source: string) => parseBlocks(source).flatMap((part) => part.blocks);

/** Every link in a tree, and all of its text. */
function flatten(blocks: Block[]): { links: string[]; text: string } {
	const links: string[] = [];
	let text = '';
	const inline = (nodes: Inline[]) => {
		for (const node of nodes) {
			if ('text' in node) text += node.text;
			if (node.type === 'link') links.push(node.href);
			if ('children' in node) inline(node.children);
		}
	};
	const walk = (nodes: Block[]) => {
		for (const node of nodes) {
			if ('children' in node) inline(node.children);
			if (node.type === 'code') text += node.text;
			if (node.type === 'quote') walk(node.blocks);
			if (node.type === 'list') for (const item of node.items) walk(item.blocks);
			if (node.type === 'table')
				for (const row of [node.header, ...node.rows]) for (const cell of row) inline(cell);
		}
	};
	walk(blocks);
	return { links, text };
}

describe('hostile replies', () => {
	test.each([
		['<script>alert(1)</script>', '<script>alert(1)</script>'],
		['<img src=x onerror=alert(1)>', '<img src=x onerror=alert(1)>'],
		['before <b onclick="x()">bold</b> after', '<b onclick="x()">'],
		['<iframe src="https://evil.example"></iframe>', '<iframe'],
		['&lt;script&gt;', '<script>'],
		['&#60;script&#62; &#x3c;b&#x3e;', '<script> <b>']
	])('HTML stays text: %s', (source, shown) => {
		const { text, links } = flatten(parse(source));
		expect(text).toContain(shown);
		expect(links).toEqual([]);
	});

	test.each([
		'[x](javascript:alert(1))',
		'[x](JaVaScRiPt:alert(1))',
		'[x](java&#115;cript:alert(1))',
		'[x](<java\tscript:alert(1)>)',
		'[x](data:text/html;base64,PHNjcmlwdD4=)',
		'[x](vbscript:x)',
		'[x](blob:https://a.example/1)',
		'[x](file:///etc/passwd)',
		'[x](/settings)',
		'[x](//evil.example/a)',
		'[x](#hash)',
		'<javascript:alert(1)>',
		'[x]: javascript:alert(1)\n\n[x]'
	])('a link that could run something or lead into the app is not a link: %s', (source) => {
		expect(flatten(parse(source)).links).toEqual([]);
	});

	test('nothing is loaded from elsewhere: an image is its description', () => {
		const { text, links } = flatten(
			parse('![a chart](https://evil.example/pixel.png?who=me) ![](https://evil.example/2)')
		);
		expect(text.trim()).toBe('a chart');
		expect(links).toEqual([]);
	});

	test('an image inside a link does not load either', () => {
		const { text, links } = flatten(parse('[![alt](https://evil.example/a.png)](https://a.example/)'));
		expect(text).toBe('alt');
		expect(links).toEqual(['https://a.example/']);
	});

	test('a link shows where it leads, and a misleading name before the host is dropped', () => {
		const [block] = parse('[bank.example](https://bank.example@evil.example/login)');
		expect(block).toEqual({
			type: 'paragraph',
			children: [
				{
					type: 'link',
					href: 'https://evil.example/login',
					target: 'evil.example',
					children: [{ type: 'text', text: 'bank.example' }]
				}
			]
		});
	});

	test('a host in look-alike letters is shown in its plain form', () => {
		const { links } = flatten(parse('[x](https://аpple.com/)'));
		expect(links[0]).toMatch(/^https:\/\/xn--/);
	});

	test.each([
		['quotes', '>'.repeat(20_000) + ' x'],
		['spaced quotes', '> '.repeat(20_000) + 'x'],
		['lists', Array.from({ length: 300 }, (_, depth) => `${'  '.repeat(depth)}- x`).join('\n')],
		['emphasis', '*a '.repeat(5000)],
		['brackets', '['.repeat(5000)],
		['open links', '[a]('.repeat(2000)],
		['backticks', '`'.repeat(9999) + 'x'],
		['strong', '**'.repeat(5000) + 'x'],
		['pipes', '|'.repeat(5000) + '\n' + '|-'.repeat(2500)]
	])('deep or unclosed %s end in text, soon', (_, source) => {
		const started = processorTime();
		expect(flatten(parse(source)).text.length + source.length).toBeGreaterThan(0);
		expect(processorTime() - started).toBeLessThan(4000);
	});

	test('a language name cannot carry anything but a name', () => {
		expect(parse('```js" onmouseover="x()\n1\n```')).toEqual([{ type: 'code', language: 'js', text: '1' }]);
	});
});

describe('ordinary replies', () => {
	test('lists, tasks and numbers keep their structure', () => {
		expect(parse('3. a\n4. b\n\n- [x] done\n- [ ] open')).toMatchObject([
			{ type: 'list', start: 3, items: [{ checked: null }, { checked: null }] },
			{ type: 'list', start: null, items: [{ checked: true }, { checked: false }] }
		]);
	});

	test('a table keeps its alignment', () => {
		expect(parse('| a | b |\n| :-- | --: |\n| 1 | 2 |')).toMatchObject([
			{ type: 'table', align: ['left', 'right'], rows: [[[{ text: '1' }], [{ text: '2' }]]] }
		]);
	});

	test('an open fence is code already', () => {
		expect(parse('```py\nx = 1')).toEqual([{ type: 'code', language: 'py', text: 'x = 1' }]);
	});

	test('the sources of the blocks add up to the whole', () => {
		const source = '# a\n\ntext *b*\n\n- c\n- d\n\n```\ne\n```\n\n> f\n';
		expect(
			parseBlocks(source)
				.map((part) => part.raw)
				.join('')
		).toBe(source);
	});
});
