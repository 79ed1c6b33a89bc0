import 'fake-indexeddb/auto';
import type { Contribution } from '#workers/datanets/contribution.ts';
import { Catalogue } from '#workers/datanets/store/catalogue.ts';
import { createDatanet } from '#workers/datanets/store/datanets.ts';
import { allOf, DatanetDb } from '#workers/datanets/store/db.ts';
import { RowStore } from '#workers/datanets/store/rows.ts';
import type { Access } from '#workers/datanets/store/staging.ts';
import { ITERATIONS, type Vault } from '#workers/datanets/store/vault.ts';

/** A Datanet in a database of its own, in memory; `another` opens it once more, as a second tab would. */
export async function openDatanet(vault?: Vault) {
	const name = crypto.randomUUID();
	const first = new DatanetDb(name);
	const { id } = await createDatanet(first);
	if (vault) {
		const record = { salt: vault.salt, iterations: ITERATIONS, check: await vault.seal('openledger') };
		await first.datanets.update(id, { vault: record });
	}
	const open = (db: DatanetDb): Access => ({
		db,
		catalogue: new Catalogue(id, vault),
		rows: new RowStore(db, id, vault),
		vault
	});
	return { ...open(first), id, another: () => open(new DatanetDb(name)) };
}

/** The rows of a Datanet as anyone opening it afresh would see them, in their order. */
export async function rowsOf({ db, catalogue, rows }: Access): Promise<Contribution[]> {
	const fresh = new Catalogue(catalogue.datanet);
	const datanet = await db.datanets.get(catalogue.datanet);
	await fresh.load(db, datanet?.revision ?? 0);
	const ids = [...fresh.listed()].map((slot) => fresh.idAt(slot));
	const found = (await rows.get(ids)).filter((row) => row !== undefined);
	if (found.length !== ids.length) throw new Error('the Datanet lists rows that are not stored');
	if (datanet?.count !== found.length) throw new Error(`counted ${datanet?.count}, holds ${found.length}`);
	return found;
}

/** Row records that no segment and no review lists: there must never be any once a sweep is over. */
export async function orphans({ db, catalogue }: Access): Promise<string[]> {
	const fresh = new Catalogue(catalogue.datanet);
	await fresh.load(db, 0);
	const keys = await allOf(db.rows, catalogue.datanet).primaryKeys();
	return keys.map(([, id]) => id).filter((id) => fresh.find(id) < 0);
}
