import { Mutex } from '#workers/generate/mutex.ts';
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

/** What a reply under way may take. */
interface Pledge {
	chain: number;
	model: number;
	tokens: number;
	cost: bigint;
}

/** Held while it is decided, by one tab at a time. */
const DOOR = 'openledger-pledging';
/** What the locks are called that are held for a pledge each; the rest of the name says what is pledged. */
const PLEDGE = 'openledger-pledge-';

/**
 * The replies that are being written, in all tabs. What each may take counts as used and owed until it ends: else several at once, which all
 * find the same on record, would pass one allowance together. A pledge is a Web Lock with what is pledged in its name: every tab can read
 * it, and it is gone with its tab, however that ends.
 */
export class Pledges {
	readonly #locks: LockManager | null | undefined;
	/** Where the browser has no locks: those of this tab. */
	readonly #own = new Set<Pledge>();
	/** Pledges of this tab that have ended, while their locks are still being let go. */
	readonly #over = new Set<string>();
	readonly #door = new Mutex();

	constructor(locks: LockManager | null | undefined = globalThis.navigator?.locks) {
		this.#locks = locks;
	}

	/** One after another, so that none is pledged between another's look and its pledge. */
	admit(asked: Asked): Promise<Answer> {
		const decide = () => this.#decide(asked);
		return this.#locks ? this.#locks.request(DOOR, decide) : this.#door.run(decide);
	}

	async #decide({ chain, model, tokens, mayOwe, read }: Asked): Promise<Answer> {
		// Before the record is read: one that ends meanwhile counts twice rather than not at all.
		const open = (await this.#held()).filter((one) => one.chain === chain);
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
		if (stands) return { stands, beside, end: () => undefined };
		return { stands, beside, end: await this.#hold({ chain, model: model.id, tokens, cost }) };
	}

	async #held(): Promise<Pledge[]> {
		if (!this.#locks) return [...this.#own];
		const { held = [] } = await this.#locks.query();
		return held.flatMap(({ name = '' }) =>
			name.startsWith(PLEDGE) && !this.#over.has(name) ? [parse(name)] : []
		);
	}

	/** @returns what ends it */
	async #hold(pledge: Pledge): Promise<() => void> {
		if (!this.#locks) {
			this.#own.add(pledge);
			return () => this.#own.delete(pledge);
		}
		const [there, end] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
		const name = nameOf(pledge);
		const held = this.#locks.request(name, () => {
			there.resolve();
			return end.promise;
		});
		held.catch(there.reject).finally(() => this.#over.delete(name));
		await there.promise;
		return () => {
			this.#over.add(name);
			end.resolve();
		};
	}
}

/** No two are the same: what is pledged twice counts twice. */
const nameOf = ({ chain, model, tokens, cost }: Pledge): string =>
	`${PLEDGE}${chain} ${model} ${tokens} ${cost} ${crypto.randomUUID()}`;

function parse(name: string): Pledge {
	const [chain = '', model = '', tokens = '', cost = ''] = name.slice(PLEDGE.length).split(' ');
	return { chain: Number(chain), model: Number(model), tokens: Number(tokens), cost: BigInt(cost) };
}
