import { createContext } from 'svelte';
import { SvelteMap } from 'svelte/reactivity';
import type { GenerateRequest } from '#workers/protocol.ts';
import { heard } from '../i18n/words.ts';
import type { Engine } from '../engine/engine.svelte.ts';
import { Account } from '../attribution/account.ts';
import { measurer } from '../attribution/measurer.ts';
import { Generation } from '../engine/generation.svelte.ts';
import { announcer } from '../ui/announcer.svelte.ts';
import { plural } from '../ui/format.ts';
import { db, updateReply, whileWriting } from './db.ts';
import type { Reply } from './records.ts';

/** A killed tab loses at most what came since the last save. */
const saveEvery = 500;

/** A finished generation stays this long, until every view shows what was stored. */
const settle = 5000;

/** The replies being written by this tab, whichever conversation is on screen. */
export class Replies {
	readonly running = new SvelteMap<string, Generation>();
	readonly #engine: Engine;

	constructor(engine: Engine) {
		this.#engine = engine;
	}

	/** Writes a reply that is already stored, from its present text on. Settles when it has been saved. */
	async write(reply: Reply, request: GenerateRequest): Promise<void> {
		const generation = new Generation(this.#engine, request, reply.text);
		this.running.set(reply.id, generation);
		// Chat comes first: what is being measured waits until it is quiet again.
		const release = measurer.hold();
		try {
			await whileWriting(reply.id, async () => {
				let saved = reply.text;
				const timer = setInterval(() => {
					if (generation.text === saved) return;
					saved = generation.text;
					void updateReply(reply.id, { text: saved });
				}, saveEvery);
				const account = await Account.open(this.#engine, reply, request);
				try {
					if (account.refusal) generation.refuse(account.refusal);
					else await generation.run();
					clearInterval(timer);
					// The receipt first: a reply that counts as written must not lack it when the tab ends now.
					if (generation.completion) await account.keep(generation.completion, reply.text);
				} finally {
					clearInterval(timer);
					account.close();
				}
				await updateReply(reply.id, outcome(generation));
				await db.conversations.update(reply.conversation, { updatedAt: Date.now() });
			});
			announcer.say(spoken(generation));
		} finally {
			release();
			setTimeout(() => {
				if (this.running.get(reply.id) === generation) this.running.delete(reply.id);
			}, settle);
		}
	}

	async stop(ids: Iterable<string>): Promise<void> {
		await Promise.all([...ids].map((id) => this.running.get(id)?.stop()));
	}
}

function outcome({ text, completion, error, trimmed, model }: Generation): Partial<Reply> {
	const shared = { text, trimmed: trimmed || undefined, ...(model && { model }) };
	if (completion) {
		const { text: whole, model: id, adapters, ids, ...figures } = completion;
		return { ...shared, figures, status: completion.finish === 'cancelled' ? 'stopped' : 'done' };
	}
	if (!error) return { ...shared, status: 'stopped' };
	const { code, message, remedy, details, cause } = error;
	// The engine went away under the reply: the text stands, and can be continued.
	const interrupted = code === 'device/lost' || code === 'engine/failed';
	return {
		...shared,
		status: interrupted && text ? 'interrupted' : 'failed',
		error: { code, message, remedy, details: cause ? { ...details, cause: String(cause) } : details }
	};
}

function spoken({ text, completion, error }: Generation): string {
	if (error) return `The reply failed. ${heard(error.message)}`;
	if (completion?.finish === 'cancelled' || !completion) return 'Stopped.';
	const words = text.split(/\s+/).length;
	return words <= 80 ? `Reply: ${text}` : `Reply finished, ${plural(words, ['word', 'words'])}.`;
}

export const [getReplies, setReplies] = createContext<Replies>();
