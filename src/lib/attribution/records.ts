import type { Hex } from '#workers/datanets/hash.ts';
import type { Parts } from '#workers/attribution/parts.ts';
import type { Receipt, Transcript, Unmeasured } from '#workers/attribution/receipt.ts';
import type { Span } from '#workers/attribution/spans/find.ts';

/**
 * What was measured of one reply, as this device keeps it: one record for each reply that an adapter wrote. All shares are integers in
 * 1/65,535 (WHOLE) of the reply and add up: `parts` to the whole, contributors to `parts.contributors`, rows to their contributors.
 */
export interface AttributionRecord {
	/** Id of the chat message. */
	id: string;
	conversation: string;
	/** Who wrote it: ids in the library and the model's name as they were then. */
	adapter: { id: string; name: string };
	model: { id: string; sha256: string };
	/**
	 * `waiting`: until no reply is being written. `measuring`: `phase` says what. `unmeasured`: `reason` says why; all is unattributed.
	 * The last two have a receipt and its transcript.
	 */
	state: 'waiting' | 'measuring' | 'measured' | 'unmeasured';
	phase?: MeasurePhase;
	reason?: Unmeasured;
	/** The reply, of which a part may stand before what was measured: that of an earlier run which this one continues. */
	text: string;
	/** Where in `text` the measured part begins (UTF-16 units). */
	from: number;
	/** Milliseconds since the epoch: when the reply was finished. */
	time: number;
	/** Wei for 1,000 reply tokens; 0 where nothing is owed. */
	price: bigint;
	parts?: Parts;
	/** The greatest share first. */
	contributors: ContributorShare[];
	/** The paid rows (at most 32), the greatest share first. */
	rows: RowShare[];
	/** Ids of `rows`, to look replies up by a row. */
	contributions: Hex[];
	/** Found when asked for (`sentences`). */
	sentences?: SentenceInfluence[];
	/** Found when asked for (`spans`). */
	spans?: ReplySpan[];
	receipt?: Receipt;
	transcript: Transcript;
}

/** Getting the model and the index ready, gradients of the reply, lift, and the rows' scores. */
export type MeasurePhase = 'start' | 'gradient' | 'lift' | 'rows';

export interface ContributorShare {
	/** In the index, from 1 on. */
	id: number;
	/** As the rows name them; absent where only the number is known. */
	name?: string;
	/** Address of the key or wallet that signed the rows, lower case. */
	address?: Hex;
	share: number;
}

/** A row of the index as it can be shown; `text` is absent where the rows are not on this device. */
export interface IndexedRow {
	/** Position in the index. */
	row: number;
	/** The contribution's id. */
	contribution: Hex;
	contributor: number;
	/** Its first words, at most 240 UTF-16 units. */
	text?: string;
	licence?: string;
	/** Citation, URL or file. */
	source?: string;
	datanet?: { name: string; id?: string };
}

export interface RowShare extends IndexedRow {
	/** Dot product of query and row, above 0. */
	score: number;
	share: number;
}

/** One sentence, asked for itself: which rows moved the model towards it. */
export interface SentenceInfluence {
	/** In the reply's text (UTF-16 units). */
	start: number;
	end: number;
	/** In 1/65,535 of the rows' influence on this sentence; together at most that, the rest are rows not listed. The greatest first. */
	rows: RowShare[];
}

/** Words of the reply that stand verbatim in rows. */
export interface ReplySpan extends Omit<Span, 'places'> {
	rows: IndexedRow[];
}
