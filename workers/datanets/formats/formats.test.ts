import { gzipSync } from 'node:zlib';
import { parquetWriteBuffer } from 'hyparquet-writer';
import { expect, test } from 'vitest';
import { pdf } from '#test/support/pdf.ts';
import { docx, zip } from '#test/support/zip.ts';
import type { Item } from './items.ts';
import { formatOf, openItems } from './open.ts';

async function read(name: string, ...parts: BlobPart[]): Promise<Item[]> {
	const file = new File(parts, name);
	const items: Item[] = [];
	for await (const group of await openItems(file, await formatOf(file))) items.push(...group);
	return items;
}

const records = (items: Item[]) => items.flatMap((item) => ('record' in item ? [item.record] : []));
const problems = (items: Item[]) => items.flatMap((item) => ('problem' in item ? [item] : []));

test('JSON Lines: good lines go in, a bad one is named with its number and reason', async () => {
	const items = await read('a.jsonl', '{"a":1}\r\n\n{"a":2\n[3]\n{"a":"\\u00e9 é 🦴"}');
	expect(records(items)).toEqual([{ a: 1 }, { a: 'é é 🦴' }]);
	expect(problems(items)).toMatchObject([
		{ at: 3, problem: expect.stringContaining('not valid JSON') },
		{ at: 4, problem: 'not an object with named fields' }
	]);
});

test.each<[string, Uint8Array<ArrayBuffer>]>([
	['UTF-8 with a byte order mark', new TextEncoder().encode('\uFEFF{"a":"größe"}')],
	['UTF-16', new Uint8Array(Buffer.from('\uFEFF{"a":"größe"}', 'utf16le'))],
	['windows-1252', new Uint8Array(Buffer.from('{"a":"größe"}', 'latin1'))],
	['gzip', new Uint8Array(gzipSync('{"a":"größe"}'))]
])('text in %s is read', async (_, bytes) => {
	expect(records(await read('a.jsonl', bytes))).toEqual([{ a: 'größe' }]);
});

test('a line of any length costs a problem, not the memory', async () => {
	const items = await read('a.jsonl', '{"a":1}\n{"a":"', 'x'.repeat(50_000_000), '"}\n{"a":2}');
	expect(records(items)).toEqual([{ a: 1 }, { a: 2 }]);
	expect(problems(items)).toMatchObject([{ at: 2, problem: expect.stringContaining('longer than') }]);
});

test.each<[string, string]>([
	['an array', '[{"a":1,"b":[{"c":"]}"}]},\n {"a":"\\"}"}]'],
	[
		'an array inside an object',
		'{"tags":["x","y"],"n":{"m":1},"data":[{"a":1,"b":[{"c":"]}"}]},{"a":"\\"}"}]}'
	]
])('JSON: the records of %s', async (_, text) => {
	expect(records(await read('a.json', text))).toEqual([{ a: 1, b: [{ c: ']}' }] }, { a: '"}' }]);
});

test('JSON that holds lines of objects is read as such; JSON without records is refused', async () => {
	expect(records(await read('a.json', '{"a":1}\n{"a":2}'))).toEqual([{ a: 1 }, { a: 2 }]);
	await expect(read('a.json', '{"a":1}')).rejects.toMatchObject({ code: 'import/malformed' });
	await expect(read('a.json', 'hello')).rejects.toMatchObject({ code: 'import/malformed' });
});

test('CSV: quotes, line breaks in cells, semicolons, missing and surplus cells', async () => {
	const csv =
		'prompt,response,prompt\r\n"a ""quoted"", cell","two\nlines",x\r\nonly one\r\n\r\n1,2,3,4\r\nlast,row,y';
	const items = await read('a.csv', csv);
	expect(records(items)).toEqual([
		{ prompt: 'a "quoted", cell', response: 'two\nlines', 'prompt (2)': 'x' },
		{ prompt: 'only one', response: '', 'prompt (2)': '' },
		{ prompt: 'last', response: 'row', 'prompt (2)': 'y' }
	]);
	expect(problems(items)).toMatchObject([{ at: 6, problem: '4 cells, but the first line names 3 columns' }]);
	expect(records(await read('a.csv', 'a;b\n1,5;2'))).toEqual([{ a: '1,5', b: '2' }]);
	expect(records(await read('a.tsv', 'a\tb\n1,5\t2'))).toEqual([{ a: '1,5', b: '2' }]);
});

test('CSV: broken quotes cost their line alone', async () => {
	const items = await read('a.csv', 'a,b\n1,"x"y"\n3,4\n');
	expect(records(items).at(-1)).toEqual({ a: '3', b: '4' });
	expect(problems(items)).toMatchObject([{ at: 2 }]);
	const inches = await read('a.csv', 'a,b\n5" pipe,x\n"open,y\n3,4\n5,6');
	expect(records(inches)).toEqual([
		{ a: '5" pipe', b: 'x' },
		{ a: '3', b: '4' },
		{ a: '5', b: '6' }
	]);
	expect(problems(inches)).toMatchObject([{ at: 3 }]);
	const several = problems(await read('a.csv', 'a,b\n"open,y\n3,4\n5,"six\n7,8'));
	expect(several).toMatchObject([{ at: 2, problem: expect.stringContaining('3 lines') }]);
	await expect(read('a.csv', '')).rejects.toMatchObject({ code: 'import/malformed' });
});

