import { OpenLedgerError } from '#workers/errors.ts';
import type { ChatMessage } from '#workers/protocol.ts';

/** What fitting a conversation needs of a tokenizer. */
export interface ChatTemplate {
	encode(text: string): number[];
	/** The conversation as text, in the model's own template. */
	applyChatTemplate(messages: readonly ChatMessage[], options: { addGenerationPrompt: boolean }): string;
}

export interface FittedPrompt {
	tokens: number[];
	/** Oldest messages that were left out. */
	trimmed: number;
}

/**
 * The prompt for the next reply: as many of the newest turns as leave `reserve` tokens of the context free, the system
 * message always included. A last message of the assistant is continued, not closed.
 *
 * @param contextLength positions of the model
 * @param reserve tokens kept free for the reply
 * @throws OpenLedgerError `prompt/too-long` when not even the last question fits
 */
export function fitConversation(
	template: ChatTemplate,
	messages: readonly ChatMessage[],
	{ contextLength, reserve }: { contextLength: number; reserve: number }
): FittedPrompt {
	const system = messages.filter(({ role }) => role === 'system');
	const turns = messages.filter(({ role }) => role !== 'system');
	const lastQuestion = turns.findLastIndex(({ role }) => role === 'user');
	if (lastQuestion < 0) throw new RangeError('a conversation without a question');

	const room = contextLength - reserve;
	let shortest = 0;
	for (let first = 0; first <= lastQuestion; first++) {
		// A conversation begins with a question: templates refuse anything else.
		if (turns[first]?.role !== 'user') continue;
		const tokens = promptTokens(template, [...system, ...turns.slice(first)]);
		if (tokens.length <= room) return { tokens, trimmed: first };
		shortest = tokens.length;
	}
	const question = promptTokens(template, turns.slice(lastQuestion)).length;
	throw system.length > 0 && question <= room
		? crowdedOut(shortest - question, question, { contextLength, reserve })
		: new OpenLedgerError(
				'prompt/too-long',
				`The message has ${question} tokens; this model has room for ${room} beside its reply.`,
				{
					remedy: 'Shorten the message, or choose a model with a longer context.',
					details: { tokens: question, contextLength, reserve }
				}
			);
}

/** The question would fit alone: it is not what has to be shorter. */
function crowdedOut(
	instructions: number,
	question: number,
	{ contextLength, reserve }: { contextLength: number; reserve: number }
): OpenLedgerError {
	return new OpenLedgerError(
		'prompt/too-long',
		`The instructions before the conversation take ${instructions} tokens and leave no room for the question: it has ${question}, and this model has room for ${contextLength - reserve} beside its reply.`,
		{
			remedy:
				'Shorten the instructions or leave them out. They are those of the agent, or the system prompt in the reply settings.',
			details: { instructions, question, contextLength, reserve }
		}
	);
}

/** Tokens that instructions take before an empty question, with the template's marks. */
export function instructionTokens(template: ChatTemplate, instructions: string): number {
	return promptTokens(template, [
		{ role: 'system', content: instructions },
		{ role: 'user', content: '' }
	]).length;
}

function promptTokens(template: ChatTemplate, messages: readonly ChatMessage[]): number[] {
	const last = messages.at(-1);
	const begun = last?.role === 'assistant' ? last.content : '';
	const asked = begun === '' ? messages : messages.slice(0, -1);
	const prompt = template.encode(template.applyChatTemplate(asked, { addGenerationPrompt: true }));
	// Tokens of the begun reply are kept apart from the prompt's, as when it was written.
	return begun === '' ? prompt : [...prompt, ...template.encode(begun)];
}
