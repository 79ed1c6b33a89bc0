import type { DeviceAdapter } from '#workers/runtime/decoder.ts';

interface Resident {
	adapter: Promise<DeviceAdapter>;
	bytes: number;
	users: number;
}

/**
 * Adapters on the device, within a budget: the longest unused leave first, those in use never. Simultaneous requests for
 * one adapter load it once.
 */
export class DeviceAdapters {
	readonly #budget: number;
	/** In the order of last use. */
	readonly #residents = new Map<string, Resident>();

	/** @param budget bytes on the device */
	constructor(budget: number) {
		this.#budget = budget;
	}

	has(key: string): boolean {
		return this.#residents.has(key);
	}

	/** The adapter under `key`, loaded when it is not there. Call `release` when the reply has ended. */
	async hold(
		key: string,
		load: () => Promise<DeviceAdapter>
	): Promise<{ adapter: DeviceAdapter; release: () => void }> {
		const resident = this.#residents.get(key) ?? { adapter: load(), bytes: 0, users: 0 };
		this.#residents.delete(key);
		this.#residents.set(key, resident);
		resident.users++;
		try {
			const adapter = await resident.adapter;
			resident.bytes = adapter.byteLength;
			this.#shrink();
			return { adapter, release: once(() => this.#release(resident)) };
		} catch (error) {
			if (this.#residents.get(key) === resident) this.#residents.delete(key);
			throw error;
		}
	}

	/** Drops adapters whose key the test accepts and nobody uses. */
	drop(test: (key: string) => boolean): void {
		for (const [key, resident] of this.#residents)
			if (test(key) && resident.users === 0) this.#evict(key, resident);
	}

	#release(resident: Resident): void {
		resident.users--;
		this.#shrink();
	}

	#shrink(): void {
		let bytes = [...this.#residents.values()].reduce((sum, resident) => sum + resident.bytes, 0);
		for (const [key, resident] of this.#residents) {
			if (bytes <= this.#budget) return;
			if (resident.users > 0) continue;
			bytes -= resident.bytes;
			this.#evict(key, resident);
		}
	}

	#evict(key: string, resident: Resident): void {
		this.#residents.delete(key);
		void resident.adapter.then((adapter) => adapter.dispose());
	}
}

function once(work: () => void): () => void {
	let done = false;
	return () => {
		if (!done) work();
		done = true;
	};
}
