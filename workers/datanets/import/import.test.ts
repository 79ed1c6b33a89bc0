import { expect, test } from 'vitest';
import { ADA, contribution, pair } from '#test/support/datanet.ts';
import { openDatanet, orphans, rowsOf } from '#test/support/datanet-db.ts';
import { writeTable, type TableFormat } from '../export/tables.ts';
import { rowsIn } from '../export/rows.ts';
import { Session } from '../session.ts';
import { addRows } from '../store/edits.ts';
import { guessMapping } from './guess.ts';
import { importFiles, type ImportOptions } from './import.ts';
import { previewFile } from './preview.ts';

async function device(): Promise<Session> {
	const { db, id } = await openDatanet();
	return Session.open(db, id);
}

const options = (change: Partial<ImportOptions> = {}): ImportOptions => ({
	contributor: ADA,
	mapping: { kind: 'pair', prompt: ['q'], response: 'a' },
	defaults: { licence: 'MIT', source: 'test', language: 'en', tags: ['imported'] },
	skipDuplicates: true,
	...change
});

async function run(
	session: Session,
	files: File[],
	change: Partial<ImportOptions> = {},
	signal = new AbortController().signal
) {
	await session.refresh();
	return importFiles(session, files, options(change), session.index.contents(), () => undefined, signal);
}

const jsonl = (name: string, ...records: unknown[]) =>
	new File(
		[records.map((record) => (typeof record === 'string' ? record : JSON.stringify(record))).join('\n')],
		name
	);

test('good rows of all files go in; bad ones are listed with file, line and reason; equal ones are left out', async () => {
	const session = await device();
	const report = await run(session, [
		jsonl('one.jsonl', { q: 'a', a: '1' }, 'not json', { q: 'b', a: '2' }, { q: 'a', a: '1' }),
		jsonl('two.jsonl', { q: 'c', a: '3' }, { q: '', a: ' ' }, { q: 'b', a: '2' }),
		new File(['MZ'], 'three.exe')
	]);
	expect(report).toMatchObject({ added: 3, duplicates: 2, problemCount: 3 });
	expect(report.problems).toMatchObject([
		{ file: 'one.jsonl', at: 2 },
		{ file: 'two.jsonl', at: 2, reason: 'prompt and response are empty' },
		{ file: 'three.exe', at: 0 }
	]);
	const rows = await rowsOf(session);
	expect(rows.map((row) => row.content)).toEqual([pair('a', '1'), pair('b', '2'), pair('c', '3')]);
	expect(rows[0]).toMatchObject({
		contributor: ADA,
		licence: 'MIT',
		source: 'test',
		language: 'en',
		tags: ['imported']
	});
	expect(await run(session, [jsonl('again.jsonl', { q: 'a', a: '1' })])).toMatchObject({
		added: 0,
		duplicates: 1
	});
});

test('a cancelled import leaves nothing', async () => {
	const session = await device();
	const controller = new AbortController();
	const file = jsonl('a.jsonl', ...Array.from({ length: 3_000 }, (_, i) => ({ q: `${i}`, a: 'x' })));
	const running = importFiles(
		session,
		[file],
		options(),
		() => false,
		({ rows }) => rows > 0 && controller.abort(),
		controller.signal
	);
	await expect(running).rejects.toMatchObject({ code: 'aborted' });
	expect(await rowsOf(session)).toEqual([]);
	expect(await orphans(session)).toEqual([]);
});

test.each<[string, Record<string, unknown>, string, unknown]>([
	[
		'OpenAI chat',
		{
			messages: [
				{ role: 'user', content: 'hi' },
				{ role: 'assistant', content: [{ type: 'text', text: 'ho' }] }
			]
		},
		'conversation',
		{
			messages: [
				{ role: 'user', content: 'hi' },
				{ role: 'assistant', content: 'ho' }
			]
		}
	],
	[
		'ShareGPT',
		{
			conversations: [
				{ from: 'human', value: 'hi' },
				{ from: 'gpt', value: 'ho' }
			],
			system: 'be kind'
		},
		'conversation',
		{
			messages: [
				{ role: 'system', content: 'be kind' },
				{ role: 'user', content: 'hi' },
				{ role: 'assistant', content: 'ho' }
			]
		}
	],
	[
		'Alpaca',
		{ instruction: 'Add', input: '1 and 2', output: '3' },
		'pair',
		{ prompt: 'Add\n\n1 and 2', response: '3' }
	],
	[
		'Alpaca',
		{ instruction: 'Say hi', input: '', output: 'hi' },
		'pair',
		{ prompt: 'Say hi', response: 'hi' }
	],
	[
		'Prompt and response',
		{ question: 'why', answer: 'because', url: 'http://x' },
		'pair',
		{ prompt: 'why', response: 'because' }
	],
	[
		'Prompt and response',
		{ term: 'femur', definition: 'bone' },
		'pair',
		{ prompt: 'femur', response: 'bone' }
	],
	['Passages', { title: 'T', text: 'words' }, 'passage', { title: 'T', text: 'words' }],
	['Unknown', { foo: 'x', bar: 'y' }, 'pair', { prompt: 'x', response: 'y' }]
])('%s is recognised and mapped', async (layout, record, kind, content) => {
	const { layout: recognised, mapping } = guessMapping(Object.keys(record), [record]);
	expect(recognised).toBe(layout);
	const session = await device();
	await run(session, [jsonl('a.jsonl', record)], { mapping });
	expect((await rowsOf(session))[0]?.content).toEqual({ kind, ...(content as object) });
});

