import { expect, test } from 'vitest';
import type { Content, Contribution, Message } from '#workers/datanets/contribution.ts';
import { bodyOf, editOf, headOf } from './fields.ts';

const said = (role: Message['role'], content: string): Message => ({ role, content });
const talk: Content = {
	kind: 'conversation',
	messages: [
		said('system', 'Be short.'),
		said('user', 'What is a bone?'),
		said('assistant', 'Hard tissue.'),
		said('user', 'And a tendon?'),
		said('assistant', 'A cord.'),
		said('user', 'Thanks.')
	]
};
const row = { content: talk } as Contribution;

test('a conversation is shown and edited by its last answer and what that answers', () => {
	expect([headOf(talk), bodyOf(talk)]).toEqual(['And a tendon?', 'A cord.']);
	const messages = (field: 'head' | 'body') => {
		const content = editOf(row, field, 'new')?.content;
		return content?.kind === 'conversation' ? content.messages.map((message) => message.content) : [];
	};
	const texts = talk.kind === 'conversation' ? talk.messages.map(({ content }) => content) : [];
	expect(messages('head')).toEqual(texts.with(3, 'new'));
	expect(messages('body')).toEqual(texts.with(4, 'new'));
});

test('without an answer the last question stands alone', () => {
	const asked: Content = { kind: 'conversation', messages: [said('user', 'a'), said('user', 'b')] };
	expect([headOf(asked), bodyOf(asked)]).toEqual(['b', '']);
});
