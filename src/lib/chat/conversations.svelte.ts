import { Live } from '../live.svelte.ts';
import { db, purge } from './db.ts';
import type { Conversation } from './records.ts';

/** The history: newest first, without those about to be deleted. Make one where a component starts. */
export class Conversations {
	readonly #live = new Live(() => async () => {
		const all = await db.conversations.orderBy('updatedAt').reverse().toArray();
		return all.filter((conversation) => !conversation.deletedAt);
	});

	get list(): Conversation[] {
		return this.#live.value ?? [];
	}
}

/** Those whose title or any message contains all words of `query`. */
export async function searchConversations(query: string): Promise<Set<string>> {
	const words = query.toLowerCase().split(/\s+/).filter(Boolean);
	const text = new Map<string, string>();
	await db.conversations.each(({ id, title }) => text.set(id, title.toLowerCase()));
	await db.messages.each((message) => {
		const before = text.get(message.conversation);
		if (before !== undefined) text.set(message.conversation, `${before}\n${message.text.toLowerCase()}`);
	});
	return new Set([...text].filter(([, all]) => words.every((word) => all.includes(word))).map(([id]) => id));
}

export async function renameConversation(id: string, title: string): Promise<void> {
	const clean = title.replace(/\s+/g, ' ').trim().slice(0, 200);
	if (clean) await db.conversations.update(id, { title: clean });
}

/** Hides it; `restore` brings it back, `purge` ends it. */
export async function hideConversation(id: string): Promise<{ restore: () => void; purge: () => void }> {
	await db.conversations.update(id, { deletedAt: Date.now() });
	return {
		restore: () => void db.conversations.update(id, { deletedAt: undefined }),
		purge: () => void purge(id)
	};
}
