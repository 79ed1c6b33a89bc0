import type { Completion } from '#workers/protocol.ts';
import type { WireError } from '#workers/errors.ts';

export interface Conversation {
	id: string;
	title: string;
	createdAt: number;
	updatedAt: number;
	/** The message at the end of the branch that is shown. */
	leaf: string | null;
	/** Set while it can still be undone. */
	deletedAt?: number;
}

/** Adapter of a reply as it was then: it may be gone by now. */
export interface UsedAdapter {
	id: string;
	name: string;
	weight: number;
}

interface Shared {
	id: string;
	conversation: string;
	/** Null for the first. Messages with one parent are alternatives of each other. */
	parent: string | null;
	text: string;
	createdAt: number;
}

export interface UserMessage extends Shared {
	role: 'user';
}

export interface Reply extends Shared {
	role: 'assistant';
	/** `interrupted`: the engine or the page died in mid-reply; the text so far can be continued. */
	status: 'streaming' | 'done' | 'stopped' | 'interrupted' | 'failed';
	model: string;
	adapters: UsedAdapter[];
	/** Replies made side by side to one prompt share this. */
	pair?: string;
	figures?: Omit<Completion, 'text' | 'model' | 'adapters' | 'ids'>;
	/** Oldest turns left out because the context was full. */
	trimmed?: number;
	error?: Pick<WireError, 'code' | 'message' | 'remedy' | 'details'>;
}

export type Message = UserMessage | Reply;
