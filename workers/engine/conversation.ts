import { OpenLedgerError } from '#workers/errors.ts';
import type { ChatMessage } from '#workers/protocol.ts';

/** What fitting a conversation needs of a tokenizer. */
export interface ChatTemplate {
	/** Characters. */
	readonly longestToken: number;
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
	// A conversation begins with a question: templates refuse anything else.
	const starts = turns.flatMap(({ role }, at) => (role === 'user' && at <= lastQuestion ? [at] : []));
	// To read megabytes takes seconds, and whoever asks beside waits.
	const mayFit = (asked: readonly ChatMessage[]) =>
		asked.length <= room && lengthOf(asked) <= room * template.longestToken;
	const fit = (first: number): number[] | undefined => {
		const asked = [...system, ...turns.slice(first)];
		const tokens = mayFit(asked) ? promptTokens(template, asked) : undefined;
		return tokens && tokens.length <= room ? tokens : undefined;
	};
	// The fewer turns, the fewer tokens: the whole is tried, and else where between all and one it begins to fit.
	let [low, high, fitted] = [0, starts.length, fit(starts[0] as number)];
	if (fitted) return { tokens: fitted, trimmed: starts[0] as number };
	while (high - low > 1) {
		const middle = (low + high) >> 1;
		const tokens = fit(starts[middle] as number);
		if (tokens) [high, fitted] = [middle, tokens];
		else low = middle;
	}
	if (fitted) return { tokens: fitted, trimmed: starts[high] as number };

	const last = turns.slice(lastQuestion);
	const shortest = [...system, ...last];
	if (!mayFit(last)) throw tooLong(lengthOf(last), room);
	const question = promptTokens(template, last).length;
	if (question > room || system.length === 0) throw longQuestion(question, { contextLength, reserve });
	if (!mayFit(shortest)) throw tooLong(lengthOf(shortest), room);
	const instructions = promptTokens(template, shortest).length - question;
	throw crowdedOut(instructions, question, { contextLength, reserve });
}

/**
 * The tokens of a text that is gone on with as it stands.
 * @throws OpenLedgerError `prompt/too-long`, before it is read, where no text of that length fits
 */
export function encodePrompt(
	{ encode, longestToken }: Pick<ChatTemplate, 'encode' | 'longestToken'>,
	prompt: string,
	contextLength: number
): number[] {
	if (prompt.length > contextLength * longestToken) throw tooLong(prompt.length, contextLength);
	return encode(prompt);
}

const lengthOf = (messages: readonly ChatMessage[]) =>
	messages.reduce((sum, { content }) => sum + content.length, 0);

function tooLong(characters: number, room: number): OpenLedgerError {
	return new OpenLedgerError(
		'prompt/too-long',
		`Message and instructions have ${characters} characters, more than any text of the ${room} tokens that this model has room for.`,
		{
			remedy: 'Shorten the message or the system prompt, or choose a model with a longer context.',
			details: { characters, room }
		}
	);
}

function longQuestion(
	tokens: number,
	{ contextLength, reserve }: { contextLength: number; reserve: number }
): OpenLedgerError {
	return new OpenLedgerError(
		'prompt/too-long',
		`The message has ${tokens} tokens; this model has room for ${contextLength - reserve} beside its reply.`,
		{
			remedy: 'Shorten the message, or choose a model with a longer context.',
			details: { tokens, contextLength, reserve }
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
