import { OpenLedgerError } from '../../errors.ts';
import { verifyBatch } from '../batch.ts';
import { linesOf } from '../formats/lines.ts';
import { textOf } from '../formats/text.ts';
import type { Hex } from '../hash.ts';
import { verifyLink } from '../identity.ts';
import { MAX_ROWS } from '../limits.ts';
import { HASH_BYTES, leafHash } from '../merkle/leaf.ts';
import { unpackIds } from '../merkle/packed.ts';
import { merkleRoot } from '../merkle/tree.ts';
import type { Version } from '../version.ts';
import { damaged, decodeRecord, type BundleRecord, type Manifest } from './records.ts';

/** Unpacked characters of a bundle that are read: a file that swells without end is stopped here. */
const LONGEST = 1_500_000_000;
/** Longest line: the ids of MAX_ROWS rows in base64, with room. */
const LONGEST_LINE = 24_000_000;
/** Records other than rows: far above what an honest bundle holds, so that nothing grows without bound. */
const MOST_OTHERS = 100_000;

/**
 * Reads a bundle record by record; each is verified before it is given out: rows against their ids, batches and links
 * against their signatures, versions against their roots. The manifest comes first. Whoever takes records must keep
 * nothing if this throws later: `datanet/malformed` also for a file that ends too early, `datanet/bad-signature`,
 * `datanet/wrong-root`, `datanet/too-large`.
 */
export async function* readBundle(
	file: Blob,
	onBytes?: (bytes: number) => void
): AsyncGenerator<Exclude<BundleRecord, { type: 'end' }>> {
	const contributors = new Map<Hex, Hex>();
	let manifest: Manifest | undefined;
	let rows = 0;
	let others = 0;
	let ended = false;
	for await (const record of recordsOf(file, onBytes)) {
		if (ended) throw damaged('it goes on after its end');
		if (!manifest !== (record.type === 'manifest')) throw damaged('it does not begin with what it holds');
		// At the first row too many: a file that lies about its length is not read to its end.
		if (record.type === 'row' && ++rows > (manifest?.rows ?? 0)) throw miscounted();
		if (record.type !== 'row' && ++others > MOST_OTHERS + MAX_ROWS) throw tooLarge();
		switch (record.type) {
			case 'manifest':
				({ manifest } = record);
				if (manifest.rows > MAX_ROWS) throw tooLarge();
				break;
			case 'link':
				await verifyLink(record.link);
				break;
			case 'batch':
				await verifyBatch(record.batch);
				break;
			case 'row':
				contributors.set(record.row.id, record.row.contributor);
				break;
			case 'version':
				verifyVersion(record.version, contributors);
				break;
			case 'end':
				if (record.rows !== rows || manifest?.rows !== rows) throw miscounted();
				ended = true;
				continue;
		}
		yield record;
	}
	if (!ended) throw damaged('it ends too early');
}

/** Only what a bundle says it is, without reading it all. */
export async function readManifest(file: Blob): Promise<Manifest> {
	for await (const record of recordsOf(file)) {
		if (record.type === 'manifest') return record.manifest;
		break;
	}
	throw damaged('it is no Datanet file');
}

async function* recordsOf(file: Blob, onBytes?: (bytes: number) => void): AsyncGenerator<BundleRecord> {
	try {
		for await (const lines of linesOf(limited(textOf(file, onBytes)), LONGEST_LINE))
			for (const { text } of lines) {
				if (text === undefined) throw damaged('one of its lines is too long');
				yield decodeRecord(text);
			}
	} catch (error) {
		throw OpenLedgerError.from(
			error,
			'datanet/malformed',
			'This file cannot be unpacked.',
			'Ask the sender for a fresh file.'
		);
	}
}

async function* limited(pieces: AsyncIterable<string>): AsyncGenerator<string> {
	let characters = 0;
	for await (const piece of pieces) {
		characters += piece.length;
		if (characters > LONGEST) throw tooLarge();
		yield piece;
	}
}

function verifyVersion(version: Version, contributors: ReadonlyMap<Hex, Hex>): void {
	const leaves = new Uint8Array(version.ids.length);
	let at = 0;
	for (const id of unpackIds(version.ids)) {
		const contributor = contributors.get(id);
		if (!contributor) throw damaged('a version names a row that is not in it');
		leaves.set(leafHash({ id, contributor }), at);
		at += HASH_BYTES;
	}
	if (merkleRoot(leaves) !== version.root)
		throw new OpenLedgerError('datanet/wrong-root', 'A version does not add up to its root.', {
			remedy: 'Ask the sender for a fresh file; this one was damaged or changed.',
			details: { root: version.root }
		});
}

function miscounted(): OpenLedgerError {
	return damaged('it does not hold as many rows as it says');
}

function tooLarge(): OpenLedgerError {
	return new OpenLedgerError('datanet/too-large', 'This file holds more than one Datanet can.', {
		remedy: `Ask for it in parts: a Datanet holds up to ${MAX_ROWS.toLocaleString('en')} rows.`,
		details: { limit: MAX_ROWS }
	});
}
