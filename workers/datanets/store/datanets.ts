import { OpenLedgerError } from '../../errors.ts';
import { toHex } from '../hash.ts';
import { allOf, type DatanetDb } from './db.ts';
import { stored } from './failures.ts';
import type { DatanetInfo, DatanetRecord } from './schema.ts';

/** What a new Datanet starts with. */
export const BLANK: Omit<DatanetInfo, 'updated'> = {
	name: 'Untitled Datanet',
	summary: '',
	description: '',
	tags: [],
	licences: []
};

/** @param id of a copy that came from elsewhere; a fresh one otherwise */
export async function createDatanet(
	db: DatanetDb,
	info: Partial<DatanetInfo> = {},
	id = toHex(crypto.getRandomValues(new Uint8Array(16))).slice(2)
): Promise<DatanetRecord> {
	const record = newDatanet(info, id);
	await stored(() => db.datanets.add(record));
	return record;
}

/** The record of a Datanet without rows. */
export function newDatanet(info: Partial<DatanetInfo>, id: string): DatanetRecord {
	const now = Date.now();
	return { updated: now, ...BLANK, ...info, id, created: now, revision: 0, count: 0 };
}

/** Changes what it says of itself; its rows stay. Throws `datanet/not-found`. */
export async function describeDatanet(db: DatanetDb, id: string, info: Partial<DatanetInfo>): Promise<void> {
	const changed = await stored(() => db.datanets.update(id, { updated: Date.now(), ...info }));
	// 0 also means that nothing differed.
	if (changed === 0 && !(await stored(() => db.datanets.get(id))))
		throw new OpenLedgerError('datanet/not-found', 'This Datanet is not on this device any more.', {
			remedy: 'Go back to the list of Datanets.'
		});
}

/** Deletes a Datanet with everything that belongs to it, in one transaction. */
export async function deleteDatanet(db: DatanetDb, id: string): Promise<void> {
	await stored(() =>
		db.transaction('rw', db.tables, async () => {
			await db.datanets.delete(id);
			await allOf(db.rows, id).delete();
			await allOf(db.headers, id).delete();
			await allOf(db.segments, id).delete();
			await allOf(db.indexes, id).delete();
			await allOf(db.words, id).delete();
			await allOf(db.journal, id).delete();
			await allOf(db.versions, id).delete();
			await allOf(db.batches, id).delete();
			await allOf(db.reviews, id).delete();
			await allOf(db.drafts, id).delete();
			await db.staging.where('datanet').equals(id).delete();
			await db.reports.delete(id);
		})
	);
}
