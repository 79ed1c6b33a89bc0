import { expect, test } from 'vitest';
import { OpenLedgerError } from '#workers/errors.ts';
import type { ChatMessage } from '#workers/protocol.ts';
import { encodePrompt, fitConversation, instructionTokens, type ChatTemplate } from './conversation.ts';

/** One token a character; a turn costs its text and three more. */
const template: ChatTemplate = {
	// A generous bound.
	longestToken: 4,
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

test('a question that does not fit alone is an error that says how long it is, and leaves out instructions that would', () => {
	const asked = [...talk, user('x'.repeat(50))];
	expect(() => fitConversation(template, asked, { contextLength: 40, reserve: 10 })).toThrow(
		expect.objectContaining({
			code: 'prompt/too-long',
			message: 'The message has 55 tokens; this model has room for 30 beside its reply.'
		})
	);
});

test('instructions that leave no room are blamed, not the question', () => {
	const asked = [{ role: 'system' as const, content: 'S'.repeat(40) }, user('why?')];
	expect(() => fitConversation(template, asked, { contextLength: 40, reserve: 10 })).toThrow(
		expect.objectContaining({
			code: 'prompt/too-long',
			message: expect.stringMatching(
				/^The instructions .* take 43 tokens .*: it has 9, .* 30 beside/
			) as string,
			remedy: expect.stringContaining('instructions') as string,
			details: { instructions: 43, question: 9, contextLength: 40, reserve: 10 }
		})
	);
	// As many as a form may say beforehand: with an empty question that fits, with one more it does not.
	expect(instructionTokens(template, 'S'.repeat(22))).toBe(30);
	const fits = (instructions: string, question: string) => () =>
		fitConversation(template, [{ role: 'system', content: instructions }, user(question)], {
			contextLength: 40,
			reserve: 10
		});
	expect(fits('S'.repeat(22), '')).not.toThrow();
	expect(fits('S'.repeat(22), '?')).toThrow(OpenLedgerError);
});

/** Counts how often it is asked, and for how many characters. */
function counting() {
	const read: number[] = [];
	const encode = (text: string) => {
		read.push(text.length);
		return template.encode(text);
	};
	return { ...template, encode, read };
}

test('what cannot fit whatever its tokens are is refused before it is read', () => {
	const slow = counting();
	const huge = [user('x'.repeat(100_000))];
	for (const ask of [
		() => fitConversation(slow, huge, { contextLength: 512, reserve: 128 }),
		() =>
			fitConversation(slow, [{ ...system, content: 'S'.repeat(9999) }, user('x')], {
				contextLength: 512,
				reserve: 0
			}),
		() => encodePrompt(slow, 'x'.repeat(100_000), 512)
	])
		expect(ask).toThrow(expect.objectContaining({ code: 'prompt/too-long' }));
	expect(Math.max(...slow.read)).toBeLessThan(10);
	// Nor are instructions before a question that is too long by itself.
	const both = [{ ...system, content: 'S'.repeat(100_000) }, user('x'.repeat(600))];
	expect(() => fitConversation(slow, both, { contextLength: 512, reserve: 128 })).toThrow(
		/^The message has 605/
	);
	expect(Math.max(...slow.read)).toBeLessThan(1000);
	// Of longer tokens it might.
	expect(() => encodePrompt({ ...slow, longestToken: 200 }, 'x'.repeat(100_000), 512)).not.toThrow();
});

test('of ten thousand turns the newest are found in a few looks', () => {
	const slow = counting();
	const turns = Array.from({ length: 10_001 }, (_, i) => (i % 2 ? assistant(`${i}`) : user(`${i}`)));
	const { tokens, trimmed } = fitConversation(slow, turns, { contextLength: 512, reserve: 128 });
	expect(tokens.length).toBeLessThanOrEqual(384);
	// One exchange more would be too many.
	const more = template.applyChatTemplate(turns.slice(trimmed - 2), { addGenerationPrompt: true });
	expect(more.length).toBeGreaterThan(384);
	expect(slow.read.length).toBeLessThan(16);
});
