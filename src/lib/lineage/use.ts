import type { PersonFacts, ReplyFacts, RowFacts } from './facts.ts';

/** Something that moved answers: in how many, and how much in all. */
export interface Moved<Thing> {
	thing: Thing;
	answers: number;
	/** Sum of its shares, in 1/65,535 of an answer. */
	share: number;
}

/** What some replies come to. */
export interface Use {
	answers: number;
	tokens: number;
	/** Sum of the counted rows' shares, in 1/65,535 of an answer. */
	share: number;
	/** What the base, and nobody in particular, had of those that were measured; in the same unit. */
	base: number;
	unattributed: number;
	/** Days since the epoch (UTC), ascending. */
	days: { day: number; answers: number; tokens: number }[];
	/** The greatest share first. */
	rows: Moved<RowFacts>[];
	people: Moved<PersonFacts>[];
	adapters: Moved<{ id: string; name: string }>[];
}

/** Adds replies up. @param counts rows that count; a reply that none of them moved is left out where it is given */
export function useOf(replies: readonly ReplyFacts[], counts?: (row: RowFacts) => boolean): Use {
	const days = new Map<number, { day: number; answers: number; tokens: number }>();
	const rows = new Tally<RowFacts>();
	const people = new Tally<PersonFacts>();
	const adapters = new Tally<{ id: string; name: string }>();
	const use = { answers: 0, tokens: 0, share: 0, base: 0, unattributed: 0 };
	for (const reply of replies) {
		const moved = reply.rows.filter(({ row, share }) => share > 0 && (counts?.(row) ?? true));
		if (counts && moved.length === 0) continue;
		const whole = moved.reduce((sum, { share }) => sum + share, 0);
		use.answers++;
		use.tokens += reply.tokens ?? 0;
		use.share += whole;
		use.base += reply.parts?.base ?? 0;
		use.unattributed += reply.parts?.unattributed ?? 0;
		const at = Math.floor(reply.time / 86_400_000);
		const day = days.get(at) ?? { day: at, answers: 0, tokens: 0 };
		days.set(at, { day: at, answers: day.answers + 1, tokens: day.tokens + (reply.tokens ?? 0) });
		for (const { row, share } of moved) {
			rows.add(reply, row, share);
			if (row.contributor) people.add(reply, row.contributor, share);
		}
		for (const adapter of reply.adapters) adapters.add(reply, adapter, whole);
	}
	return {
		...use,
		days: [...days.values()].sort((a, b) => a.day - b.day),
		rows: rows.sorted(),
		people: people.sorted(),
		adapters: adapters.sorted()
	};
}

class Tally<Thing extends { id: string }> {
	readonly #sums = new Map<string, Moved<Thing> & { last: ReplyFacts }>();

	/** Counts a reply once, however many of its rows are of the thing. */
	add(reply: ReplyFacts, thing: Thing, share: number): void {
		const known = this.#sums.get(thing.id);
		if (!known) this.#sums.set(thing.id, { thing, answers: 1, share, last: reply });
		else {
			known.share += share;
			if (known.last !== reply) known.answers++;
			known.last = reply;
		}
	}

	sorted(): Moved<Thing>[] {
		const all = [...this.#sums.values()].map(({ thing, answers, share }) => ({ thing, answers, share }));
		return all.sort(
			(a, b) => b.share - a.share || b.answers - a.answers || (a.thing.id < b.thing.id ? -1 : 1)
		);
	}
}

/** How far the payment of a reply is. */
export type PayState = 'owed' | 'sent' | 'paid';

/** What replies brought in from this device, wei by how far the payments are, and by day (UTC) when the replies were written. */
export function revenueOf(
	receipts: readonly { time: number; amount: bigint; state: PayState }[]
): Record<PayState, bigint> & { days: { day: number; wei: bigint }[] } {
	const sums = { owed: 0n, sent: 0n, paid: 0n };
	const days = new Map<number, bigint>();
	for (const { time, amount, state } of receipts) {
		sums[state] += amount;
		if (amount === 0n) continue;
		const day = Math.floor(time / 86_400_000);
		days.set(day, (days.get(day) ?? 0n) + amount);
	}
	return { ...sums, days: [...days].map(([day, wei]) => ({ day, wei })).sort((a, b) => a.day - b.day) };
}
