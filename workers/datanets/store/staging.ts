import type { Contribution } from '../contribution.ts';
import { fromHex, type Hex } from '../hash.ts';
import { HASH_BYTES } from '../merkle/leaf.ts';
import { hashAt, unpackIds } from '../merkle/packed.ts';
import { SegmentIndexBuilder, type SegmentIndex } from '../search/segment-index.ts';
import type { Catalogue } from './catalogue.ts';
import { change, freshen, type Committed } from './change.ts';
import { allOf, type DatanetDb } from './db.ts';
import { stored } from './failures.ts';
import { IdTable } from './id-table.ts';
import { exclusively } from './locks.ts';
import type { Plan } from './plan.ts';
import type { RowStore } from './rows.ts';
import { SEGMENT_ROWS, type DatanetRecord } from './schema.ts';
import type { Vault } from './vault.ts';

/** Rows to a transaction while staging: large enough to be fast, small enough to cancel within a blink. */
const BATCH = 1_000;

/** What the rest of the store needs to work on one Datanet. */
export interface Access {
	db: DatanetDb;
	catalogue: Catalogue;
	rows: RowStore;
	vault?: Vault;
}

export interface StageOptions {
	/** For the undo menu; without one the change cannot be undone. */
	label?: string;
	/** The Datanet to be, where it is not there yet: it comes into being with its rows or not at all. */
	create?: DatanetRecord;
	/** What becomes of the rows in the final transaction; by default they become members. */
	finish?: (plan: Plan, staging: Staging) => void | Promise<void>;
}

/**
 * Brings many rows into a Datanet at once, or none of them. Rows are written in batches, each together with a note of
 * their ids; nothing lists them until `work` has finished and one short transaction makes them members. A tab that
 * dies before leaves only rows that nobody sees, which the next `sweep` deletes.
 */
export async function stageRows<T>(
	access: Access,
	{ label, create, finish = (plan, staging) => staging.join(plan) }: StageOptions,
	work: (staging: Staging) => Promise<T>
): Promise<Committed & { result: T }> {
	const { db, catalogue } = access;
	return exclusively(lockName(catalogue.datanet), async () => {
		await sweepLocked(db, catalogue.datanet);
		if (!create) await stored(() => freshen(db, catalogue));
		const staging = new Staging(access);
		try {
			const result = await work(staging);
			await staging.flush();
			const committed = await change(
				db,
				catalogue,
				label,
				async (plan) => {
					await finish(plan, staging);
					await db.staging.where('datanet').equals(catalogue.datanet).delete();
				},
				create
			);
			// Derived, so an import does not fail for them: what is missing is made again for the first search.
			await staging.keepWords().catch(() => undefined);
			return { ...committed, result };
		} catch (error) {
			await staging.settled();
			await sweepLocked(db, catalogue.datanet).catch(() => undefined);
			throw error;
		}
	});
}

/** Sweeps every Datanet that an unfinished import has left rows in. For the start of the app. */
export async function sweepAll(db: DatanetDb): Promise<void> {
	const names = new Set((await stored(() => db.staging.toArray())).map((note) => note.datanet));
	await Promise.all([...names].map((datanet) => sweep(db, datanet)));
}

/** Runs `work` while no tab brings rows into the Datanet: waits for one that does. */
export function betweenImports<T>(datanet: string, work: () => Promise<T>): Promise<T> {
	return exclusively(lockName(datanet), work);
}

/** Deletes what an import that died has left. Does nothing while one is running in any tab: it waits. */
export async function sweep(db: DatanetDb, datanet: string): Promise<void> {
	await exclusively(lockName(datanet), () => sweepLocked(db, datanet));
}

function lockName(datanet: string): string {
	return `openledger-staging-${datanet}`;
}

/** Rows whose ids were noted and that no segment and no review lists are deleted, and the notes with them. */
async function sweepLocked(db: DatanetDb, datanet: string): Promise<void> {
	await stored(() =>
		db.transaction('rw', [db.staging, db.rows, db.segments, db.reviews], async () => {
			const notes = await db.staging.where('datanet').equals(datanet).toArray();
			if (notes.length === 0) return;
			const kept = new Set<Hex>();
			for (const { ids } of await allOf(db.segments, datanet).toArray())
				for (const id of unpackIds(ids)) kept.add(id);
			for (const { ids } of await allOf(db.reviews, datanet).toArray())
				for (const id of unpackIds(ids)) kept.add(id);
			for (const note of notes) {
				const dead = [...unpackIds(note.ids)].filter((id) => !kept.has(id));
				await db.rows.bulkDelete(dead.map((id): [string, Hex] => [datanet, id]));
			}
			await db.staging.where('datanet').equals(datanet).delete();
		})
	);
}

/** A segment to be. */
interface Part {
	count: number;
	ids: Uint8Array;
	lengths: Uint32Array;
	/** A row without a place of its own takes the one it arrives at. */
	places: (number | undefined)[];
	index: SegmentIndexBuilder | SegmentIndex;
	/** Its number, once its rows are members. */
	segment?: number;
}

/** Rows on their way in. Ids that the Datanet knows, or that came before, are passed over by `add`. */
export class Staging {
	readonly #access: Access;
	readonly #parts: Part[] = [];
	/** By the order of arrival. */
	readonly #seen = new IdTable((at) => this.#idAt(at));
	#count = 0;
	#waiting: Contribution[] = [];
	#waitingIds = new Uint8Array(BATCH * HASH_BYTES);
	#writing: Promise<void> = Promise.resolve();

