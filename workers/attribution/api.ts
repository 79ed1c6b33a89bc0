import type { Hex } from '#workers/datanets/hash.ts';
import type { EngineSettings } from '#workers/protocol.ts';
import type { Parts } from './receipts/parts.ts';
import type { Receipt, Transcript, Unmeasured } from './receipts/receipt.ts';
import type { RowReview } from './review/review.ts';
import type { RowEffect } from './review/row-effects.ts';
import type { Wordless } from './review/word-vectors.ts';
import type { LearntRows } from './index/rows-file.ts';
import type { Span } from './spans/find.ts';
import type { Verdict } from './receipts/verify.ts';

/**
 * What the page and the attribution worker say to each other. Plain data only. The page holds an `AttributionApi` through Comlink
 * (workers/comlink.ts); failures arrive as `OpenLedgerError`.
 */

/** Getting the model and the index ready, gradients and lift of the reply, and the rows' scores. */
export type MeasurePhase = 'start' | 'gradient' | 'rows';

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

/** A reply to be measured, as the engine wrote it. */
export interface MeasureRequest {
	/** Id of the base in the model library, and of the adapter in its own. */
	model: string;
	adapter: string;
	/** SHA-256 (hex) of the base's ONNX file. */
	base: string;
	/** SHA-256 (hex) of the adapter's two files. */
	files: { config: string; weights: string };
	/** Token ids. */
	prompt: number[];
	reply: number[];
	/** Wei for 1,000 reply tokens, as decimal digits. */
	price: string;
	/** Unix time in seconds. */
	time: number;
	/** ln p(reply | prompt) with the adapter, as the engine told it while it wrote the reply; measured where it is not given. */
	logLikelihood?: number;
	/** Set where it is known beforehand that nothing can be measured. */
	unmeasured?: Unmeasured;
}

/** A receipt with what it means to a person. */
export interface Measured {
	receipt: Receipt;
	transcript: Transcript;
	parts: Parts;
	contributors: ContributorShare[];
	rows: RowShare[];
	/** What went wrong, for a person, where it `failed`. */
	cause?: string;
}

/** What is known of an adapter's index. */
export interface IndexFacts {
	adapter: string;
	/** SHA-256 (hex) of the base's file it was made over. */
	base: string;
	root: Hex;
	rows: number;
	bytes: number;
	/** Whether its rows can be shown. */
	texts: boolean;
	/** True for that of an example adapter, which comes with the app. */
	bundled: boolean;
}

export interface BuildProgress {
	/** Getting the base ready, gradients of all rows, the basis, the rows' tree, storing. */
	phase: 'start' | 'gradients' | 'basis' | 'root' | 'save';
	done: number;
	total: number;
}

/** An index that a closed tab, a crash or a person left half built; it goes on where it was. */
export interface UnfinishedIndex {
	adapter: string;
	/** Id of the base. */
	model: string;
	/** Rows done, and all of them. */
	done: number;
	total: number;
	/** That it takes meanwhile. */
	bytes: number;
	/** True while another tab builds it; nothing else is known then. */
	elsewhere: boolean;
}

/** What building an index would take, as measured on a few of its rows. */
export interface BuildEstimate {
	/** Rows that have a place in it, those of them that repeat others, and those that teach nothing. */
	rows: number;
	repeated: number;
	left: number;
	seconds: number;
	/** Of the index, and of what is kept while it is built. */
	bytes: number;
	bytesMeanwhile: number;
}

/** A row with what speaks for looking at it again: by the model (review.ts), and by the index (row-effects.ts). */
export interface ReviewedRow extends IndexedRow, RowEffect, Omit<RowReview, 'row'> {}

export interface Reviewed {
	/** Likely mislabelled ones first. */
	rows: ReviewedRow[];
	/** Set where they were ordered without what words mean. */
	wordless?: Wordless | undefined;
}

type Listener<Event> = (event: Event) => void;

/** Attribution. Long calls take a `task` that `cancel` accepts; a cancelled call rejects with code `aborted`. */
export interface AttributionApi {
	configure(settings: EngineSettings): Promise<void>;
	cancel(task: string): Promise<void>;
	/** Never guesses: what cannot be measured gives a receipt that attributes nothing and says why. */
	measure(request: MeasureRequest, onPhase: Listener<MeasurePhase>): Promise<Measured>;
	/** Rows behind parts of a measured reply. `ranges`: where they begin and end in `text` (UTF-16 units). */
	ask(
		request: MeasureRequest,
		text: string,
		ranges: [start: number, end: number][]
	): Promise<SentenceInfluence[]>;
	/** Words of a text that stand verbatim in the rows of an adapter's index; the most telling ones, as they stand. */
	spans(adapter: string, text: string): Promise<ReplySpan[]>;
	/** Checks a receipt on this device. @param files of the adapter's package, where it is not in the library */
	verify(
		receipt: Receipt,
		transcript: Transcript | undefined,
		where: { model: string; adapter: string }
	): Promise<Verdict>;
	/** Indexes on this device, those of the example adapters included. */
	indexes(): Promise<IndexFacts[]>;
	/** Measures a few rows to say what an index would take. @throws OpenLedgerError `attribution/unsupported`, `index/no-rows` */
	estimate(adapter: string, model: string, rows: LearntRows, task: string): Promise<BuildEstimate>;
	/** Builds that were left, those of other tabs included. */
	unfinished(): Promise<UnfinishedIndex[]>;
	/** Forgets an unfinished build. @throws OpenLedgerError `engine/busy` while it is under way */
	discard(adapter: string): Promise<void>;
	/**
	 * Makes and stores the index of an adapter; one that is there is replaced once the new one is whole. What is cancelled or dies on the way
	 * is kept as unfinished.
	 *
	 * @param rows undefined for those of the unfinished build, which goes on
	 * @throws OpenLedgerError `index/no-rows`, `engine/busy` while another tab builds it
	 */
	build(
		adapter: string,
		model: string,
		rows: LearntRows | undefined,
		task: string,
		onProgress: Listener<BuildProgress>
	): Promise<IndexFacts>;
	/** Deletes an index that was built or imported here. */
	remove(adapter: string): Promise<void>;
	/** Looks at every row of an index once more. Needs the rows' texts. */
	review(
		adapter: string,
		model: string,
		task: string,
		onProgress: Listener<{ done: number; total: number }>
	): Promise<Reviewed>;
}
