import { MAX_LINEAGE_DEPTH } from '../limits.ts';
import { headerOf, type Header } from '../contribution.ts';
import { fromHex, type Hex } from '../hash.ts';
import { isIn } from '../membership.ts';
import { HASH_BYTES } from '../merkle/leaf.ts';
import { findPacked, hashAt, packIds } from '../merkle/packed.ts';
import { allOf } from '../store/db.ts';
import { stored } from '../store/failures.ts';
import { SEGMENT_ROWS } from '../store/schema.ts';
import type { Session } from '../session.ts';
import { encodeRecord, type BundleRecord, type Manifest } from './records.ts';

export interface BundleOptions {
	purpose: Manifest['purpose'];
	from: string;
	/** Rows to offer; all that are in the Datanet where not given. */
	slots?: Uint32Array;
	/** Also rows that are out now, so that every version can be restored: for a backup, not for strangers. */
	history?: boolean;
}

/** Rows read at a time. */
const BATCH = 500;

/**
 * The records of a bundle of a Datanet. Rows stand in ascending order of id, so that equal content makes an equal file
 * but for its date.
 */
export async function* bundleRecords(session: Session, options: BundleOptions): AsyncGenerator<BundleRecord> {
	const { db, catalogue } = session;
	const datanet = await session.refresh();
	const { name, summary, description, tags, licences, updated } = datanet;
	const slots = sortedSlots(session, options);
	const ids = packIds(session.idsOf(slots));
	yield {
		type: 'manifest',
		manifest: {
			purpose: options.purpose,
			datanet: datanet.id,
			info: { name, summary, description, tags, licences, updated },
			created: new Date().toISOString(),
			from: options.from,
			rows: slots.length
		}
	};
	for (const link of await stored(() => db.links.toArray()))
		if (speaksOf(session, slots, link.key)) yield { type: 'link', link };
	for (const { contributor, root, created, signature, ids: signed } of session.batches)
		if (overlaps(signed, ids))
			yield { type: 'batch', batch: { contributor, root, created, signature, ids: signed } };
	yield* ancestors(session, slots, ids);
	for (let at = 0; at < slots.length; at += BATCH) {
		const part = slots.subarray(at, at + BATCH);
		for (const [i, row] of (await session.rows.need(session.idsOf(part))).entries())
			yield {
				type: 'row',
				row,
				length: options.purpose === 'datanet' ? catalogue.lengthAt(part[i] ?? 0) : 1
			};
	}
	if (options.purpose === 'datanet') {
		yield* removals(session, ids);
		for (const { root, created, note, ids: frozen } of await stored(() =>
			allOf(db.versions, datanet.id).toArray()
		))
			if (contains(ids, frozen)) yield { type: 'version', version: { root, created, note, ids: frozen } };
	}
	yield { type: 'end', rows: slots.length };
}

/** Packs records into a file, streaming. */
export function bundleStream(records: AsyncIterable<BundleRecord>): ReadableStream<Uint8Array> {
	const iterator = records[Symbol.asyncIterator]();
	const encoder = new TextEncoder();
	const lines = new ReadableStream<Uint8Array<ArrayBuffer>>({
		async pull(controller) {
			let text = '';
			while (text.length < 65_536) {
				const { value, done } = await iterator.next();
				if (done) {
					if (text) controller.enqueue(encoder.encode(text));
					return controller.close();
				}
				text += `${encodeRecord(value)}\n`;
			}
			controller.enqueue(encoder.encode(text));
		},
		async cancel() {
			await iterator.return?.();
		}
	});
	return lines.pipeThrough(new CompressionStream('gzip'));
}

function sortedSlots(session: Session, { slots, history }: BundleOptions): Uint32Array {
	const { catalogue } = session;
	if (slots) return byId(session, slots);
	if (!history) return byId(session, catalogue.listed());
	const all: number[] = [];
	for (const { segment, ids } of catalogue.segments)
		for (let i = 0; i < ids.length / HASH_BYTES; i++) {
			const slot = segment * SEGMENT_ROWS + i;
			// A slot that another one shadows, or whose content was never here, has nothing to give.
			if (catalogue.find(catalogue.idAt(slot)) === slot && session.index.isKnown(slot)) all.push(slot);
		}
	return byId(session, Uint32Array.from(all));
}

function byId(session: Session, slots: Uint32Array): Uint32Array {
	const key = new Map(session.idsOf(slots).map((id, i) => [slots[i] ?? 0, id]));
	return Uint32Array.from(slots).sort((a, b) => ((key.get(a) ?? '') < (key.get(b) ?? '') ? -1 : 1));
}

/** Headers of ancestors whose rows are not in the file, so that credit can be followed to its origin. */
async function* ancestors(
	session: Session,
	slots: Uint32Array,
	ids: Uint8Array
): AsyncGenerator<BundleRecord> {
	const { db, catalogue } = session;
	const told = new Set<Hex>();
	const corrections = slots.filter((slot) => {
		const { columns, at } = session.index.partOf(slot);
		return columns.corrections[at] === 1;
	});
	let wanted = (await session.rows.need(session.idsOf(corrections))).map((row) => row.parent);
	for (let depth = 0; depth < MAX_LINEAGE_DEPTH && wanted.length > 0; depth++) {
		const next: (Hex | null)[] = [];
		const parents = [...new Set(wanted)].filter((id): id is Hex => id !== null && !told.has(id));
		const rows = await session.rows.get(parents);
		for (const [i, id] of parents.entries()) {
			told.add(id);
			const found: (Header & { id: Hex }) | undefined =
				rows[i] ?? (await stored(() => db.headers.get([catalogue.datanet, id])));
			if (!found) continue;
			next.push(found.parent);
			if (findPacked(ids, fromHex(id)) < 0) yield { type: 'header', header: headerOf(found) };
		}
		wanted = next;
	}
}

function* removals(session: Session, included: Uint8Array): Generator<BundleRecord> {
	const { catalogue } = session;
	for (const { segment, lengths } of catalogue.segments)
		for (const [i, length] of lengths.entries()) {
			const slot = segment * SEGMENT_ROWS + i;
			if (isIn(length) || length === 0 || findPacked(included, catalogue.bytesAt(slot)) >= 0) continue;
			yield { type: 'removed', id: catalogue.idAt(slot), length };
		}
}

/** True where one of the rows is by this key. */
function speaksOf(session: Session, slots: Uint32Array, key: Hex): boolean {
	return slots.some((slot) => session.contributorAt(slot) === key);
}

function overlaps(a: Uint8Array, sorted: Uint8Array): boolean {
	for (let i = 0; i < a.length / HASH_BYTES; i++) if (findPacked(sorted, hashAt(a, i)) >= 0) return true;
	return false;
}

function contains(sorted: Uint8Array, part: Uint8Array): boolean {
	for (let i = 0; i < part.length / HASH_BYTES; i++)
		if (findPacked(sorted, hashAt(part, i)) < 0) return false;
	return true;
}
