import { allOf, type DatanetDb } from './db.ts';
import type { JournalRecord } from './schema.ts';

/** The change that would be undone next, and the one that would be done again; reads no further back than needed. */
export async function nextSteps(
	db: DatanetDb,
	datanet: string
): Promise<{ undo?: JournalRecord; redo?: JournalRecord }> {
	// What is undone stands at the end of the line: a new change takes its place.
	const latest = await allOf(db.journal, datanet)
		.reverse()
		.until((entry) => entry.undone === 0, true)
		.toArray();
	const last = latest.at(-1);
	return last?.undone === 0 ? { undo: last, redo: latest.at(-2) } : { redo: last };
}
