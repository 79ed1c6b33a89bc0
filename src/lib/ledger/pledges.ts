import { costOf, obstacle, type Obstacle } from './spending.ts';

/** A reply that asks to be written. */
interface Asked {
	chain: number;
	model: { id: number; price: bigint; allowance: bigint };
	/** At most. */
	tokens: number;
	/** False where it may only take what is free. */
	mayOwe: boolean;
	/** What is on record: tokens of today by this model, wei owed and to be spent. */
	read: () => Promise<{ used: number; owed: bigint; free: bigint; limit: bigint }>;
}

interface Answer {
	/** Why it may not be written. */
	stands: Obstacle | 'price' | undefined;
	/** Whether only other replies that are being written stand in the way; they may take less than they could. */
	beside: boolean;
	/** Once what it took is on record, or nothing comes of it. */
	end: () => void;
}

/**
 * The replies that are being written. What each may take counts as used and owed until it ends: else several at once, which all find the same
 * on record, would pass one allowance together.
 */
export class Pledges {
	readonly #open = new Set<{ chain: number; model: number; tokens: number; cost: bigint }>();
	#last: Promise<unknown> = Promise.resolve();

	/** One after another, so that none is pledged between another's look and its pledge. */
	admit(asked: Asked): Promise<Answer> {
		const answer = this.#last.then(() => this.#decide(asked));
		this.#last = answer.catch(() => undefined);
		return answer;
	}

	async #decide({ chain, model, tokens, mayOwe, read }: Asked): Promise<Answer> {
		// Before the record is read: one that ends meanwhile counts twice rather than not at all.
		const open = [...this.#open].filter((one) => one.chain === chain);
		const { price, allowance } = model;
		const { used: known, owed, free, limit } = await read();
		const used = open.reduce((sum, one) => sum + (one.model === model.id ? one.tokens : 0), known);
		const owing = open.reduce((sum, { cost }) => sum + cost, owed);
		const why = (used: number, owed: bigint) =>
			!mayOwe && price > 0n && BigInt(used + tokens) > allowance
				? 'price'
				: obstacle({ price, allowance, used, tokens, owed, free, limit });
		const stands = why(used, owing);
		const beside = stands !== undefined && why(known, owed) === undefined;
		const cost = mayOwe ? costOf(price, allowance, used, tokens) : 0n;
		const pledge = { chain, model: model.id, tokens, cost };
		if (!stands) this.#open.add(pledge);
		return { stands, beside, end: () => this.#open.delete(pledge) };
	}
}
