import type { SignedBatch } from '../batch.ts';
import type { Contribution, Header } from '../contribution.ts';
import type { Hex } from '../hash.ts';
import { fromHex } from '../hash.ts';
import type { WalletLink } from '../identity.ts';
import { isIn } from '../membership.ts';
import type { Session } from '../session.ts';
import { newDatanet } from '../store/datanets.ts';
import { dropIndex } from '../store/db.ts';
import { storeLink } from '../store/keys.ts';
import type { Plan } from '../store/plan.ts';
import { SEGMENT_ROWS, type DatanetInfo, type RowRecord, type VaultRecord } from '../store/schema.ts';
import { stageRows, type Staging } from '../store/staging.ts';
import type { Version } from '../version.ts';
import type { Manifest } from './records.ts';
import { readBundle } from './read.ts';

/** What a bundle carries besides new rows, kept until all of it has been verified. */
export class Incoming {
	manifest: Manifest | undefined;
	readonly batches: SignedBatch[] = [];
	readonly versions: Version[] = [];
	readonly links: WalletLink[] = [];
	readonly headers: (Header & { id: Hex })[] = [];
	/** Causal lengths of rows that are known here already, or of removed rows. */
	readonly lengths = new Map<Hex, number>();
	/** Content of rows that had been removed elsewhere before they were ever seen here. */
	readonly revived: Contribution[] = [];
	/** Rows of the bundle, known or not. */
	rows = 0;

	/** Takes all records of a file, rows into the staging. Throws as `readBundle` does. */
	async take(
		session: Session,
		staging: Staging,
		file: Blob,
		onBytes?: (bytes: number) => void,
		signal?: AbortSignal
	): Promise<void> {
		await session.index.sync();
		for await (const record of readBundle(file, onBytes)) {
			signal?.throwIfAborted();
			switch (record.type) {
				case 'manifest':
					this.manifest = record.manifest;
					break;
				case 'batch':
					this.batches.push(record.batch);
					break;
				case 'version':
					this.versions.push(record.version);
					break;
				case 'link':
					this.links.push(record.link);
					break;
				case 'header':
					this.headers.push(record.header);
					break;
				case 'removed':
					this.lengths.set(record.id, record.length);
					break;
				case 'row': {
					const { row, length } = record;
					this.rows++;
					if (await staging.add(row, { length })) break;
					const slot = session.catalogue.find(row.id);
					if (slot >= 0 && !session.index.isKnown(slot)) this.revived.push(row);
					this.lengths.set(row.id, Math.max(length, this.lengths.get(row.id) ?? 0));
				}
			}
		}
	}

	/** Inside the transaction: signatures and headers, which are true wherever they come from. */
	async store({ db, catalogue: { datanet } }: Session): Promise<void> {
		await db.batches.bulkPut(this.batches.map((batch) => ({ ...batch, datanet })));
		await db.headers.bulkPut(this.headers.map((header) => ({ ...header, datanet })));
	}
}

export interface MergeReport {
	/** Rows that are in the Datanet now and were not before; and the other way round. */
	added: number;
	removed: number;
	versions: number;
}

/**
 * Merges another copy of a Datanet into this one, or brings it here where it is not yet: a set union, in any order and
 * any number of times with the same result (workers/datanets/membership.ts). All of it or nothing. Throws as
 * `readBundle` does, and `storage/*`.
 *
 * @param create true where the Datanet is not on this device
 * @param vault of the session, where the Datanet comes to this device locked
 */
export async function mergeBundle(
	session: Session,
	manifest: Manifest,
	file: Blob,
	create: boolean,
	onBytes?: (bytes: number) => void,
	signal?: AbortSignal,
	vault?: VaultRecord
): Promise<MergeReport> {
	const incoming = new Incoming();
	let revived: RowRecord[] = [];
	const { db } = session;
	const { slots } = await stageRows(
		session,
		{
			create: create
				? { ...newDatanet(manifest.info, session.catalogue.datanet), ...(vault ? { vault } : {}) }
				: undefined,
			finish: async (plan, staging) => {
				await staging.join(plan);
				raise(session, plan, staging, incoming);
				await incoming.store(session);
				await storeVersions(session, incoming.versions);
				await describe(session, incoming.manifest?.info);
				await revive(session, revived);
			}
		},
		async (staging) => {
			await incoming.take(session, staging, file, onBytes, signal);
			revived = await session.rows.records(incoming.revived);
		}
	);
	for (const link of incoming.links) await storeLink(db, link);
	if (revived.length > 0) session.forgetIndex();
	await session.refresh();
	const added = slots.reduce((sum, slot) => sum + (session.catalogue.isIn(slot) ? 1 : 0), 0);
	return { added, removed: slots.length - added, versions: incoming.versions.length };
}

function raise({ catalogue }: Session, plan: Plan, staging: Staging, { lengths }: Incoming): void {
	for (const [id, length] of lengths) {
		const slot = catalogue.find(id);
		if (slot >= 0) plan.raise(slot, length);
		// A removal is remembered even of a row that was never here, so that a third copy cannot bring it back.
		else if (!staging.has(id) && !isIn(length)) plan.append(fromHex(id), length);
	}
	plan.close();
}

async function storeVersions(
	{ db, catalogue: { datanet } }: Session,
	versions: readonly Version[]
): Promise<void> {
	for (const version of versions)
		if (!(await db.versions.get([datanet, version.root]))) await db.versions.put({ ...version, datanet });
}

/** What a Datanet says of itself: the later word holds; of two at the same time, the one that sorts last. */
async function describe(
	{ db, catalogue: { datanet } }: Session,
	info: DatanetInfo | undefined
): Promise<void> {
	const local = await db.datanets.get(datanet);
	if (!info || !local) return;
	const rank = ({ name, summary, description, tags, licences }: DatanetInfo) =>
		JSON.stringify([name, summary, description, tags, licences]);
	if (info.updated > local.updated || (info.updated === local.updated && rank(info) > rank(local)))
		await db.datanets.update(datanet, { ...info });
}

async function revive({ db, catalogue }: Session, records: RowRecord[]): Promise<void> {
	await db.rows.bulkPut(records);
	for (const { id } of records)
		await dropIndex(db, catalogue.datanet, Math.floor(catalogue.find(id) / SEGMENT_ROWS));
}
