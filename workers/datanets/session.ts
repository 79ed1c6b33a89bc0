import { OpenLedgerError } from '../errors.ts';
import type { CheckReport } from './checks/check.ts';
import type { Contribution } from './contribution.ts';
import type { Hex } from './hash.ts';
import { LeafCache } from './merkle/leaf-cache.ts';
import { findPacked } from './merkle/packed.ts';
import { select, type Judgement, type Query } from './search/select.ts';
import { TableIndex } from './search/table-index.ts';
import { Catalogue } from './store/catalogue.ts';
import { freshen } from './store/change.ts';
import { allOf, type DatanetDb } from './store/db.ts';
import { stored } from './store/failures.ts';
import { RowStore } from './store/rows.ts';
import type { BatchRecord, DatanetRecord } from './store/schema.ts';
import { sweep, type Access } from './store/staging.ts';
import { Vault } from './store/vault.ts';

/** A row as a page shows it. */
export interface RowView {
	row: Contribution;
	/** True where its contributor has signed it. */
	signed: boolean;
	/** Of the latest check: bits of flags, and 0 to 100; undefined where it has not been checked. */
	flags?: number;
	quality?: number;
}

/** Milliseconds from the first rows that are asked for to the words of all. */
const WORDS_AFTER = 300;

interface View {
	query: Query;
	slots: Uint32Array;
	revision: number;
	judgement: Judgement | undefined;
}

/** One opened Datanet: its catalogue, its index and what pages look at. */
export class Session implements Access {
	readonly db: DatanetDb;
	readonly catalogue: Catalogue;
	readonly rows: RowStore;
	readonly vault: Vault | undefined;
	index: TableIndex;
	readonly leaves: LeafCache;
	/** The latest check. */
	judgement: CheckReport | undefined;
	readonly #views = new Map<string, View>();
	/** How many queries each view was given. */
	readonly #turns = new Map<string, number>();
	#batches: BatchRecord[] = [];
	#expecting: ReturnType<typeof setTimeout> | undefined;

	constructor(db: DatanetDb, datanet: string, vault: Vault | undefined) {
		this.db = db;
		this.vault = vault;
		this.catalogue = new Catalogue(datanet, vault);
		this.rows = new RowStore(db, datanet, vault);
		this.index = new TableIndex(this);
		this.leaves = new LeafCache(this.catalogue, (slot) => this.contributorAt(slot));
	}

	/**
	 * Opens a Datanet and sweeps what a dead import may have left. Throws `datanet/not-found`, and `datanet/locked`
	 * where a passphrase is needed or wrong.
	 */
	static async open(
		db: DatanetDb,
		datanet: string,
		passphrase?: string,
		onProgress?: (done: number, total: number) => void
	): Promise<Session> {
		const record = await stored(() => db.datanets.get(datanet));
		let vault: Vault | undefined;
		if (record?.vault) {
			if (passphrase === undefined)
				throw new OpenLedgerError('datanet/locked', 'This Datanet is locked with a passphrase.', {
					remedy: 'Enter the passphrase to open it.'
				});
			vault = await Vault.unlock(record.vault, passphrase);
		}
		const session = new Session(db, datanet, vault);
		await session.refresh(onProgress);
		const report = await stored(() => db.reports.get(datanet));
		session.judgement = report?.report as CheckReport | undefined;
		// Not awaited: a sweep waits for imports in other tabs.
		void sweep(db, datanet).catch(() => undefined);
		return session;
	}

	/** Brings catalogue, index and signatures up to the database. */
	async refresh(onProgress?: (done: number, total: number) => void): Promise<DatanetRecord> {
		const record = await stored(() =>
			this.db.transaction('r', [this.db.datanets, this.db.segments], () => freshen(this.db, this.catalogue))
		);
		await this.index.sync(onProgress);
		const signed = await stored(() => allOf(this.db.batches, this.catalogue.datanet).count());
		if (signed !== this.#batches.length)
			this.#batches = await stored(() => allOf(this.db.batches, this.catalogue.datanet).toArray());
		return record;
	}

	/** Works out which rows a view shows. Cheap where nothing has changed. Throws `storage/*`. */
	async select(view: string, query: Query): Promise<Uint32Array> {
		const turn = (this.#turns.get(view) ?? 0) + 1;
		this.#turns.set(view, turn);
		if (query.text) await this.index.loadWords();
		else this.#expectSearch();
		const known = this.#views.get(view);
		if (
			known?.revision === this.catalogue.revision &&
			known.judgement === this.judgement &&
			JSON.stringify(known.query) === JSON.stringify(query)
		)
			return known.slots;
		const slots = select(this.catalogue, this.index, query, this.judgement);
		// While the words were loaded the view may have been given another query.
		if (this.#turns.get(view) === turn)
			this.#views.set(view, { query, slots, revision: this.catalogue.revision, judgement: this.judgement });
		return slots;
	}

	/** Who looks at rows may search soon: the words are loaded once the first of them have been shown. */
	#expectSearch(): void {
		this.#expecting ??= setTimeout(() => void this.index.loadWords().catch(() => undefined), WORDS_AFTER);
	}

	/** Slots of a view as it was last selected; all rows for a view that never was. */
	slotsOf(view: string): Uint32Array {
		return this.#views.get(view)?.slots ?? this.catalogue.listed();
	}

	contributorAt(slot: number): Hex {
		const { columns, at } = this.index.partOf(slot);
		return columns.contributors.values[columns.contributors.codes[at] ?? 0] as Hex;
	}

	/** After rows have come for slots that were indexed without them. */
	forgetIndex(): void {
		this.index = new TableIndex(this);
	}

	forget(view: string): void {
		this.#views.delete(view);
	}

	async show(slots: Uint32Array): Promise<RowView[]> {
		const rows = await this.rows.need(this.idsOf(slots));
		return rows.map((row, i) => {
			const slot = slots[i] ?? 0;
			const view: RowView = { row, signed: this.isSigned(slot, row.contributor) };
			const { flags, quality } = this.judgement ?? {};
			// Rows that came after the check have no judgement yet.
			if (!flags || !quality || slot >= quality.length) return view;
			return { ...view, flags: flags[slot], quality: quality[slot] };
		});
	}

	idsOf(slots: Uint32Array): Hex[] {
		return Array.from(slots, (slot) => this.catalogue.idAt(slot));
	}

	/** True where a stored batch of the contributor covers the row. */
	isSigned(slot: number, contributor: Hex): boolean {
		const id = this.catalogue.bytesAt(slot);
		return this.#batches.some((batch) => batch.contributor === contributor && findPacked(batch.ids, id) >= 0);
	}

	get batches(): readonly BatchRecord[] {
		return this.#batches;
	}
}
