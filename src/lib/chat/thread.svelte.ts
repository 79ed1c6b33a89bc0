import type { AdapterEntry, ChatMessage, GenerateRequest } from '#workers/protocol.ts';
import type { Engine } from '../engine/engine.svelte.ts';
import { Live } from '../live.svelte.ts';
import { preferences } from '../preferences.svelte.ts';
import { announcer } from '../ui/announcer.svelte.ts';
import { db, newId, updateReply } from './db.ts';
import type { Conversation, Message, Reply, UsedAdapter, UserMessage } from './records.ts';
import type { Replies } from './replies.svelte.ts';
import { agentOf } from './agent.ts';
import { newestLeaf, pathTo, turns, type Turn, type Variant } from './tree.ts';

/** The conversation on screen. Make one where a component starts. */
export class Thread {
	readonly #engine: Engine;
	readonly #replies: Replies;
	readonly #getId: () => string | null;
	readonly #live: Live<{ conversation?: Conversation; messages: Message[] }>;

	/** @param getId reads the id of the conversation that is shown; null: a new one */
	constructor(engine: Engine, replies: Replies, getId: () => string | null) {
		this.#engine = engine;
		this.#replies = replies;
		this.#getId = getId;
		this.#live = new Live(() => {
			const id = getId();
			return async () => ({
				conversation: id ? await db.conversations.get(id) : undefined,
				messages: id ? await db.messages.where({ conversation: id }).toArray() : []
			});
		});
	}

	/** False until the stored conversation has been read. */
	loaded = $derived.by(() => !this.id || this.#live.value?.conversation?.id === this.id || this.missing);
	/** The address names a conversation that is not on this device. */
	missing = $derived.by(() => !!this.id && !!this.#live.value && !this.#live.value.conversation);
	conversation = $derived.by(() => (this.id ? this.#live.value?.conversation : undefined));
	turns: Turn[] = $derived.by(() => turns(this.#byId, this.conversation?.leaf ?? null));
	/** Replies of this conversation that this tab is writing. */
	running = $derived.by(() =>
		[...this.#replies.running]
			.filter(([id, generation]) => generation.phase !== 'done' && this.#byId.has(id))
			.map(([id]) => id)
	);
	#byId = $derived.by(() => {
		const messages = this.conversation ? (this.#live.value?.messages ?? []) : [];
		return new Map(messages.map((message) => [message.id, message]));
	});

	get id(): string | null {
		return this.#getId();
	}

	/** All branches, for export. */
	get messages(): Message[] {
		return [...this.#byId.values()];
	}

	/** Asks, after the last shown message. Returns the id of the conversation, which may be new. */
	async send(text: string, compare: boolean): Promise<string> {
		const conversation = this.id ?? newId();
		const parent = this.turns.at(-1)?.message.id ?? null;
		await this.#ask(conversation, parent, text, compare);
		return conversation;
	}

	/** Asks differently: a branch beside the old question. */
	async edit(message: UserMessage, text: string, compare: boolean): Promise<void> {
		await this.#ask(message.conversation, message.parent, text, compare);
	}

	/** Another reply to the same question, with the model and adapter chosen now. */
	async regenerate(reply: Reply, compare: boolean): Promise<void> {
		if (reply.parent) await this.#answer(reply.conversation, reply.parent, compare);
	}

	/** Goes on where a reply was cut off, with the adapters it had. */
	async continue(reply: Reply): Promise<void> {
		const adapters = reply.adapters.filter(({ id }) => this.#engine.adapters.find(id)?.fits);
		await updateReply(reply.id, { status: 'streaming', error: undefined });
		const before = pathTo(this.#byId, reply.parent);
		const messages = [...before, ...(reply.text ? [reply] : [])];
		await this.#replies.write({ ...reply, status: 'streaming' }, this.#request(reply, messages, adapters));
	}

	async stop(): Promise<void> {
		await this.#replies.stop(this.running);
	}

	/** Shows another alternative, at the end of its newest branch. */
	async show(variant: Variant): Promise<void> {
		const first = variant.at(-1);
		if (first) await this.#moveTo(newestLeaf(this.#byId, first.id));
	}

	/** Of two replies side by side: the one the conversation goes on from. */
	async goOnFrom(reply: Reply): Promise<void> {
		await this.#moveTo(newestLeaf(this.#byId, reply.id));
	}

	async #moveTo(leaf: string) {
		if (this.id) await db.conversations.update(this.id, { leaf });
	}

	async #ask(conversation: string, parent: string | null, text: string, compare: boolean) {
		const now = Date.now();
		const question: UserMessage = { id: newId(), conversation, parent, role: 'user', text, createdAt: now };
		await db.transaction('rw', db.conversations, db.messages, async () => {
			await db.messages.add(question);
			if (await db.conversations.get(conversation))
				await db.conversations.update(conversation, { leaf: question.id, updatedAt: now });
			else
				await db.conversations.add({
					id: conversation,
					title: titleFrom(text),
					createdAt: now,
					updatedAt: now,
					leaf: question.id
				});
		});
		await this.#answer(conversation, question.id, compare);
	}

	/** Starts the reply, or both of a pair, and returns; they go on by themselves. */
	async #answer(conversation: string, parent: string, compare: boolean) {
		const { models } = this.#engine;
		// Which adapters fit is known with the model. Asked before it was there, the base alone answered.
		if (preferences.values.adapters.length > 0) await models.ready().catch(() => undefined);
		const { chosen } = this.#engine.adapters;
		const columns = compare && chosen.length > 0 ? [[], chosen] : [chosen];
		const pair = columns.length > 1 ? newId() : undefined;
		const replies = columns.map((adapters, column): Reply => ({
			id: newId(),
			conversation,
			parent,
			role: 'assistant',
			text: '',
			createdAt: Date.now() + column,
			status: 'streaming',
			model: models.name,
			adapters: used(adapters, this.#engine.adapters.list),
			pair
		}));
		const leaf = replies.at(-1)?.id ?? null;
		await db.transaction('rw', db.conversations, db.messages, async () => {
			await db.messages.bulkAdd(replies);
			await db.conversations.update(conversation, { leaf, updatedAt: Date.now() });
		});
		const all = await db.messages.where({ conversation }).toArray();
		const path = pathTo(new Map(all.map((message) => [message.id, message])), parent);
		announcer.say(replies.length > 1 ? 'Two replies are being written.' : 'A reply is being written.');
		for (const reply of replies) void this.#replies.write(reply, this.#request(reply, path, reply.adapters));
	}

	#request(reply: Reply, path: Message[], adapters: UsedAdapter[]): GenerateRequest {
		const { systemPrompt, maxNewTokens, stop, ...sampling } = $state.snapshot(preferences.values.reply);
		const messages: ChatMessage[] = path
			.filter((message) => message.text)
			.map(({ role, text }) => ({ role, content: text }));
		const agent = agentOf(adapters);
		const system = [agent?.instructions, systemPrompt].map((text) => text?.trim()).filter(Boolean);
		if (system.length) messages.unshift({ role: 'system', content: system.join('\n\n') });
		return {
			// A reply may be continued: each run needs its own id.
			id: newId(),
			conversation: reply.conversation,
			messages,
			adapters: adapters.map(({ id, weight }) => ({ id, weight })),
			sampling,
			maxNewTokens,
			stop
		};
	}
}

function used(chosen: { id: string; weight: number }[], entries: AdapterEntry[]): UsedAdapter[] {
	return chosen.map(({ id, weight }) => ({
		id,
		weight,
		name: entries.find((entry) => entry.id === id)?.name ?? 'Adapter'
	}));
}

/** The first words of the first question, cut at a word. */
function titleFrom(text: string): string {
	const line = text.replace(/\s+/g, ' ').trim();
	return line.length <= 60 ? line : `${line.slice(0, 60).replace(/\s+\S*$/, '')} …`;
}
