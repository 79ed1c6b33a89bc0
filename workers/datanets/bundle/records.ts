import { OpenLedgerError } from '../../errors.ts';
import type { SignedBatch } from '../batch.ts';
import type { Contribution, Header } from '../contribution.ts';
import { isRecord } from '../formats/items.ts';
import { isAddress, isHash, isSignature, type Hex } from '../hash.ts';
import type { WalletLink } from '../identity.ts';
import { MAX_ROWS } from '../limits.ts';
import { MAX_LENGTH } from '../membership.ts';
import { HASH_BYTES } from '../merkle/leaf.ts';
import { isAscending } from '../merkle/packed.ts';
import { parseContribution, parseHeader } from '../parse.ts';
import type { DatanetInfo } from '../store/schema.ts';
import type { Version } from '../version.ts';
import { fromBase64, toBase64 } from './base64.ts';

/**
 * A bundle is gzipped JSON Lines, one record a line, in this order: manifest, links, batches, headers of ancestors,
 * rows, ids of removed rows, versions, end. It can be written and read without ever being in memory whole; without its
 * last line it is not complete.
 */
export type BundleRecord =
	| { type: 'manifest'; manifest: Manifest }
	| { type: 'link'; link: WalletLink }
	| { type: 'batch'; batch: SignedBatch }
	| { type: 'header'; header: Header & { id: Hex } }
	/** `length`: causal length (workers/datanets/membership.ts). */
	| { type: 'row'; row: Contribution; length: number }
	| { type: 'removed'; id: Hex; length: number }
	| { type: 'version'; version: Version }
	| { type: 'end'; rows: number };

export interface Manifest {
	/** `datanet`: a copy, for merging. `contribution`: rows offered to a curator. */
	purpose: 'datanet' | 'contribution';
	/** Id of the Datanet it is a copy of, or is meant for. */
	datanet: string;
	info: DatanetInfo;
	/** ISO 8601. */
	created: string;
	/** Who made it, for a person; proves nothing. */
	from: string;
	rows: number;
}

const FORMAT = 'openledger-datanet';
const FORMAT_VERSION = 1;

export function encodeRecord(record: BundleRecord): string {
	return JSON.stringify(plainOf(record));
}

function plainOf(record: BundleRecord): unknown {
	switch (record.type) {
		case 'manifest':
			return { format: FORMAT, version: FORMAT_VERSION, ...record.manifest };
		case 'batch':
			return { batch: { ...record.batch, ids: toBase64(record.batch.ids) } };
		case 'version':
			return { version: { ...record.version, ids: toBase64(record.version.ids) } };
		case 'row':
			return { row: record.row, length: record.length };
		case 'removed':
			return { removed: record.id, length: record.length };
		case 'link':
			return { link: record.link };
		case 'header':
			return { header: record.header };
		case 'end':
			return { end: { rows: record.rows } };
	}
}

/** One line of an untrusted file. Rows and headers are verified against their ids. Throws `datanet/malformed`. */
export function decodeRecord(line: string): BundleRecord {
	let value: unknown;
	try {
		value = JSON.parse(line);
	} catch (cause) {
		throw damaged('it holds something that is not JSON', cause);
	}
	if (!isRecord(value)) throw damaged('it holds something that is no record');
	if ('row' in value)
		return { type: 'row', row: parseContribution(value.row), length: lengthOf(value.length) };
	if ('header' in value) return { type: 'header', header: parseHeader(value.header) };
	if ('removed' in value) {
		if (!isHash(value.removed)) throw damaged('a removed row has no id');
		return { type: 'removed', id: value.removed, length: lengthOf(value.length) };
	}
	if ('batch' in value) return { type: 'batch', batch: batchOf(value.batch) };
	if ('version' in value && isRecord(value.version))
		return { type: 'version', version: versionOf(value.version) };
	if ('link' in value) return { type: 'link', link: linkOf(value.link) };
	if ('end' in value) return { type: 'end', rows: countOf(isRecord(value.end) ? value.end.rows : undefined) };
	if ('format' in value) return { type: 'manifest', manifest: manifestOf(value) };
	throw damaged('it holds a record of an unknown kind');
}

