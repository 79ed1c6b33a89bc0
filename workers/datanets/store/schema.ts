import type { SignedBatch } from '../batch.ts';
import type { Contribution, Header } from '../contribution.ts';
import type { Hex } from '../hash.ts';
import type { SegmentColumns } from '../search/segment-index.ts';
import type { PackedTerms } from '../search/terms.ts';
import type { Version } from '../version.ts';

/** What a Datanet says of itself. Copies merge by the later `updated`. */
export interface DatanetInfo {
	name: string;
	/** One sentence. */
	summary: string;
	/** Markdown. */
	description: string;
	tags: string[];
	/** SPDX expressions that its rows may have; empty: any that allows training. */
	licences: string[];
	/** Milliseconds since the epoch. */
	updated: number;
}

export interface DatanetRecord extends DatanetInfo {
	/** The same in every copy: 16 random bytes, hexadecimal. */
	id: string;
	created: number;
	/** Counts every change of its rows; a reader that has seen the same number has seen the same rows. */
	revision: number;
	/** Rows in it now. */
	count: number;
	/** Set while its rows rest encrypted: what the passphrase is checked against. */
	vault?: VaultRecord;
}

/** Key derivation and a sealed constant that only the right passphrase opens. */
export interface VaultRecord {
	salt: Uint8Array;
	iterations: number;
	check: Sealed;
}

/** AES-256-GCM. */
export interface Sealed {
	nonce: Uint8Array;
	bytes: Uint8Array;
}

/** A stored record; its body is sealed where the Datanet is locked away behind a passphrase. */
export type RowRecord = { datanet: string; id: Hex } & (Contribution | { sealed: Sealed });

/** An ancestor whose content is elsewhere or gone: enough to know whose credit it is. */
export type HeaderRecord = Header & { datanet: string; id: Hex };

/** Rows of one Datanet in the order of their arrival, `SEGMENT_ROWS` at most. Slot = segment × SEGMENT_ROWS + place. */
export interface SegmentRecord {
	datanet: string;
	segment: number;
	/** Packed ids, in order of arrival. Only ever appended to. */
	ids: Uint8Array;
	/** Causal length of each row (workers/datanets/membership.ts): odd while it is in. */
	lengths: Uint32Array;
	/** Slot whose place in the list each row takes: its own, or that of the row it corrects. */
	places: Uint32Array;
	/** True once nothing more will be appended; its index is then kept in `indexes`. */
	closed: boolean;
}

/** One change, so that it can be undone and done again; `seq` ascends. */
export interface JournalRecord {
	datanet: string;
	seq: number;
	at: number;
	/** What was done, for a person: `Edit a row`. */
	label: string;
	/** Slots that it changed, and for each 1 where the row was in afterwards. */
	slots: Uint32Array;
	present: Uint8Array;
	undone: 0 | 1;
}

export interface VersionRecord extends Version {
	datanet: string;
	/** Published where: transaction hash or URL, told by whoever published it. */
	published?: string;
}

export interface BatchRecord extends SignedBatch {
	datanet: string;
}

/** Rows that someone sent, waiting for the curator. */
export interface ReviewRecord {
	/** Hash of the bundle: receiving it twice is receiving it once. */
	id: Hex;
	datanet: string;
	received: number;
	/** Who sent it, for a person. */
	from: string;
	ids: Uint8Array;
	/** For each row: 0 waiting, 1 accepted, 2 rejected, 3 accepted as edited. */
	states: Uint8Array;
	/** Why a row was rejected, by its index. */
	reasons: Record<number, string>;
}

/** Ids of rows that an unfinished import has written. What is here and nowhere else is swept. */
export interface StagingRecord {
	key?: number;
	datanet: string;
	ids: Uint8Array;
}

/** What stands in an editor and is not yet a row: survives a crash. */
export interface DraftRecord {
	datanet: string;
	/** Id of the row being edited, or `new`. */
	row: string;
	at: number;
	body?: unknown;
	/** Instead of `body` where the Datanet is locked away. */
	sealed?: Sealed;
}

/**
 * The derived index of one closed segment; can be thrown away at any time. Not kept for a Datanet behind a passphrase:
 * it shows the words of its rows.
 */
export interface IndexRecord {
	datanet: string;
	segment: number;
	index: SegmentColumns;
}

/** The words of that index, four fifths of it: apart, because nothing but a search needs them. */
export interface WordsRecord {
	datanet: string;
	segment: number;
	terms: PackedTerms;
}

/** How a table's columns were mapped, remembered for the next file with the same columns. */
export interface MappingRecord {
	signature: string;
	at: number;
	mapping: unknown;
}

export interface KeyRecord {
	address: Hex;
	created: number;
	/** The private key under `wrapping`, which the browser does not give out. */
	sealed: Sealed;
	wrapping: CryptoKey;
}

/** Latest check of a Datanet: see workers/datanets/checks. */
export interface ReportRecord {
	datanet: string;
	revision: number;
	at: number;
	report: unknown;
}

export const SEGMENT_ROWS = 4096;
