import { datanets } from '../connection.ts';

/**
 * What stands in an editor is kept a moment after each key, so that a crash costs nothing: by the worker, which seals it
 * where the Datanet is locked. It goes when the edit is confirmed, in the same transaction (workers/datanets/store/edits.ts).
 */
export async function keepDraft(datanet: string, row: string, body: unknown): Promise<void> {
	await datanets((api) => api.keepDraft(datanet, row, body));
}

export async function dropDraft(datanet: string, row: string): Promise<void> {
	await datanets((api) => api.dropDraft(datanet, row));
}

export async function draftOf<T>(datanet: string, row: string): Promise<{ at: number; body: T } | undefined> {
	const draft = await datanets((api) => api.draftOf(datanet, row));
	return draft && { at: draft.at, body: draft.body as T };
}
