import type { ChatMessage } from '#workers/protocol.ts';
import { field, Fields, invalid, type Call } from './call.ts';

/** What a caller who names none gets, as far as the context allows. */
const DEFAULT_NEW_TOKENS = 1024;
const MOST_LIKELIEST = 20;

const isListed = (value: unknown) => Array.isArray(value) && value.length > 0;

/** These would change the reply of a chat and cannot be honoured. */
const unsupported: Record<string, (value: unknown) => boolean> = {
	tools: isListed,
	functions: isListed,
	audio: () => true,
	prediction: () => true,
	web_search_options: () => true,
	response_format: (value) => !['text', 'json_object'].includes(String(field(value, 'type'))),
	modalities: (value) => !(Array.isArray(value) && value.every((kind) => kind === 'text'))
};

/**
 * Reads the body of a chat completion (platform.openai.com/docs/api-reference/chat/create).
 * @throws ApiError 400 that names the field
 */
export function readChatCall(body: unknown): Call {
	const fields = new Fields(body, unsupported);
	const newTokens =
		fields.get('max_completion_tokens') === undefined ? 'max_tokens' : 'max_completion_tokens';
	const likeliest = fields.integer('top_logprobs', 0, 0, MOST_LIKELIEST);
	const logProbs = fields.flag('logprobs') ? likeliest : undefined;
	if (likeliest > 0 && logProbs === undefined) throw invalid('top_logprobs', 'needs `logprobs: true`');
	const json = field(fields.get('response_format'), 'type') === 'json_object';
	const messages = readMessages(fields.get('messages'));
	return fields.call([{ messages, logProbs, json }], [newTokens, DEFAULT_NEW_TOKENS]);
}

function readMessages(value: unknown): ChatMessage[] {
	if (!Array.isArray(value) || value.length === 0) throw invalid('messages', 'must be a list of messages');
	const messages = value.map((message: unknown, index): ChatMessage => {
		const at = `messages[${index}]`;
		const role = field(message, 'role') === 'developer' ? 'system' : field(message, 'role');
		if (role !== 'system' && role !== 'user' && role !== 'assistant')
			throw invalid(`${at}.role`, "must be 'system', 'developer', 'user' or 'assistant'");
		return { role, content: readContent(field(message, 'content'), `${at}.content`) };
	});
	if (!messages.some(({ role }) => role === 'user'))
		throw invalid('messages', 'must hold a message of the user');
	return messages;
}

/** Text, or a list of parts that are all text. */
function readContent(value: unknown, at: string): string {
	if (typeof value === 'string') return value;
	if (!Array.isArray(value)) throw invalid(at, 'must be text');
	return value
		.map((part: unknown, index) => {
			const text = field(part, 'type') === 'text' ? field(part, 'text') : undefined;
			if (typeof text === 'string') return text;
			throw invalid(`${at}[${index}]`, 'must be text: the models on this device read nothing else');
		})
		.join('');
}
