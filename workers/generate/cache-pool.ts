import type { KvState } from '#workers/runtime/decoder.ts';

/** A conversation's cache at rest: `tokens[i]` is the token whose keys and values are in slot i. */
export interface CachedSequence {
	tokens: number[];
	state: KvState;
}

/**
 * Caches kept at most. A person goes back to the last few conversations; with small models the budget alone would hold a
 * whole day's, and a tab would grow for as long as it is open.
 */
const MOST = 8;

/**
 * Caches of conversations that are not running, each for one adapter choice (keys and values depend on it). The ones
 * longest unused are dropped when all together exceed the budget, or when they are too many.
 */
export class CachePool {
	readonly #budget: number;
	/** In the order of last use. */
	readonly #entries = new Map<string, CachedSequence>();

	/** @param budget bytes on the device */
	constructor(budget: number) {
		this.#budget = budget;
	}

	get byteLength(): number {
		return [...this.#entries.values()].reduce((sum, { state }) => sum + state.byteLength, 0);
	}

	/** Takes a conversation's cache out of the pool. */
	take(key: string): CachedSequence | undefined {
		const entry = this.#entries.get(key);
		this.#entries.delete(key);
		return entry;
	}

	/** Puts a cache to rest. Takes the state over. */
	put(key: string, entry: CachedSequence): void {
		this.take(key)?.state.dispose();
		this.#entries.set(key, entry);
		for (const [oldest] of this.#entries) {
			if (this.#entries.size <= MOST && this.byteLength <= this.#budget) return;
			this.take(oldest)?.state.dispose();
		}
	}

	/** Drops every cache whose key the test accepts. */
	drop(test: (key: string) => boolean = () => true): void {
		for (const key of [...this.#entries.keys()]) if (test(key)) this.take(key)?.state.dispose();
	}
}

/** How many tokens two lists have in common from the start. */
export function commonPrefix(a: readonly number[], b: readonly number[]): number {
	let length = 0;
	while (length < a.length && length < b.length && a[length] === b[length]) length++;
	return length;
}
