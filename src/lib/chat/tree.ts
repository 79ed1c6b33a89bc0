import type { Message } from './records.ts';

/** Alternatives at one place: single messages, or a pair made side by side. */
export type Variant = Message[];

export interface Turn {
	/** The message the conversation runs through. */
	message: Message;
	/** That message and, for a pair, the one beside it, in order of creation. */
	variant: Variant;
	/** Position among the alternatives, from 0. */
	index: number;
	variants: Variant[];
}

/** Messages from the first to `leaf`; empty when the leaf is unknown. */
export function pathTo(messages: ReadonlyMap<string, Message>, leaf: string | null): Message[] {
	const path: Message[] = [];
	const seen = new Set<string>();
	for (let id = leaf; id !== null && !seen.has(id);) {
		const message = messages.get(id);
		if (!message) break;
		seen.add(id);
		path.push(message);
		id = message.parent;
	}
	return path.reverse();
}

/** The shown branch, with the alternatives at every place. */
export function turns(messages: ReadonlyMap<string, Message>, leaf: string | null): Turn[] {
	const children = Map.groupBy(messages.values(), (message) => message.parent);
	return pathTo(messages, leaf).map((message) => {
		const variants = group(children.get(message.parent) ?? []);
		const index = variants.findIndex((variant) => variant.includes(message));
		return { message, variants, index, variant: variants[index] ?? [message] };
	});
}

function group(siblings: Message[]): Variant[] {
	const ordered = siblings.toSorted((a, b) => a.createdAt - b.createdAt || (a.id < b.id ? -1 : 1));
	const variants = Map.groupBy(
		ordered,
		(message) => (message.role === 'assistant' && message.pair) || message.id
	);
	return [...variants.values()];
}

/** From `id` down, always the newest child: where a person was last on that branch. */
export function newestLeaf(messages: ReadonlyMap<string, Message>, id: string): string {
	const children = Map.groupBy(messages.values(), (message) => message.parent);
	let leaf = id;
	for (;;) {
		const last = group(children.get(leaf) ?? [])
			.at(-1)
			?.at(-1);
		if (!last) return leaf;
		leaf = last.id;
	}
}
