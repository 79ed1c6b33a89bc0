/** An adapter (or a blend of several) made ready for one base model: packed matrices, or tensors on a device. */
export interface PoolResource {
	readonly byteLength: number;
	/** Called once, when it has left the pool and nobody uses it. */
	dispose(): void;
}

/** An adapter in use: it stays in memory until `release`, which may be called more than once. */
export interface AdapterLease<T> {
	adapter: T;
	release(): void;
}

export interface PoolStats {
	/** Requests served from memory (or by joining a load under way), and requests that began a load. */
	hits: number;
	misses: number;
	evictions: number;
	/** In memory now. */
	adapters: number;
	bytes: number;
}

/** From the moment its load begins. */
interface Resident<T> {
	key: string;
	/** Leases and waiters. */
	users: number;
	ready: Promise<T>;
	/** Undefined while loading. */
	adapter?: T;
}

/**
 * Holds the most recently used adapters in memory, up to a budget; the others wait on disk.
 *
 * An adapter in use is never evicted: while leases alone exceed the budget, the pool does too, and shrinks as they end.
 * Requests for an adapter that is being loaded share the load. Adapters are packed for one base model: keep a pool for
 * each, or name the base in the key.
 */
export class AdapterPool<T extends PoolResource> {
	#budget: number;
	/** Least recently used first. */
	readonly #residents = new Map<string, Resident<T>>();
	/** Forgotten, but still in use. */
	readonly #leaving = new Set<Resident<T>>();
	#bytes = 0;
	#hits = 0;
	#misses = 0;
	#evictions = 0;

	/** @param budget bytes */
	constructor(budget: number) {
		this.#budget = budget;
	}

	/** The adapter under `key`, loaded unless it is in memory, held there until released. Rejects as the load does. */
	async acquire(key: string, load: () => Promise<T>): Promise<AdapterLease<T>> {
		let resident = this.#residents.get(key);
		if (resident) {
			this.#hits++;
			this.#residents.delete(key);
		} else {
			this.#misses++;
			resident = { key, users: 0, ready: load() };
		}
		this.#residents.set(key, resident);
		resident.users++;
		return this.#lease(resident);
	}

	async #lease(resident: Resident<T>): Promise<AdapterLease<T>> {
		try {
			const adapter = await resident.ready;
			if (!resident.adapter) {
				resident.adapter = adapter;
				this.#bytes += adapter.byteLength;
				this.#shrink();
			}
			let held = true;
			const release = () => {
				if (held) this.#release(resident);
				held = false;
			};
			return { adapter, release };
		} catch (error) {
			this.#leaving.delete(resident);
			if (this.#residents.get(resident.key) === resident) this.#residents.delete(resident.key);
			throw error;
		}
	}

	#release(resident: Resident<T>): void {
		resident.users--;
		if (resident.users === 0 && this.#leaving.delete(resident)) this.#drop(resident);
		this.#shrink();
	}

	/** Evicts the least recently used of those not in use, until the budget holds. */
	#shrink(): void {
		for (const resident of this.#residents.values()) {
			if (this.#bytes <= this.#budget) return;
			if (resident.users > 0) continue;
			this.#residents.delete(resident.key);
			this.#evictions++;
			this.#drop(resident);
		}
	}

	#drop({ adapter }: Resident<T>): void {
		if (!adapter) return;
		this.#bytes -= adapter.byteLength;
		adapter.dispose();
	}

	#detach(resident: Resident<T>): void {
		if (this.#residents.get(resident.key) !== resident) return;
		this.#residents.delete(resident.key);
		if (resident.users > 0) this.#leaving.add(resident);
		else this.#drop(resident);
	}

	/** Lets go of the adapters whose key passes the test, of those in use when they are released. */
	forget(test: (key: string) => boolean): void {
		for (const resident of [...this.#residents.values()]) if (test(resident.key)) this.#detach(resident);
	}

	/** Whether an adapter is in memory. */
	has(key: string): boolean {
		return this.#residents.get(key)?.adapter !== undefined;
	}

	/** @param budget bytes */
	setBudget(budget: number): void {
		this.#budget = budget;
		this.#shrink();
	}

	get stats(): PoolStats {
		const residents = [...this.#residents.values(), ...this.#leaving];
		return {
			hits: this.#hits,
			misses: this.#misses,
			evictions: this.#evictions,
			adapters: residents.filter(({ adapter }) => adapter).length,
			bytes: this.#bytes
		};
	}
}
