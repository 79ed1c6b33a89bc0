import { OpenLedgerError } from '../../errors.ts';
import { correct, type Contribution } from '../contribution.ts';
import { fromHex, type Hex } from '../hash.ts';
import type { Access } from './staging.ts';
import { change, type Committed } from './change.ts';

/** Who edits, and what part of the credit the corrected row keeps where it is someone else's. */
export interface Editor {
	contributor: Hex;
	/** Basis points. */
	parentShare: number;
}

export type Edit = Partial<Pick<Contribution, 'content' | 'licence' | 'source' | 'language' | 'tags'>>;

/** Adds a few rows; for many, see staging.ts. Rows that are there already stay as they are. */
export async function addRows(
	access: Access,
	rows: readonly Contribution[],
	label: string
): Promise<Committed> {
	const { db, catalogue } = access;
	const records = await access.rows.records(rows);
	return change(db, catalogue, label, async (plan) => {
		const fresh = new Set<Hex>();
		for (const row of rows) {
			const slot = catalogue.find(row.id);
			if (slot >= 0) plan.set(slot, true);
			else if (!fresh.has(row.id)) plan.append(fromHex(row.id));
			fresh.add(row.id);
		}
		await db.rows.bulkPut(records);
	});
}

/**
 * Puts corrections in the place of rows. Throws `datanet/changed`, changing nothing, where one of the rows is not in
 * the Datanet any more: another tab has edited or removed it.
 */
export async function replaceRows(
	access: Access,
	pairs: readonly { from: Hex; to: Contribution }[],
	label: string,
	draft?: string
): Promise<Committed> {
	const { db, catalogue } = access;
	const records = await access.rows.records(pairs.map((pair) => pair.to));
	return change(db, catalogue, label, async (plan) => {
		for (const { from, to } of pairs) {
			const old = catalogue.find(from);
			if (old < 0 || !catalogue.isIn(old)) throw changedElsewhere(from);
			if (from === to.id) continue;
			plan.set(old, false);
			const known = catalogue.find(to.id);
			if (known >= 0) plan.set(known, true);
			else plan.append(fromHex(to.id), 1, catalogue.placeOf(old));
		}
		await db.rows.bulkPut(records);
		if (draft !== undefined) await db.drafts.delete([catalogue.datanet, draft]);
	});
}

/** Takes rows out; rows that are out already stay so. */
export async function removeRows(access: Access, ids: readonly Hex[], label: string): Promise<Committed> {
	const { db, catalogue } = access;
	return change(db, catalogue, label, (plan) => {
		for (const id of ids) {
			const slot = catalogue.find(id);
			if (slot >= 0) plan.set(slot, false);
		}
	});
}

/**
 * The record that an edit makes. Changing words shares the credit as the editor states; changing only what surrounds
 * them (tags, licence, source, language) leaves all of it with the row's own contributors.
 */
export function edited(row: Contribution, edit: Edit, by: Editor, at: Date): Contribution {
	const parentShare = edit.content ? by.parentShare : 10_000;
	return correct(row, edit, { contributor: by.contributor, created: at, parentShare });
}

function changedElsewhere(id: Hex): OpenLedgerError {
	return new OpenLedgerError('datanet/changed', 'This row was changed or removed in another tab.', {
		remedy: 'Look at the row as it is now, then make your change again. What you wrote is kept as a draft.',
		details: { id }
	});
}
