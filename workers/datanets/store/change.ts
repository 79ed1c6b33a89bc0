import { Dexie } from 'dexie';
import { OpenLedgerError } from '../../errors.ts';
import { MAX_ROWS } from '../limits.ts';
import type { Catalogue } from './catalogue.ts';
import { allOf, type DatanetDb } from './db.ts';
import { stored } from './failures.ts';
import { nextSteps } from './journal.ts';
import { Plan } from './plan.ts';
import type { DatanetRecord, JournalRecord, SegmentRecord } from './schema.ts';
import { requireVault } from './vault.ts';

/** Changes that can be undone; older ones are forgotten. */
const JOURNAL_LENGTH = 200;

export interface Committed {
	revision: number;
	/** Slots whose rows went in or out. */
	slots: Uint32Array;
}

/** The tables that every change of rows reads or writes. */
function tablesOf(db: DatanetDb) {
	const { datanets, rows, headers, segments, indexes, words } = db;
	const { journal, staging, reviews, drafts, versions, batches } = db;
	return [
		...[datanets, rows, headers, segments, indexes, words],
		...[journal, staging, reviews, drafts, versions, batches]
	];
}

/**
 * The one way in which the rows of a Datanet change: one transaction that reads the newest state, lets `work` plan on
 * it and writes all of it or nothing. `work` may await nothing but the database. Throws `datanet/not-found`,
 * `datanet/too-large`, `storage/*` and whatever `work` throws; then nothing has changed.
 *
 * @param create the Datanet itself, where this change brings it into being
 * @param label what was done, for the undo menu; without one the change cannot be undone (a merge, an undo itself)
 */
export async function change(
	db: DatanetDb,
	catalogue: Catalogue,
	label: string | undefined,
	work: (plan: Plan, datanet: DatanetRecord) => void | Promise<void>,
	create?: DatanetRecord
): Promise<Committed> {
	let segments: SegmentRecord[] = [];
	const committed = await stored(() =>
		db.transaction('rw', tablesOf(db), async () => {
			if (create) await db.datanets.add(create);
			const before = await freshen(db, catalogue);
			const plan = new Plan(catalogue);
			await work(plan, before);
			segments = plan.segments();
			const revision = before.revision + 1;
			const count = before.count + plan.delta;
			if (count > MAX_ROWS) throw tooLarge(count);
			await db.segments.bulkPut(segments);
			const { slots, present } = plan.changes();
			if (label !== undefined && slots.length > 0)
				await remember(db, catalogue.datanet, label, slots, present);
			// Not `put`: `work` may have changed the description.
			await db.datanets.update(catalogue.datanet, { revision, count });
			return { revision, slots };
		})
	);
	catalogue.take(segments, committed.revision);
	return committed;
}

/**
 * Brings the catalogue up to what other tabs have done; returns the Datanet. Throws `datanet/not-found`, and
 * `datanet/locked` where it has been locked or unlocked since.
 */
export async function freshen(db: DatanetDb, catalogue: Catalogue): Promise<DatanetRecord> {
	const datanet = await db.datanets.get(catalogue.datanet);
	if (!datanet)
		throw new OpenLedgerError('datanet/not-found', 'This Datanet is not on this device any more.', {
			remedy: 'Go back to the list of Datanets.'
		});
	requireVault(datanet, catalogue.vault);
	if (datanet.revision !== catalogue.revision) await catalogue.load(db, datanet.revision);
	return datanet;
}

/** Takes back the latest change that is not undone yet. Returns its label, or undefined where there is none. */
export async function undo(db: DatanetDb, catalogue: Catalogue): Promise<string | undefined> {
	return replay(db, catalogue, false);
}

/** Does the change undone last again. */
export async function redo(db: DatanetDb, catalogue: Catalogue): Promise<string | undefined> {
	return replay(db, catalogue, true);
}

async function replay(db: DatanetDb, catalogue: Catalogue, again: boolean): Promise<string | undefined> {
	let label: string | undefined;
	await change(db, catalogue, undefined, async (plan) => {
		const { undo, redo } = await nextSteps(db, catalogue.datanet);
		const entry = again ? redo : undo;
		if (!entry) return;
		label = entry.label;
		entry.slots.forEach((slot, i) => plan.set(slot, (entry.present[i] === 1) === again));
		await db.journal.put({ ...entry, undone: again ? 0 : 1 });
	});
	return label;
}

async function remember(
	db: DatanetDb,
	datanet: string,
	label: string,
	slots: Uint32Array,
	present: Uint8Array
): Promise<void> {
	// A new change ends the line of what could be done again.
	await allOf(db.journal, datanet)
		.filter((entry) => entry.undone === 1)
		.delete();
	const last = await allOf(db.journal, datanet).last();
	const seq = (last?.seq ?? 0) + 1;
	const entry: JournalRecord = { datanet, seq, at: Date.now(), label, slots, present, undone: 0 };
	await db.journal.put(entry);
	await db.journal
		.where(':id')
		.between([datanet, Dexie.minKey], [datanet, seq - JOURNAL_LENGTH], true, true)
		.delete();
}

function tooLarge(count: number): OpenLedgerError {
	return new OpenLedgerError('datanet/too-large', 'This would be more rows than one Datanet can hold.', {
		remedy: `Split the data: a Datanet holds up to ${MAX_ROWS.toLocaleString('en')} rows.`,
		details: { count, limit: MAX_ROWS }
	});
}
