import { expect, test } from 'vitest';
import { OpenLedgerError } from '#workers/errors.ts';
import type { ChatMessage } from '#workers/protocol.ts';
import { fitConversation, type ChatTemplate } from './conversation.ts';

/** One token a character; a turn costs its text and three more. */
const template: ChatTemplate = {
	encode: (text) => [...text].map((character) => character.codePointAt(0) ?? 0),
	applyChatTemplate: (messages, { addGenerationPrompt }) =>
		messages.map(({ role, content }) => `${role[0]}:${content};`).join('') + (addGenerationPrompt ? 'a:' : '')
};
const text = (tokens: number[]) => String.fromCodePoint(...tokens);
const user = (content: string): ChatMessage => ({ role: 'user', content });
const assistant = (content: string): ChatMessage => ({ role: 'assistant', content });
const system: ChatMessage = { role: 'system', content: 'S' };
const talk = [system, user('one'), assistant('1'), user('two'), assistant('2'), user('three')];

test('a conversation that fits is kept whole', () => {
	const { tokens, trimmed } = fitConversation(template, talk, { contextLength: 100, reserve: 10 });
	expect(text(tokens)).toBe('s:S;u:one;a:1;u:two;a:2;u:three;a:');
	expect(trimmed).toBe(0);
});

test('the oldest turns go first, in whole exchanges, and the system message stays', () => {
	const { tokens, trimmed } = fitConversation(template, talk, { contextLength: 40, reserve: 10 });
	expect(text(tokens)).toBe('s:S;u:two;a:2;u:three;a:');
	expect(trimmed).toBe(2);
});

test('a begun reply is continued, not closed', () => {
	const begun = [user('one'), assistant('a begun')];
	const { tokens } = fitConversation(template, begun, { contextLength: 100, reserve: 10 });
	expect(text(tokens)).toBe('u:one;a:a begun');
});

test('a question that does not fit alone is an error that says how long it is', () => {
	expect(() =>
		fitConversation(template, [...talk, user('x'.repeat(50))], { contextLength: 40, reserve: 10 })
	).toThrow(OpenLedgerError);
});
