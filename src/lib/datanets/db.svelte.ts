import { DatanetDb } from '#workers/datanets/store/db.ts';

/** The page's own connection, for live queries; every change of rows goes through the worker. */
export const db = new DatanetDb();

class Freshness {
	/** True once another tab runs a newer version of the app and has changed the database. */
	outdated = $state(false);
}

export const freshness = new Freshness();

db.on('versionchange', () => {
	// The newer tab waits for this: an old one must not keep it out.
	db.close();
	freshness.outdated = true;
});
