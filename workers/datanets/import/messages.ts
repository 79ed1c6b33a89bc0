import type { Message } from '../contribution.ts';
import { isRecord } from '../formats/items.ts';

/** Names of roles in the wild: OpenAI, ShareGPT, Vicuna, Anthropic. */
const ROLES: Record<string, Message['role']> = {
	system: 'system',
	developer: 'system',
	user: 'user',
	human: 'user',
	prompter: 'user',
	assistant: 'assistant',
	gpt: 'assistant',
	chatgpt: 'assistant',
	bot: 'assistant',
	model: 'assistant',
	ai: 'assistant',
	tool: 'tool',
	function: 'tool',
	observation: 'tool'
};

/**
 * A list of messages in OpenAI's (`role`, `content`) or ShareGPT's (`from`, `value`) form, also as JSON text in a
 * cell. A string in place of messages is what is wrong with them.
 */
export function messagesOf(value: unknown): Message[] | string {
	const list = typeof value === 'string' ? parsed(value) : value;
	if (!Array.isArray(list)) return 'its conversation is no list of messages';
	if (list.length === 0) return 'its conversation is empty';
	const messages: Message[] = [];
	for (const entry of list) {
		if (!isRecord(entry)) return 'a message is no object';
		const name = entry.role ?? entry.from;
		const role = typeof name === 'string' ? ROLES[name.toLowerCase()] : undefined;
		if (!role) return `a message has the unknown role ${JSON.stringify(name)?.slice(0, 40)}`;
		const content = wordsOf(entry.content ?? entry.value);
		if (content === undefined) return 'a message holds something other than text';
		messages.push({ role, content });
	}
	return messages;
}

/** Text, or OpenAI's list of text parts; a call of a tool without words is empty text. */
function wordsOf(content: unknown): string | undefined {
	if (typeof content === 'string') return content;
	if (content === null) return '';
	if (!Array.isArray(content)) return undefined;
	const parts = content.map((part: unknown) =>
		isRecord(part) && typeof part.text === 'string' ? part.text : undefined
	);
	return parts.includes(undefined) ? undefined : parts.join('\n');
}

function parsed(text: string): unknown {
	try {
		return JSON.parse(text);
	} catch {
		return undefined;
	}
}
