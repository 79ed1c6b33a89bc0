import { Dexie } from 'dexie';
import type { Session } from '../session.ts';
import { allOf } from './db.ts';
import { stored } from './failures.ts';
import { RowStore } from './rows.ts';
import type { RowRecord } from './schema.ts';
import { Vault } from './vault.ts';

const BATCH = 500;

/**
 * Puts a Datanet behind a passphrase. The vault is stored first, then rows are sealed batch by batch; a tab that dies in
 * between leaves a Datanet that opens with the passphrase and goes on sealing then (`sealRows`).
 */
export async function lockDatanet(session: Session, passphrase: string): Promise<Vault> {
	const { db, catalogue } = session;
	const { vault, record } = await Vault.create(passphrase);
	await stored(() =>
		db.transaction('rw', [db.datanets, db.indexes, db.words, db.reports], async () => {
			await db.datanets.update(catalogue.datanet, { vault: record });
			await allOf(db.indexes, catalogue.datanet).delete();
			await allOf(db.words, catalogue.datanet).delete();
			await db.reports.delete(catalogue.datanet);
		})
	);
	await sealRows(session, vault);
	return vault;
}

/** Seals what still lies open in a Datanet that has a vault. */
export async function sealRows(session: Session, vault: Vault): Promise<void> {
	const target = new RowStore(session.db, session.catalogue.datanet, vault);
	await rewrite(session, target, (record) => !('sealed' in record));
}

/** Opens all rows and takes the passphrase away; the vault goes last, so that a dead tab loses nothing. */
export async function unlockDatanet(session: Session): Promise<void> {
	const { db, catalogue } = session;
	await rewrite(session, new RowStore(db, catalogue.datanet, undefined), (record) => 'sealed' in record);
	await stored(() =>
		db.datanets
			.where('id')
			.equals(catalogue.datanet)
			.modify((datanet) => delete datanet.vault)
	);
}

async function rewrite(
	session: Session,
	target: RowStore,
	wanted: (record: RowRecord) => boolean
): Promise<void> {
	const { db, catalogue } = session;
	const source = new RowStore(db, catalogue.datanet, session.vault);
	for (let after: [string, unknown] = [catalogue.datanet, Dexie.minKey]; ;) {
		const from = after;
		const records = await stored(() =>
			db.rows
				.where(':id')
				.between(from, [catalogue.datanet, Dexie.maxKey], false, false)
				.limit(BATCH)
				.toArray()
		);
		const last = records.at(-1);
		if (!last) return;
		after = [catalogue.datanet, last.id];
		const ids = records.filter(wanted).map((record) => record.id);
		const rewritten = await target.records(await source.need(ids));
		await stored(() => db.rows.bulkPut(rewritten));
	}
}
