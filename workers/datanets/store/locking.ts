import { Dexie } from 'dexie';
import type { Session } from '../session.ts';
import { freshen } from './change.ts';
import { allOf } from './db.ts';
import { stored } from './failures.ts';
import { RowStore } from './rows.ts';
import type { RowRecord } from './schema.ts';
import { betweenImports } from './staging.ts';
import { Vault } from './vault.ts';

const BATCH = 500;

/**
 * Puts a Datanet behind a passphrase. The vault is stored first, then rows are sealed batch by batch; a tab that dies in
 * between leaves a Datanet that opens with the passphrase and goes on sealing then (`sealRows`).
 */
export async function lockDatanet(session: Session, passphrase: string): Promise<Vault> {
	const { db, catalogue } = session;
	const { datanet } = catalogue;
	const { vault, record } = await Vault.create(passphrase);
	return betweenImports(datanet, async () => {
		await stored(() =>
			db.transaction('rw', [db.datanets, db.segments, db.indexes, db.words, db.reports], async () => {
				await freshen(db, catalogue);
				await db.datanets.update(datanet, { vault: record });
				await allOf(db.indexes, datanet).delete();
				await allOf(db.words, datanet).delete();
				await db.reports.delete(datanet);
			})
		);
		await sealRows(session, vault);
		return vault;
	});
}

/** Seals what still lies open in a Datanet that has a vault. */
export async function sealRows(session: Session, vault: Vault): Promise<void> {
	const target = new RowStore(session.db, session.catalogue.datanet, vault);
	await rewrite(session, target, (record) => !('sealed' in record));
	await rewriteDrafts(session, vault);
}

/** Opens all rows and takes the passphrase away; the vault goes last, so that a dead tab loses nothing. */
export async function unlockDatanet(session: Session): Promise<void> {
	const { db, catalogue } = session;
	await betweenImports(catalogue.datanet, async () => {
		await rewrite(session, new RowStore(db, catalogue.datanet, undefined), (record) => 'sealed' in record);
		await rewriteDrafts(session, undefined);
		await stored(() =>
			db.datanets
				.where('id')
				.equals(catalogue.datanet)
				.modify((datanet) => delete datanet.vault)
		);
	});
}

/** Drafts are few: one at a time. */
async function rewriteDrafts(
	{ db, catalogue, vault: own }: Session,
	vault: Vault | undefined
): Promise<void> {
	for (const draft of await stored(() => allOf(db.drafts, catalogue.datanet).toArray())) {
		if ((draft.sealed !== undefined) === (vault !== undefined)) continue;
		const body = draft.sealed ? await own?.open(draft.sealed) : draft.body;
		const kept = vault ? { body: undefined, sealed: await vault.seal(body) } : { body, sealed: undefined };
		await stored(() => db.drafts.update([draft.datanet, draft.row], kept));
	}
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
		const found = (await source.get(ids)).filter((row) => row !== undefined);
		const rewritten = await target.records(found);
		await stored(() =>
			db.transaction('rw', db.rows, async () => {
				// A row that was swept or forgotten meanwhile must not come back.
				const there = await db.rows.bulkGet(found.map(({ id }) => [catalogue.datanet, id]));
				await db.rows.bulkPut(rewritten.filter((_, i) => there[i]));
			})
		);
	}
}
