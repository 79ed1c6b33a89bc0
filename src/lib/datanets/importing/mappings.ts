import type { Mapping } from '#workers/datanets/import/mapping.ts';
import { db } from '../db.svelte.ts';

/** How a table with these columns was mapped last time. */
export async function rememberedMapping(signature: string): Promise<Mapping | undefined> {
	return (await db.mappings.get(signature))?.mapping as Mapping | undefined;
}

export async function rememberMapping(signature: string, mapping: Mapping): Promise<void> {
	await db.mappings.put({ signature, at: Date.now(), mapping });
}
