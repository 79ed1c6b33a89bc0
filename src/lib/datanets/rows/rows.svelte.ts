import type { Query } from '#workers/datanets/search/select.ts';
import type { RowView } from '#workers/datanets/session.ts';
import type { Hex } from '#workers/datanets/hash.ts';
import type { OpenLedgerError } from '#workers/errors.ts';
import { datanets } from '../connection.ts';
import { asError } from '../errors.ts';

/** Rows fetched together. */
const PAGE = 64;
/** Pages kept: far more than a screen shows, far less than a Datanet has. */
const KEPT = 40;

/** The rows that a query finds, fetched as they come into sight. */
export class Rows {
	readonly datanet: string;
	/** The worker's name for what is shown here. */
	readonly view = `view-${Math.random().toString(36).slice(2)}`;
	total = $state(0);
	ready = $state(false);
	error = $state.raw<OpenLedgerError>();
	#pages = $state.raw(new Map<number, RowView[]>());
	#loading = new Set<number>();
	#generation = 0;
	#range = { first: 0, last: 0 };

	constructor(datanet: string) {
		this.datanet = datanet;
	}

	/** The row in a place, if it is here yet. */
	at(index: number): RowView | undefined {
		return this.#pages.get(Math.floor(index / PAGE))?.[index % PAGE];
	}

	/** Finds rows anew; what is in sight stays until the new rows are there. */
	async find(query: Query): Promise<void> {
		const generation = ++this.#generation;
		try {
			const total = await datanets((api) => api.select(this.datanet, this.view, query));
			if (generation !== this.#generation) return;
			const pages = await this.#fetch(this.#pagesInSight(total));
			if (generation !== this.#generation) return;
			this.#loading.clear();
			this.#pages = pages;
			this.total = total;
			this.ready = true;
			this.error = undefined;
		} catch (thrown) {
			if (generation === this.#generation) this.error = asError(thrown);
		}
	}

	/** Says which rows are in sight, so that they are fetched. */
	async show(first: number, last: number): Promise<void> {
		this.#range = { first, last };
		const generation = this.#generation;
		const missing = this.#pagesInSight(this.total).filter(
			(page) => !this.#pages.has(page) && !this.#loading.has(page)
		);
		if (missing.length === 0) return;
		for (const page of missing) this.#loading.add(page);
		try {
			const fetched = await this.#fetch(missing);
			if (generation !== this.#generation) return;
			const pages = new Map([...this.#pages, ...fetched]);
			for (const old of pages.keys()) {
				if (pages.size <= KEPT) break;
				if (!fetched.has(old)) pages.delete(old);
			}
			this.#pages = pages;
		} catch (thrown) {
			this.error = asError(thrown);
		} finally {
			for (const page of missing) this.#loading.delete(page);
		}
	}

	/** Place of a row in the view, or −1. */
	async placeOf(id: Hex): Promise<number> {
		return datanets((api) => api.place(this.datanet, this.view, id));
	}

	#pagesInSight(total: number): number[] {
		const last = Math.min(this.#range.last, total - 1);
		const pages: number[] = [];
		for (
			let page = Math.floor(Math.min(this.#range.first, last) / PAGE);
			page <= Math.floor(last / PAGE);
			page++
		)
			if (page >= 0) pages.push(page);
		return pages;
	}

	async #fetch(pages: number[]): Promise<Map<number, RowView[]>> {
		const fetched = await Promise.all(
			pages.map((page) => datanets((api) => api.show(this.datanet, this.view, page * PAGE, PAGE)))
		);
		return new Map(pages.map((page, i) => [page, fetched[i] ?? []]));
	}
}
