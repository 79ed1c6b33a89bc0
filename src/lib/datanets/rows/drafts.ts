import { db } from '../db.svelte.ts';

/**
 * What stands in an editor is kept here a moment after each key, so that a crash costs nothing. It goes when the edit is
 * confirmed, in the same transaction (workers/datanets/store/edits.ts).
 */
export async function keepDraft(datanet: string, row: string, body: unknown): Promise<void> {
	await db.drafts.put({ datanet, row, at: Date.now(), body });
}

export async function dropDraft(datanet: string, row: string): Promise<void> {
	await db.drafts.delete([datanet, row]);
}

export async function draftOf<T>(datanet: string, row: string): Promise<{ at: number; body: T } | undefined> {
	const record = await db.drafts.get([datanet, row]);
	return record && { at: record.at, body: record.body as T };
}
