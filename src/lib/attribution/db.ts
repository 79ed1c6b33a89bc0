import Dexie, { liveQuery, type EntityTable } from 'dexie';
import type { Hex } from '#workers/datanets/hash.ts';
import type { AttributionRecord } from './records.ts';

/** What was measured of replies, on this device. */
class AttributionDatabase extends Dexie {
	declare attributions: EntityTable<AttributionRecord, 'id'>;

	constructor() {
		super('openledger-attribution');
		this.version(1).stores({
			attributions: 'id, conversation, state, time, *contributions'
		});
	}
}

export const db = new AttributionDatabase();

/** Changes a stored record; does nothing when it has been deleted. */
export async function updateRecord(id: string, changes: Partial<AttributionRecord>): Promise<void> {
	await db.attributions.where({ id }).modify((record) => void Object.assign(record, changes));
}

/** A reply's record; undefined where no adapter wrote it. Read it in a `Live` query to see it grow. */
export function attributionOf(reply: string): Promise<AttributionRecord | undefined> {
	return db.attributions.get(reply);
}

/** A reply's record as soon as it is measured; undefined where no adapter wrote it. */
export async function measuredRecord(reply: string): Promise<AttributionRecord | undefined> {
	const ended = (record: AttributionRecord | undefined) =>
		!record || record.state === 'measured' || record.state === 'unmeasured';
	return new Promise((resolve, reject) => {
		const seen = liveQuery(() => attributionOf(reply)).subscribe({
			next: (record) => {
				if (!ended(record)) return;
				queueMicrotask(() => seen.unsubscribe());
				resolve(record);
			},
			error: reject
		});
	});
}

/** Replies that a row influenced, the newest first. */
export async function influencedBy(contribution: Hex): Promise<AttributionRecord[]> {
	const found = await db.attributions.where('contributions').equals(contribution).sortBy('time');
	return found.reverse();
}
