import 'fake-indexeddb/auto';
import { bundleRecords, bundleStream } from '#workers/datanets/bundle/write.ts';
import type { Contribution } from '#workers/datanets/contribution.ts';
import { Session } from '#workers/datanets/session.ts';
import { createDatanet } from '#workers/datanets/store/datanets.ts';
import { DatanetDb } from '#workers/datanets/store/db.ts';
import { addRows } from '#workers/datanets/store/edits.ts';
import { storeVersion } from '#workers/datanets/store/versions.ts';
import { makeVersion } from '#workers/datanets/version.ts';

/** The file of a Datanet as another device would send it: rows, and a version of them. Datanet: 32 hexadecimal digits. */
export async function datanetFile(datanet: string, name: string, rows: Contribution[]): Promise<Uint8Array> {
	const db = new DatanetDb(crypto.randomUUID());
	await createDatanet(db, { name }, datanet);
	const session = await Session.open(db, datanet);
	await addRows(session, rows, 'Add');
	await session.refresh();
	await storeVersion(session, session.catalogue.revision, makeVersion(rows, 'elsewhere', new Date(0)));
	const records = bundleRecords(session, { purpose: 'datanet', from: 'Ada' });
	const bytes = await new Response(bundleStream(records)).bytes();
	db.close();
	return bytes;
}
