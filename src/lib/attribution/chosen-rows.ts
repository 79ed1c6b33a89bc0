import { MANIFEST_FILE } from '#workers/adapters/lora-adapter.ts';
import { parseManifest } from '#workers/adapters/manifest.ts';
import type { LearntRows } from '#workers/attribution/rows-file.ts';
import type { Contribution } from '#workers/datanets/contribution.ts';
import type { Hex } from '#workers/datanets/hash.ts';
import { learntRows } from '#workers/train/learnt.ts';
import { datanets } from '../datanets/connection.ts';
import { belonging, type Belonging } from './belonging.ts';

/** Rows that cross at a time. */
const CHUNK = 500;

/** Rows of a Datanet that an adapter may have learnt. */
export interface ChosenRows {
	/** Those to be indexed, in the order in which they were written: of rows that repeat each other the first has the credit. */
	learnt: LearntRows;
	belonging: Belonging;
	/** Rows of the version without content on this device. */
	missing: number;
}

/**
 * Reads the rows of a Datanet's version and holds them against an adapter's manifest.
 *
 * @param root of the version; the rows as they are without one
 * @param files of the adapter, as it is exported
 * @throws OpenLedgerError `datanet/locked`, `datanet/not-found`, `adapter/malformed`
 */
export async function chosenRows(
	datanet: { id: string; name: string },
	root: Hex | undefined,
	files: readonly File[]
): Promise<ChosenRows> {
	const { id, name } = datanet;
	await datanets((api) => api.open(id));
	const rows: Contribution[] = [];
	let total = 0;
	for (let start = 0; start === 0 || start < total; start += CHUNK) {
		const some = await datanets((api) => api.versionRows(id, root, start, CHUNK));
		rows.push(...some.rows);
		({ total } = some);
	}
	const file = files.find((one) => one.name === MANIFEST_FILE);
	const manifest = file && parseManifest(new Uint8Array(await file.arrayBuffer()));
	const known = root ?? (await datanets((api) => api.root(id)));
	const found = await belonging(manifest, { id, root: known, ids: rows.map((row) => row.id) });
	const use = new Set(found.use);
	const taken = rows
		.filter((row) => use.has(row.id))
		.sort((a, b) => (a.created < b.created ? -1 : a.created > b.created ? 1 : 0));
	const source = { name, datanet: id, root: known, rows: taken.map(sourceRow) };
	const training = taken.map(({ id: row, content }) => ({ id: row, source: 0, content }));
	return {
		learnt: learntRows({ sources: [source] }, { training }),
		belonging: found,
		missing: total - rows.length
	};
}

function sourceRow(row: Contribution) {
	const { id, content, contributor, licence, source, language, tags, created, parent, parentShare } = row;
	return {
		id,
		content,
		header: { contributor, licence, source, language, tags, created, parent, parentShare }
	};
}