test('CSV cut anywhere by the stream reads the same', async () => {
	const csv = 'a,b\n' + Array.from({ length: 300 }, (_, i) => `"row ${i}\n""x""","é${i}"`).join('\r\n');
	const bytes = new TextEncoder().encode(csv);
	const expected = records(await read('a.csv', csv));
	expect(expected).toHaveLength(300);
	const chopped = new File([bytes], 'a.csv');
	chopped.stream = () =>
		new ReadableStream({
			start(controller) {
				for (let at = 0; at < bytes.length; at += 7) controller.enqueue(bytes.slice(at, at + 7));
				controller.close();
			}
		});
	const items: Item[] = [];
	for await (const group of await openItems(chopped, 'csv')) items.push(...group);
	expect(records(items)).toEqual(expected);
});

test('Parquet: all rows in order, with nested lists, large numbers and dates', async () => {
	const count = 25_000;
	const column = <T>(make: (i: number) => T) => Array.from({ length: count }, (_, i) => make(i));
	const bytes = parquetWriteBuffer({
		columnData: [
			{ name: 'text', data: column((i) => `row ${i}`), type: 'STRING' },
			{ name: 'n', data: column((i) => BigInt(i)), type: 'INT64' },
			{ name: 'messages', data: column((i) => [{ role: 'user', content: `${i}` }]), type: 'JSON' },
			{ name: 'at', data: column(() => new Date(0)), type: 'TIMESTAMP' }
		]
	});
	const items = records(await read('a.parquet', bytes));
	expect(items).toHaveLength(count);
	expect(items.every((item, i) => item.text === `row ${i}` && item.n === i)).toBe(true);
	expect(items[7]).toEqual({
		text: 'row 7',
		n: 7,
		messages: [{ role: 'user', content: '7' }],
		at: '1970-01-01T00:00:00.000Z'
	});
	await expect(read('a.parquet', 'PAR1 and then nothing')).rejects.toMatchObject({
		code: 'import/malformed'
	});
});

test('Markdown is cut at headings; each passage knows where it stood', async () => {
	const items = await read(
		'a.md',
		'---\ntitle: x\n---\n# Bones\nIntro.\n\n## The *femur*\n\nLong bone.\n\n- one\n- two\n\n## Skull\nRound.\n# Muscles\nPull.'
	);
	expect(records(items)).toEqual([
		{ title: 'Bones', text: 'Intro.' },
		{ title: 'Bones › The femur', text: 'Long bone.\n\n- one\n- two' },
		{ title: 'Bones › Skull', text: 'Round.' },
		{ title: 'Muscles', text: 'Pull.' }
	]);
});

test('text is cut at paragraphs, and a paragraph without end between sentences', async () => {
	const sentence = 'The heart pumps blood through the body. ';
	const items = records(await read('a.txt', `First.\n\nSecond.\r\n\r\n${sentence.repeat(100)}`));
	expect(items[0]).toEqual({ title: '', text: 'First.\n\nSecond.' });
	expect(items.slice(1).every((item) => String(item.text).endsWith('body.'))).toBe(true);
	expect(
		items
			.slice(1)
			.map((item) => item.text)
			.join(' ')
	).toBe(sentence.repeat(100).trim());
});

test('a Word document gives its paragraphs under their headings', async () => {
	const bytes = docx([
		['Heading1', 'Bones'],
		['', 'A bone is an organ.'],
		['Heading2', 'Femur'],
		['', 'The longest &amp; strongest.']
	]);
	expect(records(await read('a.docx', bytes))).toEqual([
		{ title: 'Bones', text: 'A bone is an organ.' },
		{ title: 'Bones › Femur', text: 'The longest & strongest.' }
	]);
});

test('a document that unpacks without end is refused before it is unpacked', async () => {
	const bomb = zip({ 'word/document.xml': new Uint8Array(120_000_000) });
	expect(bomb.length).toBeLessThan(200_000);
	await expect(read('a.docx', bomb)).rejects.toMatchObject({ code: 'datanet/too-large' });
	await expect(read('a.docx', zip({ a: 'b' }).slice(0, -10))).rejects.toMatchObject({
		code: 'import/malformed'
	});
});

test('a PDF gives paragraphs, also over a page’s end, under its headings', async () => {
	const bytes = pdf([
		[
			[24, 0, 'The skeleton'],
			[11, 40, 'A bone is a rigid organ that is part of the skele-'],
			[11, 14, 'ton in most vertebrate animals.'],
			[11, 30, 'Bones protect the other organs and produce blood cells; they'],
			[11, 14, 'store']
		],
		[
			[11, 0, 'minerals too.'],
			[15, 40, 'The femur'],
			[11, 30, 'It is the longest bone.']
		]
	]);
	expect(records(await read('a.pdf', bytes))).toEqual([
		{
			title: 'The skeleton',
			text:
				'A bone is a rigid organ that is part of the skeleton in most vertebrate animals.\n\n' +
				'Bones protect the other organs and produce blood cells; they store minerals too.'
		},
		{ title: 'The skeleton › The femur', text: 'It is the longest bone.' }
	]);
	await expect(read('a.pdf', '%PDF-1.4 and then nothing')).rejects.toMatchObject({
		code: 'import/malformed'
	});
	await expect(read('a.pdf', pdf([[]]))).rejects.toMatchObject({
		message: expect.stringContaining('no text')
	});
});

test.each([
	['a.exe', 'MZ'],
	['noextension', 'x'],
	['a.docx', 'not a zip'],
	['a.csv', 'PK\u0003\u0004'],
	['a.constructor', 'x']
])('%s is no kind of file for import', async (name, content) => {
	await expect(read(name, content)).rejects.toMatchObject({ code: 'import/unsupported' });
});