	constructor(access: Access) {
		this.#access = access;
	}

	has(id: Hex): boolean {
		return this.#seen.find(fromHex(id)) >= 0;
	}

	/** Rows taken so far. */
	get count(): number {
		return this.#count;
	}

	/**
	 * Takes a row. False where it is known already: a set holds it once.
	 * @param options.length causal length, when merging; @param options.place slot whose place in the list it takes
	 */
	async add(row: Contribution, options: { length?: number; place?: number } = {}): Promise<boolean> {
		const id = fromHex(row.id);
		if (this.#seen.find(id) >= 0 || this.#access.catalogue.findBytes(id) >= 0) return false;
		const part = this.#partWithRoom();
		part.ids.set(id, part.count * HASH_BYTES);
		this.#seen.add(this.#count++);
		part.lengths[part.count] = options.length ?? 1;
		part.places[part.count] = options.place;
		part.count++;
		(part.index as SegmentIndexBuilder).add(row);
		this.#waitingIds.set(id, this.#waiting.length * HASH_BYTES);
		this.#waiting.push(row);
		if (this.#waiting.length === BATCH) await this.#begin();
		return true;
	}

	/** Returns once all that has been taken is written. */
	async flush(): Promise<void> {
		if (this.#waiting.length > 0) await this.#begin();
		await this.#writing;
	}

	/** Returns once nothing is being written any more, whatever became of it. */
	async settled(): Promise<void> {
		await this.#writing.catch(() => undefined);
	}

	/** Begins to write while the next rows are read; never more than one batch at a time. */
	async #begin(): Promise<void> {
		const batch = this.#waiting;
		const ids = this.#waitingIds.slice(0, batch.length * HASH_BYTES);
		this.#waiting = [];
		await this.#writing;
		this.#writing = this.#write(batch, ids);
		// A failure is heard by the next one who waits.
		this.#writing.catch(() => undefined);
	}

	async #write(batch: readonly Contribution[], ids: Uint8Array): Promise<void> {
		const { db, catalogue, rows } = this.#access;
		const records = await rows.records(batch);
		await stored(() =>
			db.transaction('rw', [db.staging, db.rows], (transaction) => {
				// Past Dexie, which would tell every live query of rows that nobody sees yet: a third of the time.
				const store = transaction.idbtrans.objectStore(db.rows.name);
				for (const record of records) store.put(record);
				return db.staging.add({ datanet: catalogue.datanet, ids });
			})
		);
	}

	/** Packed ids of the rows taken, in their order. */
	ids(): Uint8Array {
		const all = new Uint8Array(this.count * HASH_BYTES);
		let at = 0;
		for (const part of this.#parts) {
			all.set(part.ids.subarray(0, part.count * HASH_BYTES), at);
			at += part.count * HASH_BYTES;
		}
		return all;
	}

	/** Inside the change's transaction: makes the rows members, each part a closed segment of its own. */
	async join(plan: Plan): Promise<void> {
		const { db, catalogue, vault } = this.#access;
		for (const part of this.#parts) {
			plan.close();
			const segment = plan.nextSegment;
			for (let at = 0; at < part.count; at++) {
				// Another tab may have added the same row meanwhile: it keeps that slot, and this one stays empty.
				const id = hashAt(part.ids, at);
				const known = catalogue.findBytes(id);
				const length = part.lengths[at] ?? 1;
				if (known >= 0) plan.raise(known, length);
				plan.append(id, known >= 0 ? 0 : length, part.places[at]);
			}
			part.segment = segment;
			const { terms, ...index } = (part.index = packed(part.index));
			if (!vault) await db.indexes.put({ datanet: catalogue.datanet, segment, index });
		}
		plan.close();
	}

	/** After the change, a segment at a time: in one transaction the words of all would be in memory twice. */
	async keepWords(): Promise<void> {
		const { db, catalogue, vault } = this.#access;
		const { datanet } = catalogue;
		if (vault) return;
		for (const { segment, index } of this.#parts) {
			if (segment === undefined) continue;
			const { terms } = packed(index);
			await db.transaction('rw', [db.datanets, db.words], async () => {
				const record = await db.datanets.get(datanet);
				// It may have been deleted or locked away in the meantime.
				if (record && !record.vault) await db.words.put({ datanet, segment, terms });
			});
		}
	}

	#idAt(at: number): Uint8Array {
		const part = this.#parts[Math.floor(at / SEGMENT_ROWS)];
		if (!part) throw new RangeError(`no row ${at} has come yet`);
		return hashAt(part.ids, at % SEGMENT_ROWS);
	}

	#partWithRoom(): Part {
		const last = this.#parts.at(-1);
		if (last && last.count < SEGMENT_ROWS) return last;
		// A packed index takes a tenth of a growing one.
		if (last) last.index = packed(last.index);
		const part: Part = {
			count: 0,
			ids: new Uint8Array(SEGMENT_ROWS * HASH_BYTES),
			lengths: new Uint32Array(SEGMENT_ROWS),
			places: [],
			index: new SegmentIndexBuilder()
		};
		this.#parts.push(part);
		return part;
	}
}

function packed(index: Part['index']): SegmentIndex {
	return index instanceof SegmentIndexBuilder ? index.finish() : index;
}
