import Dexie, { type EntityTable } from 'dexie';
import { db as attribution } from '../attribution/db.ts';
import type { Conversation, Message, Reply } from './records.ts';

/** Conversations on this device. Ids are made here, so that every tab agrees on them. */
class ChatDatabase extends Dexie {
	declare conversations: EntityTable<Conversation, 'id'>;
	declare messages: EntityTable<Message, 'id'>;

	constructor() {
		super('openledger-chat');
		this.version(1).stores({
			conversations: 'id, updatedAt',
			messages: 'id, conversation, status'
		});
	}
}

export const db = new ChatDatabase();

/** Sortable by time, unique enough for one person's devices. Works without a secure context. */
export function newId(): string {
	const random = crypto.getRandomValues(new Uint32Array(2));
	return `${Date.now().toString(36)}-${[...random].map((word) => word.toString(36).padStart(7, '0')).join('')}`;
}

/** Messages and the conversation itself, for good. */
export async function purge(conversation: string): Promise<void> {
	await db.transaction('rw', db.conversations, db.messages, async () => {
		await db.messages.where({ conversation }).delete();
		await db.conversations.delete(conversation);
	});
	await attribution.attributions.where({ conversation }).delete();
}

/** Changes a stored reply; does nothing when it has been deleted. */
export async function updateReply(id: string, changes: Partial<Reply>): Promise<void> {
	await db.messages
		.where({ id })
		.modify((message) => void (message.role === 'assistant' && Object.assign(message, changes)));
}

const replyLock = (id: string) => `openledger-reply-${id}`;

/** Runs `work` while showing other tabs that the reply called `id` is being written. */
export async function whileWriting(id: string, work: () => Promise<void>): Promise<void> {
	if (!navigator.locks) return work();
	await navigator.locks.request(replyLock(id), work);
}

/** A reply must seem abandoned for this long: its own tab first stores it, then takes the lock. */
const patience = 1000;

/**
 * Marks a reply `interrupted` once the tab that writes it is gone. Does nothing when it is finished in order.
 * @param signal ends the watch
 */
export async function watchWriter(id: string, signal: AbortSignal): Promise<void> {
	if (!navigator.locks) return;
	await new Promise((resolve) => setTimeout(resolve, patience));
	if (signal.aborted) return;
	try {
		await navigator.locks.request(replyLock(id), { signal }, () => interrupt([id]));
	} catch (error) {
		if (!signal.aborted) throw error;
	}
}

async function interrupt(ids: string[]): Promise<void> {
	await db.messages
		.where('id')
		.anyOf(ids)
		.modify((message) => {
			if (message.role === 'assistant' && message.status === 'streaming') message.status = 'interrupted';
		});
}

/**
 * Replies whose tab was closed or killed while they were written become `interrupted`, and deletions whose undo has
 * run out are carried out. Run when the app starts.
 */
export async function tidy(now = Date.now()): Promise<void> {
	const query = await navigator.locks?.query();
	const held = new Set([...(query?.held ?? []), ...(query?.pending ?? [])].map((lock) => lock.name));
	const written = await db.messages.where({ status: 'streaming' }).primaryKeys();
	await interrupt(written.filter((id) => !held.has(replyLock(id))));
	const left = await db.conversations
		.filter(({ deletedAt }) => !!deletedAt && now - deletedAt > 60_000)
		.toArray();
	for (const { id } of left) await purge(id);
}
