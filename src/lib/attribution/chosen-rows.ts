import { MANIFEST_FILE } from '#workers/adapters/lora-adapter.ts';
import { parseManifest } from '#workers/adapters/manifest.ts';
import type { LearntRows } from '#workers/attribution/index/rows-file.ts';
import type { Contribution } from '#workers/datanets/contribution.ts';
import type { Hex } from '#workers/datanets/hash.ts';
import { learntRows } from '#workers/train/learnt.ts';
import { datanets } from '../datanets/connection.ts';
import { belongingOfAll, type Belonging } from './belonging.ts';

/** Rows that cross at a time. */
const CHUNK = 500;

/** Rows of a Datanet that an adapter may have learnt. */
export interface ChosenRows {
	/** Those to be indexed, in the order in which they were written: of rows that repeat each other the first has the credit. */
	learnt: LearntRows;
	belonging: Belonging;
	/** Rows of these versions without content on this device. */
	missing: number;
}

/** A Datanet, and the version of it that is meant: the rows as they are without one. */
export interface Part {
	id: string;
	name: string;
	root?: Hex;
}

/**
 * Reads the rows of versions of Datanets and holds them against an adapter's manifest.
 *
 * @param parts the first is the one that was chosen, the others are named by the manifest too
 * @param files of the adapter, as it is exported
 * @throws OpenLedgerError `datanet/locked`, `datanet/not-found`, `adapter/malformed`
 */
export async function chosenRows(parts: readonly Part[], files: readonly File[]): Promise<ChosenRows> {
	const file = files.find((one) => one.name === MANIFEST_FILE);
	const manifest = file && parseManifest(new Uint8Array(await file.arrayBuffer()));
	const read = await Promise.all(parts.map(readPart));
	const found = await belongingOfAll(
		manifest,
		read.map(({ id, root, rows }) => ({ id, root, ids: rows.map((row) => row.id) }))
	);
	const use = new Set(found.use);
	const sources = read.map(({ id, name, root, rows }) => {
		const taken = rows
			.filter((row) => use.has(row.id))
			.sort((a, b) => (a.created < b.created ? -1 : a.created > b.created ? 1 : 0));
		return { name, datanet: id, root, rows: taken };
	});
	const training = sources.flatMap(({ rows }, source) =>
		rows.map(({ id, content }) => ({ id, source, content }))
	);
	const given = sources.map((source) => ({ ...source, rows: source.rows.map(sourceRow) }));
	return {
		learnt: learntRows({ sources: given }, { training }),
		belonging: found,
		missing: read.reduce((sum, { total, rows }) => sum + total - rows.length, 0)
	};
}

async function readPart({ id, name, root }: Part) {
	await datanets((api) => api.open(id));
	const rows: Contribution[] = [];
	let total = 0;
	for (let start = 0; start === 0 || start < total; start += CHUNK) {
		const some = await datanets((api) => api.versionRows(id, root, start, CHUNK));
		rows.push(...some.rows);
		({ total } = some);
	}
	return { id, name, root: root ?? (await datanets((api) => api.root(id))), rows, total };
}

function sourceRow(row: Contribution) {
	const { id, content, contributor, licence, source, language, tags, created, parent, parentShare } = row;
	return {
		id,
		content,
		header: { contributor, licence, source, language, tags, created, parent, parentShare }
	};
}