test.each([
	['an unknown role', { m: [{ role: 'robot', content: 'x' }] }, 'unknown role'],
	['a picture', { m: [{ role: 'user', content: [{ type: 'image_url' }] }] }, 'other than text'],
	['no list', { m: 'x' }, 'no list'],
	['a 50 MB cell', { m: [{ role: 'user', content: 'x'.repeat(300_000) }] }, 'longer than 200,000']
])('a conversation with %s is listed, not taken', async (_, record, reason) => {
	const session = await device();
	const report = await run(session, [jsonl('a.jsonl', record)], {
		mapping: { kind: 'conversation', messages: 'm' }
	});
	expect(report).toMatchObject({ added: 0, problems: [{ reason: expect.stringContaining(reason) }] });
});

const tricky = [
	contribution(pair('=HYPERLINK("http://x")', "'=still text"), { source: '@x', tags: ['a,b', 'c"d'] }),
	contribution({
		kind: 'pair',
		prompt: '<script>alert(1)</script>',
		response: 'two\r\nlines\t"quoted"',
		system: '-s'
	}),
	contribution({
		kind: 'conversation',
		messages: [
			{ role: 'user', content: '👩‍🔬 مرحبا' },
			{ role: 'assistant', content: '' }
		]
	}),
	contribution(
		{ kind: 'passage', text: ' spaces kept \n', title: '+1' },
		{ licence: '', language: '', tags: [] }
	),
	contribution(pair('correction', 'x'), { parent: contribution(pair('a', 'b')).id, parentShare: 1_234 })
];

test.each<TableFormat>(['jsonl', 'csv', 'parquet'])(
	'a round trip through %s loses nothing',
	async (format) => {
		const session = await device();
		await addRows(session, tricky, 'Add');
		await session.refresh();
		const blob = await writeTable(rowsIn(session, session.catalogue.listed()), format);
		const file = new File([blob], `rows.${format}`);
		expect(await previewFile(file)).toMatchObject({ own: true });
		const copy = await device();
		expect(await run(copy, [file], { mapping: undefined, skipDuplicates: false })).toMatchObject({
			added: 5,
			problemCount: 0
		});
		expect(await rowsOf(copy)).toEqual(tricky);
	}
);

test('a changed row of our own format is refused, since its id no longer fits', async () => {
	const [row] = tricky;
	const session = await device();
	const report = await run(session, [jsonl('a.jsonl', { ...row?.content, ...row, licence: 'CC0-1.0' })], {
		mapping: undefined
	});
	expect(report).toMatchObject({
		added: 0,
		problems: [{ reason: expect.stringContaining('do not match its id') }]
	});
});

test('a folder may hold tables of several layouts, and documents: each is read in its own way and names its file', async () => {
	const session = await device();
	const files = [
		jsonl('one.jsonl', { q: 'a', a: '1' }),
		new File(['question,answer\nb,2\n'], 'two.csv'),
		new File(['# Wrist\n\nEight bones.\n'], 'three.md'),
		jsonl('four.jsonl', { nothing: 'known' })
	];
	const report = await run(session, files, { defaults: { ...options().defaults, source: '' } });
	expect(report).toMatchObject({ added: 3, problemCount: 1, problems: [{ file: 'four.jsonl', at: 1 }] });
	const rows = await rowsOf(session);
	expect(rows.map((row) => row.content)).toEqual([
		pair('a', '1'),
		pair('b', '2'),
		{ kind: 'passage', title: 'Wrist', text: 'Eight bones.' }
	]);
	expect(rows.map((row) => row.source)).toEqual(['one.jsonl', 'two.csv', 'three.md']);
});
