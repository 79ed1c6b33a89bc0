import { expect, test } from 'vitest';
import { fileName, toJson, toMarkdown } from './export.ts';
import type { Conversation, Message } from './records.ts';

const conversation: Conversation = {
	id: 'c',
	title: 'Bones\nof the hip',
	createdAt: Date.UTC(2026, 10, 21),
	updatedAt: 0,
	leaf: 'r2',
	deletedAt: 5
};
const shared = { conversation: 'c', createdAt: 1 };
const messages: Message[] = [
	{ ...shared, id: 'q', parent: null, role: 'user', text: 'What is it? ' },
	{
		...shared,
		id: 'r1',
		parent: 'q',
		role: 'assistant',
		text: 'no',
		status: 'done',
		model: 'Nano',
		adapters: []
	},
	{
		...{
			...shared,
			id: 'r2',
			parent: 'q',
			role: 'assistant',
			text: 'The crest.\n',
			status: 'done',
			model: 'Nano'
		},
		adapters: [{ id: 'a', name: 'Anatomy', weight: 1 }]
	}
];

test('Markdown holds the branch that is shown, with who wrote what', () => {
	expect(toMarkdown(conversation, messages)).toBe(
		'# Bones of the hip\n\n2026-11-21\n\n**You**\n\nWhat is it?\n\n**Nano + Anatomy**\n\nThe crest.\n'
	);
});

test('JSON holds every branch, and no trace of a deletion', () => {
	const parsed = JSON.parse(toJson(conversation, messages));
	expect(parsed.messages).toEqual(JSON.parse(JSON.stringify(messages)));
	expect(parsed).toMatchObject({ format: 'openledger.conversation', version: 1, title: conversation.title });
	expect(parsed).not.toHaveProperty('deletedAt');
});

test.each([
	['../../etc/passwd', 'etc-passwd.md'],
	['CON: a/b\\c?', 'CON-a-b-c.md'],
	['Größe & Länge', 'Gro-ße-La-nge.md'],
	['骨', '骨.md'],
	['…', 'conversation.md'],
	['a'.repeat(200), `${'a'.repeat(60)}.md`]
])('the file name of “%s” suits every file system', (title, name) => {
	expect(fileName(title, 'md')).toBe(name);
});
