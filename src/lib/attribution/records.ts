import type { Hex } from '#workers/datanets/hash.ts';
import type { Parts } from '#workers/attribution/receipts/parts.ts';
import type { Receipt, Transcript, Unmeasured } from '#workers/attribution/receipts/receipt.ts';
import type {
	ContributorShare,
	MeasurePhase,
	ReplySpan,
	RowShare,
	SentenceInfluence
} from '#workers/attribution/api.ts';

export type * from '#workers/attribution/api.ts';

/**
 * What was measured of one reply, as this device keeps it: one record for each reply that an adapter wrote. All shares are integers in
 * 1/65,535 (WHOLE) of the reply and add up: `parts` to the whole, contributors to `parts.contributors`, rows to their contributors.
 */
export interface AttributionRecord {
	/** Id of the chat message. */
	id: string;
	/** Empty where a program asked for it. */
	conversation: string;
	/** Who wrote it: ids in the library and the model's name as they were then. */
	adapter: { id: string; name: string; files: { config: string; weights: string } };
	model: { id: string; sha256: string };
	/**
	 * `waiting`: until no reply is being written. `measuring`: `phase` says what. `unmeasured`: `reason` says why; all is unattributed.
	 * The last two have a receipt and its transcript.
	 */
	state: 'waiting' | 'measuring' | 'measured' | 'unmeasured';
	phase?: MeasurePhase;
	reason?: Unmeasured;
	/** Of `failed`: what went wrong, for a person. */
	cause?: string;
	/** The reply, of which a part may stand before what was measured: that of an earlier run which this one continues. */
	text: string;
	/** Where in `text` the measured part begins (UTF-16 units). */
	from: number;
	/** Milliseconds since the epoch: when the reply was finished. */
	time: number;
	/** Wei for 1,000 reply tokens; 0 where nothing is owed. */
	price: bigint;
	/** Id of the receipt that the ledger keeps until this one takes its place; absent where nothing is owed. */
	owed?: Hex;
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
	/** As the engine told it while it wrote the reply (`Completion`); absent where it did not. */
	logLikelihood?: number;
}
