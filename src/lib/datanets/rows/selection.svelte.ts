import { SvelteSet } from 'svelte/reactivity';
import type { Selection as Chosen } from '#workers/datanets/api.ts';
import type { Hex } from '#workers/datanets/hash.ts';
import type { Rows } from './rows.svelte.ts';

/** Rows that a person has chosen: some by id, or all that the view shows. */
export class Selection {
	readonly #rows: Rows;
	readonly #ids = new SvelteSet<Hex>();
	#all = $state(false);

	constructor(rows: Rows) {
		this.#rows = rows;
	}

	get count(): number {
		return this.#all ? this.#rows.total : this.#ids.size;
	}

	get isAll(): boolean {
		return this.#all && this.#rows.total > 0;
	}

	has(id: Hex): boolean {
		return this.#all || this.#ids.has(id);
	}

	/** What the worker is told. */
	get chosen(): Chosen {
		return this.#all ? { view: this.#rows.view } : { ids: [...this.#ids] };
	}

	toggle(id: Hex): void {
		if (this.#all) return;
		if (!this.#ids.delete(id)) this.#ids.add(id);
	}

	/** Chooses every row between two places that is here. */
	extend(from: number, to: number): void {
		this.#all = false;
		for (let i = Math.min(from, to); i <= Math.max(from, to); i++) {
			const id = this.#rows.at(i)?.row.id;
			if (id) this.#ids.add(id);
		}
	}

	all(): void {
		this.#ids.clear();
		this.#all = true;
	}

	clear(): void {
		this.#ids.clear();
		this.#all = false;
	}
}
