import type { Content, Contribution, Message } from '#workers/datanets/contribution.ts';

/** A field that can be edited as text in its cell. */
export type Field = 'head' | 'body' | 'tags' | 'licence' | 'language';

export const KIND_NAMES = {
	pair: 'Prompt and response',
	conversation: 'Conversation',
	passage: 'Passage'
} as const;

/** What a row is about: the prompt, the question of the last answer, or the title. */
export function headOf(content: Content): string {
	switch (content.kind) {
		case 'pair':
			return content.prompt;
		case 'conversation':
			return content.messages[lastOf(content.messages).question]?.content ?? '';
		case 'passage':
			return content.title ?? '';
	}
}

/** What it says about it: the response, the last answer, or the text. */
export function bodyOf(content: Content): string {
	switch (content.kind) {
		case 'pair':
			return content.response;
		case 'conversation':
			return content.messages[lastOf(content.messages).answer]?.content ?? '';
		case 'passage':
			return content.text;
	}
}

export function textOf(row: Contribution, field: Field): string {
	switch (field) {
		case 'head':
			return headOf(row.content);
		case 'body':
			return bodyOf(row.content);
		case 'tags':
			return row.tags.join(', ');
		case 'licence':
			return row.licence;
		case 'language':
			return row.language;
	}
}

/** The edit that puts a text into a field; undefined where nothing changes. */
export function editOf(row: Contribution, field: Field, text: string) {
	if (text === textOf(row, field)) return undefined;
	switch (field) {
		case 'head':
			return { content: withHead(row.content, text) };
		case 'body':
			return { content: withBody(row.content, text) };
		case 'tags':
			return { tags: tagsOf(text) };
		case 'licence':
			return { licence: text.trim() };
		case 'language':
			return { language: text.trim() };
	}
}

export function tagsOf(text: string): string[] {
	return [
		...new Set(
			text
				.split(',')
				.map((tag) => tag.trim())
				.filter(Boolean)
		)
	].sort();
}

function withHead(content: Content, text: string): Content {
	switch (content.kind) {
		case 'pair':
			return { ...content, prompt: text };
		case 'conversation':
			return {
				...content,
				messages: replaced(content.messages, lastOf(content.messages).question, text)
			};
		case 'passage': {
			const passage = { kind: content.kind, text: content.text };
			return text === '' ? passage : { ...passage, title: text };
		}
	}
}

function withBody(content: Content, text: string): Content {
	switch (content.kind) {
		case 'pair':
			return { ...content, response: text };
		case 'conversation':
			return { ...content, messages: replaced(content.messages, lastOf(content.messages).answer, text) };
		case 'passage':
			return { ...content, text };
	}
}

/** Where the last answer stands, and what was asked before it; -1 for what is not there. */
function lastOf(messages: readonly Message[]): { question: number; answer: number } {
	const answer = messages.findLastIndex(({ role }) => role === 'assistant');
	const before = answer < 0 ? messages : messages.slice(0, answer);
	return { question: before.findLastIndex(({ role }) => role === 'user'), answer };
}

function replaced<T extends { content: string }>(messages: readonly T[], at: number, text: string): T[] {
	return messages.map((message, i) => (i === at ? { ...message, content: text } : message));
}