export function damaged(reason: string, cause?: unknown): OpenLedgerError {
	return new OpenLedgerError('datanet/malformed', `This file cannot be used: ${reason}.`, {
		remedy: 'Ask the sender for a fresh file.',
		details: { reason },
		cause
	});
}

function manifestOf(value: Record<string, unknown>): Manifest {
	if (value.format !== FORMAT) throw damaged('it is no Datanet file');
	if (value.version !== FORMAT_VERSION) throw damaged('it was made by a newer version of this app');
	const { purpose, datanet, info, created, from, rows } = value;
	if (purpose !== 'datanet' && purpose !== 'contribution') throw damaged('its purpose is unknown');
	if (typeof datanet !== 'string' || !/^[0-9a-f]{32}$/.test(datanet)) throw damaged('it names no Datanet');
	return {
		purpose,
		datanet,
		info: infoOf(info),
		created: text(created, 40),
		from: text(from, 200),
		rows: countOf(rows)
	};
}

function infoOf(value: unknown): DatanetInfo {
	if (!isRecord(value)) throw damaged('it does not say what it holds');
	const { name, summary, description, tags, licences, updated } = value;
	if (typeof updated !== 'number' || !Number.isSafeInteger(updated)) throw damaged('it has no date');
	return {
		name: text(name, 200),
		summary: text(summary, 1_000),
		description: text(description, 200_000),
		tags: texts(tags),
		licences: texts(licences),
		updated
	};
}

function batchOf(value: unknown): SignedBatch {
	if (!isRecord(value)) throw damaged('a signature is no record');
	const { contributor, root, signature } = value;
	if (!isAddress(contributor) || !isHash(root) || !isSignature(signature))
		throw damaged('a signature is incomplete');
	return { contributor, root, created: text(value.created, 40), signature, ids: idsOf(value.ids) };
}

function versionOf(value: Record<string, unknown>): Version {
	if (!isHash(value.root)) throw damaged('a version has no root');
	return {
		root: value.root,
		created: text(value.created, 40),
		note: text(value.note, 10_000),
		ids: idsOf(value.ids)
	};
}

function linkOf(value: unknown): WalletLink {
	if (!isRecord(value)) throw damaged('a link to a wallet is no record');
	const { key, wallet, keySignature, walletSignature } = value;
	if (!isAddress(key) || !isAddress(wallet) || !isSignature(keySignature) || !isSignature(walletSignature))
		throw damaged('a link to a wallet is incomplete');
	return { key, wallet, created: text(value.created, 40), keySignature, walletSignature };
}

function idsOf(value: unknown): Uint8Array {
	const ids = typeof value === 'string' ? fromBase64(value) : undefined;
	if (!ids || ids.length === 0 || ids.length % HASH_BYTES !== 0 || ids.length > MAX_ROWS * HASH_BYTES)
		throw damaged('a list of ids cannot be read');
	if (!isAscending(ids)) throw damaged('a list of ids is out of order');
	return ids;
}

function lengthOf(value: unknown): number {
	if (typeof value !== 'number' || !Number.isInteger(value) || value < 1 || value > MAX_LENGTH)
		throw damaged('a row is neither in nor out');
	return value;
}

function countOf(value: unknown): number {
	if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0)
		throw damaged('it does not count its rows');
	return value;
}

function text(value: unknown, longest: number): string {
	if (typeof value !== 'string' || value.length > longest)
		throw damaged('one of its texts is missing or too long');
	return value;
}

function texts(value: unknown): string[] {
	if (!Array.isArray(value) || value.length > 100) throw damaged('one of its lists is missing or too long');
	return value.map((entry) => text(entry, 200));
}
