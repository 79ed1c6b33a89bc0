import type { Conversation, Message } from './records.ts';
import { pathTo } from './tree.ts';

/** The whole tree, for another program. */
export function toJson(conversation: Conversation, messages: Message[]): string {
	const { deletedAt, ...kept } = conversation;
	return JSON.stringify({ format: 'openledger.conversation', version: 1, ...kept, messages }, null, '\t');
}

/** The branch that is shown, for a person. */
export function toMarkdown(conversation: Conversation, messages: Message[]): string {
	const byId = new Map(messages.map((message) => [message.id, message]));
	const parts = pathTo(byId, conversation.leaf).map((message) => {
		const who =
			message.role === 'user'
				? 'You'
				: [message.model, ...message.adapters.map((adapter) => adapter.name)].map(oneLine).join(' + ');
		return `**${who}**\n\n${message.text.trim()}\n`;
	});
	const date = new Date(conversation.createdAt).toISOString().slice(0, 10);
	return [`# ${oneLine(conversation.title)}\n\n${date}\n`, ...parts].join('\n');
}

/** A name that every file system takes. */
export function fileName(title: string, extension: string): string {
	const stem = title
		.normalize('NFKD')
		.replace(/[^\p{Letter}\p{Number}]+/gu, '-')
		.replace(/^-+|-+$/g, '')
		.slice(0, 60)
		.replace(/-+$/, '');
	return `${stem || 'conversation'}.${extension}`;
}

function oneLine(text: string): string {
	return text.replace(/\s+/g, ' ').trim();
}
