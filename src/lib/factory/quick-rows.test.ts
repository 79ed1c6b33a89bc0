import { expect, test } from 'vitest';
import { pastedFile, quickRows } from './quick-rows.ts';

const contents = async (text: string) =>
	(await quickRows([pastedFile(text)], 'Pasted')).rows.map(({ content }) => content);

test('lines with a tab are questions and answers, with or without headings', async () => {
	const rows = [
		{ kind: 'pair', prompt: 'What is a bone?', response: 'A hard organ, of the skeleton.' },
		{ kind: 'pair', prompt: 'What is a joint?', response: 'Where bones meet.' }
	];
	const text = 'What is a bone?\tA hard organ, of the skeleton.\nWhat is a joint?\tWhere bones meet.';
	expect(await contents(text)).toEqual(rows);
	expect(await contents(`question\tanswer\n${text}`)).toEqual(rows);
});

test('JSON lines, CSV and plain text are read as an import reads them', async () => {
	expect(await contents('{"prompt":"a","response":"b"}\n{"prompt":"c","response":"d"}')).toHaveLength(2);
	expect(await contents('prompt,response\na,b')).toEqual([{ kind: 'pair', prompt: 'a', response: 'b' }]);
	expect((await contents('One sentence, with a comma.\n\nAnother one.'))[0]).toMatchObject({
		kind: 'passage'
	});
});

test('equal rows are one row, and nothing at all is refused in words', async () => {
	expect(await contents('a\tb\na\tb')).toHaveLength(1);
	await expect(quickRows([pastedFile('  ')], 'Pasted')).rejects.toMatchObject({ code: expect.any(String) });
});
