import { keccak_256 } from '@noble/hashes/sha3.js';
import { OpenLedgerError } from '../../errors.ts';
import { headerOf, type Contribution } from '../contribution.ts';
import { fromHex, toHex, type Hex } from '../hash.ts';
import { HASH_BYTES } from '../merkle/leaf.ts';
import { hashAt, unpackIds } from '../merkle/packed.ts';
import type { Session } from '../session.ts';
import { change } from '../store/change.ts';
import { allOf } from '../store/db.ts';
import { edited, type Edit, type Editor } from '../store/edits.ts';
import { stored } from '../store/failures.ts';
import { storeLink } from '../store/keys.ts';
import type { ReviewRecord } from '../store/schema.ts';
import { stageRows } from '../store/staging.ts';
import { Incoming } from './merge.ts';

export const WAITING = 0;
export const ACCEPTED = 1;
export const REJECTED = 2;
export const ACCEPTED_EDITED = 3;

export interface Received {
	/** Rows that now wait for the curator. */
	waiting: number;
	/** Rows that the Datanet has had before. */
	known: number;
}

/**
 * Puts the rows of a bundle into the curator's queue; the Datanet does not change. Receiving it again is receiving it
 * once. Throws as `readBundle` does, and `storage/*`.
 */
export async function receiveBundle(session: Session, file: Blob, signal?: AbortSignal): Promise<Received> {
	const { db, catalogue } = session;
	const incoming = new Incoming();
	const { result } = await stageRows(
		session,
		{
			finish: async (_plan, staging) => {
				const ids = staging.ids();
				if (ids.length === 0) return;
				const id = toHex(keccak_256(ids));
				if (await db.reviews.get([catalogue.datanet, id])) return;
				await incoming.store(session);
				await db.reviews.put({
					id,
					datanet: catalogue.datanet,
					received: Date.now(),
					from: incoming.manifest?.from ?? '',
					ids,
					states: new Uint8Array(ids.length / HASH_BYTES),
					reasons: {}
				});
			}
		},
		async (staging) => {
			await incoming.take(session, staging, file, undefined, signal);
			return { waiting: staging.count, known: incoming.rows - staging.count };
		}
	);
	for (const link of incoming.links) await storeLink(db, link);
	await session.refresh();
	return result;
}

/** The review in which feedback of this device's own waits: one in a Datanet. */
const FEEDBACK = toHex(keccak_256(new TextEncoder().encode('feedback')));

/**
 * Puts a row of this device into the queue, as a draft that somebody has yet to look at. Content that waits there or is
 * in the Datanet already stays as it is. Returns where it waits; undefined where the Datanet holds it.
 */
export async function proposeRow(
	session: Session,
	row: Contribution,
	from: string
): Promise<{ review: Hex; index: number } | undefined> {
	const { db, catalogue } = session;
	if (session.index.contents()(fromHex(row.contentHash))) return undefined;
	const before = await stored(() => db.reviews.get([catalogue.datanet, FEEDBACK]));
	const drafts = before ? await session.rows.get([...unpackIds(before.ids)]) : [];
	const known = drafts.findIndex(
		(draft, i) => draft?.contentHash === row.contentHash && before?.states[i] === WAITING
	);
	if (known >= 0) return { review: FEEDBACK, index: known };
	const records = await session.rows.records([row]);
	let index = 0;
	await change(db, catalogue, undefined, async () => {
		const queue = (await db.reviews.get([catalogue.datanet, FEEDBACK])) ?? {
			id: FEEDBACK,
			datanet: catalogue.datanet,
			from,
			ids: new Uint8Array(),
			states: new Uint8Array(),
			reasons: {}
		};
		index = queue.states.length;
		await db.rows.bulkPut(records);
		await db.reviews.put({
			...queue,
			received: Date.now(),
			ids: new Uint8Array([...queue.ids, ...fromHex(row.id)]),
			states: new Uint8Array([...queue.states, WAITING])
		});
	});
	return { review: FEEDBACK, index };
}

/** Waiting rows of a review, in the order in which they came. */
export async function reviewRows(
	session: Session,
	review: Hex,
	from: number,
	count: number
): Promise<Contribution[]> {
	const record = await reviewOf(session, review);
	return session.rows.need([...unpackIds(record.ids.slice(from * HASH_BYTES, (from + count) * HASH_BYTES))]);
}

