import { stored } from './failures.ts';
import type { DraftRecord } from './schema.ts';
import type { Access } from './staging.ts';
import { requireVault } from './vault.ts';

/** What stands in an editor, for the next visit; sealed where the rows are. Throws `datanet/locked`, `storage/*`. */
export async function keepDraft({ db, catalogue, vault }: Access, row: string, body: unknown): Promise<void> {
	const { datanet } = catalogue;
	const kept: Pick<DraftRecord, 'body' | 'sealed'> = vault ? { sealed: await vault.seal(body) } : { body };
	await stored(() =>
		db.transaction('rw', [db.datanets, db.drafts], async () => {
			const record = await db.datanets.get(datanet);
			if (!record) return;
			requireVault(record, vault);
			await db.drafts.put({ datanet, row, at: Date.now(), ...kept });
		})
	);
}

export async function dropDraft({ db, catalogue }: Access, row: string): Promise<void> {
	await stored(() => db.drafts.delete([catalogue.datanet, row]));
}

/** When it was written, and what; undefined where there is none. */
export async function draftOf(
	{ db, catalogue, vault }: Access,
	row: string
): Promise<{ at: number; body: unknown } | undefined> {
	const record = await stored(() => db.drafts.get([catalogue.datanet, row]));
	if (!record) return undefined;
	const { at, body, sealed } = record;
	return { at, body: sealed && vault ? await vault.open(sealed) : body };
}
