import type { LoraSlot } from '#workers/onnx/slots.ts';

/** A base model's serve graph, for which adapters are packed. */
export interface ServeGraph {
	/** Unique among loaded graphs: the ONNX file's SHA-256 and the rewrite's options. */
	id: string;
	slots: readonly LoraSlot[];
}

/** An adapter made ready for a graph. */
export interface Loaded<T> {
	value: T;
	/** Memory it takes. */
	bytes: number;
	/** Called once, when it leaves the pool and nobody uses it: frees GPU buffers. */
	dispose?: () => void;
}

/** An adapter in use: it stays in memory until `release`, which may be called more than once. */
export interface AdapterLease<T> {
	value: T;
	release(): void;
}

export interface PoolStats {
	/** Requests served from memory (or by joining a load under way), and requests that began a load. */
	hits: number;
	misses: number;
	evictions: number;
	/** Adapters and bytes in memory now. */
	adapters: number;
	bytes: number;
}

/** One adapter of one graph, from the moment its load begins. */
interface Resident<T> {
	id: string;
	graph: string;
	/** Leases and waiters. */
	pins: number;
	/** Undefined while loading. */
	loaded?: Loaded<T>;
	ready: Promise<Loaded<T>>;
}

/**
 * Holds the most recently used adapters in memory, up to a budget; the others wait in the catalogue.
 *
 * An adapter in use is never evicted: while leases alone exceed the budget, the pool does too, and shrinks as they end.
 * Requests for an adapter that is being loaded share the load.
 */
export class AdapterPool<T> {
	readonly #load: (id: string, graph: ServeGraph) => Promise<Loaded<T>>;
	#budgetBytes: number;
	/** Least recently used first. */
	readonly #residents = new Map<string, Resident<T>>();
	/** Forgotten, but still in use. */
	readonly #leaving = new Set<Resident<T>>();
	#bytes = 0;
	#hits = 0;
	#misses = 0;
	#evictions = 0;

	constructor({
		load,
		budgetBytes
	}: {
		load: (id: string, graph: ServeGraph) => Promise<Loaded<T>>;
		budgetBytes: number;
	}) {
		this.#load = load;
		this.#budgetBytes = budgetBytes;
	}

	/** Loads an adapter unless it is in memory, and holds it there until the lease is released. Rejects as the load does. */
	async acquire(id: string, graph: ServeGraph): Promise<AdapterLease<T>> {
		const key = keyOf(id, graph.id);
		let resident = this.#residents.get(key);
		if (resident) {
			this.#hits++;
			this.#residents.delete(key);
		} else {
			this.#misses++;
			resident = { id, graph: graph.id, pins: 0, ready: this.#load(id, graph) };
		}
		this.#residents.set(key, resident);
		resident.pins++;
		return this.#lease(resident);
	}

	async #lease(resident: Resident<T>): Promise<AdapterLease<T>> {
		try {
			const loaded = await resident.ready;
			if (!resident.loaded) {
				resident.loaded = loaded;
				this.#bytes += loaded.bytes;
				this.#shrink();
			}
			let held = true;
			const release = () => {
				if (held) this.#unpin(resident);
				held = false;
			};
			return { value: loaded.value, release };
		} catch (error) {
			this.#detach(resident);
			this.#unpin(resident);
			throw error;
		}
	}

	#unpin(resident: Resident<T>): void {
		resident.pins--;
		if (resident.pins === 0 && this.#leaving.delete(resident)) this.#drop(resident);
		this.#shrink();
	}

	/** Evicts the least recently used of those not in use, until the budget holds. */
	#shrink(): void {
		if (this.#bytes <= this.#budgetBytes) return;
		for (const resident of this.#residents.values()) {
			if (resident.pins > 0) continue;
			this.#residents.delete(keyOf(resident.id, resident.graph));
			this.#evictions++;
			this.#drop(resident);
			if (this.#bytes <= this.#budgetBytes) return;
		}
	}

	#drop({ loaded }: Resident<T>): void {
		if (!loaded) return;
		this.#bytes -= loaded.bytes;
		loaded.dispose?.();
	}

	#detach(resident: Resident<T>): void {
		const key = keyOf(resident.id, resident.graph);
		if (this.#residents.get(key) !== resident) return;
		this.#residents.delete(key);
		if (resident.pins > 0) this.#leaving.add(resident);
		else this.#drop(resident);
	}

	/** Lets go of an adapter (of all graphs), or of all adapters of a graph; those in use go when they are released. */
	forget({ id, graph }: { id: string; graph?: undefined } | { id?: undefined; graph: string }): void {
		for (const resident of [...this.#residents.values()])
			if (resident.id === id || resident.graph === graph) this.#detach(resident);
	}

	/** Whether an adapter is in memory for a graph. */
	has(id: string, graph: string): boolean {
		return this.#residents.get(keyOf(id, graph))?.loaded !== undefined;
	}

	setBudget(bytes: number): void {
		this.#budgetBytes = bytes;
		this.#shrink();
	}

	get stats(): PoolStats {
		const adapters = [...this.#residents.values(), ...this.#leaving].filter(({ loaded }) => loaded).length;
		return {
			hits: this.#hits,
			misses: this.#misses,
			evictions: this.#evictions,
			adapters,
			bytes: this.#bytes
		};
	}
}

function keyOf(id: string, graph: string): string {
	return `${graph}\n${id}`;
}
