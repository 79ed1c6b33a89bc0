import type { DatanetRecord } from '#workers/datanets/store/schema.ts';
import { allOf } from '#workers/datanets/store/db.ts';
import type { TrainingRow, TrainingSource } from '#workers/train/api.ts';
import { datanets, proxy } from '../datanets/connection.ts';
import { db } from '../datanets/db.svelte.ts';

/** Rows that cross at a time. */
const CHUNK = 500;

/**
 * All rows of a Datanet, to learn from.
 * @throws OpenLedgerError `datanet/locked`, `datanet/not-found`
 */
export async function datanetRows(datanet: DatanetRecord): Promise<TrainingSource> {
	const view = 'factory';
	const { id, name, licences } = datanet;
	await datanets((api) => api.open(id));
	const count = await datanets((api) => api.select(id, view, {}));
	const rows: TrainingRow[] = [];
	while (rows.length < count) {
		const some = await datanets((api) => api.show(id, view, rows.length, CHUNK));
		if (some.length === 0) break;
		rows.push(
			...some.map(({ row }) => {
				const { id, content, contributor, licence, source, language, tags, created, parent, parentShare } =
					row;
				const header = { contributor, licence, source, language, tags, created, parent, parentShare };
				return { id, content, header };
			})
		);
	}
	return { name, datanet: id, licence: licences[0], rows };
}

/** The version that holds the rows as they are; frozen now where there is none yet. A model names its version. */
export async function versionOf(datanet: string, model: string): Promise<string> {
	const root = await datanets((api) => api.root(datanet));
	const versions = await allOf(db.versions, datanet).toArray();
	if (versions.some((version) => version.root === root)) return root;
	const note = `For training ${model}`;
	const frozen = await datanets((api) =>
		api.freeze(
			datanet,
			note,
			`freeze-${Date.now()}`,
			proxy(() => undefined)
		)
	);
	return frozen.root;
}