/**
 * Accepts waiting rows: they join the Datanet in one step, a correction in the place of what it corrects. Rows of the
 * review that have been decided on already are passed over.
 */
export async function acceptRows(session: Session, review: Hex, which?: readonly number[]): Promise<number> {
	const { db, catalogue } = session;
	const record = await reviewOf(session, review);
	const chosen = which ?? Array.from(record.states.keys());
	const parents = await parentsOf(session, record);
	let accepted = 0;
	await change(db, catalogue, 'Accept rows', async (plan) => {
		const now = await reviewOf(session, review);
		for (const i of chosen) {
			if (now.states[i] !== WAITING) continue;
			const id = hashAt(now.ids, i);
			const parent = parents.get(i);
			const old = parent === undefined ? -1 : catalogue.find(parent);
			const place = old >= 0 ? catalogue.placeOf(old) : undefined;
			if (old >= 0) plan.set(old, false);
			const known = catalogue.findBytes(id);
			if (known >= 0) plan.set(known, true);
			else plan.append(id, 1, place);
			now.states[i] = ACCEPTED;
			accepted++;
		}
		await db.reviews.put(now);
	});
	await session.refresh();
	return accepted;
}

export async function rejectRows(
	session: Session,
	review: Hex,
	which: readonly number[],
	reason: string
): Promise<void> {
	await stored(() =>
		session.db.transaction('rw', session.db.reviews, async () => {
			const record = await reviewOf(session, review);
			for (const i of which) {
				if (record.states[i] !== WAITING) continue;
				record.states[i] = REJECTED;
				record.reasons[i] = reason;
			}
			await session.db.reviews.put(record);
		})
	);
}

/** Accepts a row with the curator's correction; the contributor keeps `parentShare` of the credit. */
export async function acceptEdited(
	session: Session,
	review: Hex,
	index: number,
	edit: Edit,
	by: Editor
): Promise<void> {
	const { db, catalogue } = session;
	const [row] = await reviewRows(session, review, index, 1);
	if (!row) throw gone();
	const better = edited(row, edit, by, new Date());
	const records = await session.rows.records([better]);
	await change(db, catalogue, 'Accept an edited row', async (plan) => {
		const record = await reviewOf(session, review);
		if (record.states[index] !== WAITING) return;
		const old = row.parent === null ? -1 : catalogue.find(row.parent);
		if (old >= 0) plan.set(old, false);
		if (catalogue.find(better.id) < 0)
			plan.append(fromHex(better.id), 1, old >= 0 ? catalogue.placeOf(old) : undefined);
		record.states[index] = ACCEPTED_EDITED;
		await db.rows.bulkPut(records);
		await db.headers.put({ ...headerOf(row), datanet: catalogue.datanet });
		await db.reviews.put(record);
	});
	await session.refresh();
}

/** Ends a review: rows that did not join are deleted. */
export async function closeReview(session: Session, review: Hex): Promise<void> {
	const { db, catalogue } = session;
	await change(db, catalogue, undefined, async () => {
		const record = await reviewOf(session, review);
		const others = await allOf(db.reviews, catalogue.datanet).toArray();
		const wanted = new Set(
			others.filter(({ id }) => id !== review).flatMap(({ ids }) => [...unpackIds(ids)])
		);
		const dead = [...unpackIds(record.ids)].filter((id) => catalogue.find(id) < 0 && !wanted.has(id));
		await db.rows.bulkDelete(dead.map((id): [string, Hex] => [catalogue.datanet, id]));
		await db.reviews.delete([catalogue.datanet, review]);
	});
}

async function reviewOf({ db, catalogue }: Session, review: Hex): Promise<ReviewRecord> {
	const record = await stored(() => db.reviews.get([catalogue.datanet, review]));
	if (!record) throw gone();
	return record;
}

/** Parents by index, read a thousand rows at a time. */
async function parentsOf(session: Session, record: ReviewRecord): Promise<Map<number, Hex>> {
	const parents = new Map<number, Hex>();
	const count = record.ids.length / HASH_BYTES;
	for (let from = 0; from < count; from += 1_000)
		for (const [i, row] of (await reviewRows(session, record.id, from, 1_000)).entries())
			if (row.parent !== null) parents.set(from + i, row.parent);
	return parents;
}

function gone(): OpenLedgerError {
	return new OpenLedgerError('datanet/not-found', 'These rows are not waiting any more.', {
		remedy: 'They were decided on in another tab; look at the Datanet.'
	});
}
