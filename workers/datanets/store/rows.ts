import { OpenLedgerError } from '../../errors.ts';
import type { Contribution } from '../contribution.ts';
import type { Hex } from '../hash.ts';
import { allOf, type DatanetDb } from './db.ts';
import { stored } from './failures.ts';
import type { RowRecord } from './schema.ts';
import type { Vault } from './vault.ts';

/** Reads and prepares row records, through the vault where the Datanet is locked away. */
export class RowStore {
	readonly #db: DatanetDb;
	readonly #datanet: string;
	readonly #vault: Vault | undefined;

	constructor(db: DatanetDb, datanet: string, vault: Vault | undefined) {
		this.#db = db;
		this.#datanet = datanet;
		this.#vault = vault;
	}

	/** What to put into `rows`. Encryption is asynchronous and must be done before a transaction begins. */
	async records(rows: readonly Contribution[]): Promise<RowRecord[]> {
		const vault = this.#vault;
		if (!vault) return rows.map((row) => ({ ...row, datanet: this.#datanet }));
		return Promise.all(
			rows.map(async (row) => ({ datanet: this.#datanet, id: row.id, sealed: await vault.seal(row) }))
		);
	}

	/** Rows in the order asked for; undefined where one is not stored. */
	async get(ids: readonly Hex[]): Promise<(Contribution | undefined)[]> {
		const records = await stored(() => this.#db.rows.bulkGet(ids.map((id) => [this.#datanet, id])));
		return Promise.all(records.map((record) => record && this.#open(record)));
	}

	/** The same where all of them must be there. Throws `storage/damaged`. */
	async need(ids: readonly Hex[]): Promise<Contribution[]> {
		const rows = await this.get(ids);
		return rows.map((row, i) => {
			if (row) return row;
			throw new OpenLedgerError('storage/damaged', 'A row of this Datanet is missing from storage.', {
				remedy: 'Restore the Datanet from a bundle or a backup.',
				details: { id: ids[i] ?? '' }
			});
		});
	}

	/** All stored rows in ascending order of id, whether in the Datanet now or not, some thousand at a time. */
	async *all(batch = 2_000): AsyncGenerator<Contribution[]> {
		let after: [string, Hex] | undefined;
		for (;;) {
			const last = after;
			const records = await stored(() =>
				(last
					? this.#db.rows.where(':id').between(last, [this.#datanet, []], false, true)
					: allOf(this.#db.rows, this.#datanet)
				)
					.limit(batch)
					.toArray()
			);
			const end = records.at(-1);
			if (!end) return;
			after = [end.datanet, end.id];
			yield await Promise.all(records.map((record) => this.#open(record)));
		}
	}

	async #open(record: RowRecord): Promise<Contribution> {
		if (!('sealed' in record)) {
			const row: Contribution & { datanet?: string } = { ...record };
			delete row.datanet;
			return row;
		}
		if (!this.#vault) throw new Error('a sealed row without its vault');
		return this.#vault.open<Contribution>(record.sealed);
	}
}
