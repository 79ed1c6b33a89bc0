import type { TypedDataDefinition } from 'viem';
import type { CheckProgress } from './checks/check.ts';
import type { Flag, QualityPart } from './checks/quality.ts';
import type { PersonalKind } from './checks/personal-data.ts';
import type { CheckLimits } from './checks/limits.ts';
import type { Received } from './bundle/review.ts';
import type { Manifest } from './bundle/records.ts';
import type { MergeReport } from './bundle/merge.ts';
import type { Content, Contribution } from './contribution.ts';
import type { CutOptions } from './formats/blocks.ts';
import type { Hex } from './hash.ts';
import type { WalletLink } from './identity.ts';
import type { ImportProgress, ImportReport } from './import/import.ts';
import type { Defaults, Mapping } from './import/mapping.ts';
import type { Preview } from './import/preview.ts';
import type { Query } from './search/select.ts';
import type { Summary } from './search/summary.ts';
import type { RowView } from './session.ts';
import type { BackupReport } from './backup/backup.ts';
import type { Unlock } from './backup/unlock.ts';
import type { HubFile } from './export/hub.ts';
import type { Edit } from './store/edits.ts';
import type { DatanetInfo } from './store/schema.ts';

export type Listener<Event> = (event: Event) => void;

/** Rows by id, or all rows that a view shows. */
export type Selection = { ids: Hex[] } | { view: string };

/** A change to many rows; what is absent stays. */
export interface BulkEdit {
	licence?: string;
	source?: string;
	language?: string;
	addTags?: string[];
	removeTags?: string[];
	/** Replaces personal data by what it is. */
	mask?: boolean;
}

export interface NewRow {
	content: Content;
	licence: string;
	source: string;
	language: string;
	tags: string[];
}

export type ExportFormat = 'bundle' | 'jsonl' | 'csv' | 'parquet' | 'car';

export interface Identity {
	/** Of this device's key. */
	address: Hex;
	link?: WalletLink;
}

export interface CreditShare {
	contributor: Hex;
	/** The wallet that the contributor's key is linked to. */
	wallet?: Hex;
	/** Rows' worth of credit: a row counts 1, shared along its corrections. */
	rows: number;
	/** Of all rows, 0 to 1. */
	share: number;
}

export interface VersionView {
	root: Hex;
	created: string;
	note: string;
	rows: number;
}

export interface VersionDifference {
	added: number;
	removed: number;
	corrected: number;
	/** The first hundred of each, to look at; a correction as what it was and what it is. */
	examples: {
		added: Contribution[];
		removed: Contribution[];
		corrected: { from: Contribution; to: Contribution }[];
	};
}

/** A row with where it comes from and what a check would say. */
export interface RowStory {
	view: RowView;
	/** What it corrects, newest first, as far as it is known. */
	ancestors: { id: Hex; contributor: Hex; created: string; row?: Contribution }[];
	shares: { contributor: Hex; wallet?: Hex; points: number }[];
	unknownShare: number;
	quality: QualityPart[];
	/** One sentence a finding. */
	findings: string[];
	language: string;
}

/** What the latest check found, for the page. */
export interface ReportView {
	at: number;
	/** True while the rows are those that were checked. */
	current: boolean;
	rows: number;
	counts: Record<Flag, number>;
	personal: Record<PersonalKind, number>;
	/** Rows by quality, in tens: 0–9, …, 90–99, 100. */
	quality: number[];
	languages: { value: string; rows: number }[];
	contradictions: { a: Hex; b: Hex; why: string }[];
	against?: string;
}

/**
 * What the Datanets worker does for a page. Rows never cross in bulk: a page asks for the few that it shows. Long calls
 * take a `task` that `cancel` accepts; a cancelled call rejects with code `aborted` and has changed nothing.
 */
export interface DatanetApi {
	cancel(task: string): Promise<void>;

	/** Loads a Datanet; `datanet/locked` without its passphrase. Opening again is cheap. */
	open(
		datanet: string,
		passphrase?: string,
		onProgress?: Listener<{ done: number; total: number }>
	): Promise<void>;
	close(datanet: string): Promise<void>;
	/** Locks it behind a passphrase, or takes the passphrase away. */
	lock(datanet: string, passphrase: string | undefined): Promise<void>;

	/** Number of rows that fit; `show` then gives them. */
	select(datanet: string, view: string, query: Query): Promise<number>;
	show(datanet: string, view: string, start: number, count: number): Promise<RowView[]>;
	/** Place of a row in a view, or −1. */
	place(datanet: string, view: string, id: Hex): Promise<number>;
	story(datanet: string, id: Hex): Promise<RowStory>;
	summary(datanet: string, view?: string): Promise<Summary>;
	credits(datanet: string): Promise<CreditShare[]>;

	add(datanet: string, rows: NewRow[]): Promise<Hex[]>;
	/** What stands in an editor, kept for the next visit. @param row id of the row being edited, or `new` */
	keepDraft(datanet: string, row: string, body: unknown): Promise<void>;
	dropDraft(datanet: string, row: string): Promise<void>;
	draftOf(datanet: string, row: string): Promise<{ at: number; body: unknown } | undefined>;
	/** The new row's id. Throws `datanet/changed` where the row is not there any more. */
	edit(datanet: string, id: Hex, edit: Edit, parentShare: number): Promise<Hex>;
	editAll(
		datanet: string,
		selection: Selection,
		edit: BulkEdit,
		task: string,
		onProgress: Listener<{ done: number; total: number }>
	): Promise<number>;
	remove(datanet: string, selection: Selection): Promise<number>;
	/** Deletes the content of rows that are neither in the Datanet nor in a version; ends undo for them. */
	forget(datanet: string): Promise<number>;
	/** What was undone or done again, for a person; undefined where there is nothing. */
	undo(datanet: string): Promise<string | undefined>;
	redo(datanet: string): Promise<string | undefined>;

	preview(file: File, cut?: CutOptions): Promise<Preview>;
	importFiles(
		datanet: string,
		files: File[],
		options: { mapping?: Mapping; defaults: Defaults; cut?: CutOptions; skipDuplicates: boolean },
		task: string,
		onProgress: Listener<ImportProgress>
	): Promise<ImportReport>;
	listHub(name: string, hubUrl: string, token?: string): Promise<HubFile[]>;
	fetchHub(name: string, path: string, hubUrl: string, token?: string): Promise<File>;

	check(
		datanet: string,
		limits: CheckLimits,
		against: string | undefined,
		task: string,
		onProgress: Listener<CheckProgress>
	): Promise<ReportView>;
	report(datanet: string): Promise<ReportView | undefined>;

	/** Signs this device's unsigned rows and freezes a version of all rows. */
	freeze(
		datanet: string,
		note: string,
		task: string,
		onProgress: Listener<{ done: number; total: number }>
	): Promise<VersionView>;
	/** Root of the rows as they are. */
	root(datanet: string): Promise<Hex>;
	/** From one version (or, without it, nothing) to another (or, without it, the rows as they are). */
	compare(datanet: string, from: Hex | undefined, to: Hex | undefined): Promise<VersionDifference>;
	restoreVersion(datanet: string, root: Hex): Promise<void>;
	/**
	 * Some rows of a version (without a root: the rows as they are), by id. What has no content here any more is left out.
	 * @returns the rows, and how many the version has in all
	 */
	versionRows(
		datanet: string,
		root: Hex | undefined,
		start: number,
		count: number
	): Promise<{ rows: Contribution[]; total: number }>;

	/** The file; a CAR's name is its CID. */
	exportFile(
		datanet: string,
		format: ExportFormat,
		options: { view?: string; history?: boolean; from: string },
		task: string,
		onProgress: Listener<{ done: number; total: number }>
	): Promise<File>;
	/** @throws OpenLedgerError `hub/*`, `aborted`; `hub/occupied` where files would be replaced and `mayReplace` does not say so */
	pushHub(
		datanet: string,
		name: string,
		options: { hubUrl: string; token: string; private: boolean; from: string; mayReplace: boolean },
		task: string,
		onProgress: Listener<number>
	): Promise<void>;
	/** A bundle that offers rows to a curator, signed. @throws OpenLedgerError `datanet/no-rows` where nothing is chosen */
	offer(datanet: string, selection: Selection, from: string): Promise<File>;

	manifest(file: Blob): Promise<Manifest>;
	merge(
		file: Blob,
		task: string,
		onProgress: Listener<{ bytesDone: number; bytesTotal: number }>
	): Promise<MergeReport>;
	receive(datanet: string, file: Blob, task: string): Promise<Received>;
	/** Puts a row of one's own into the queue, as a draft; undefined where the Datanet holds its content already. */
	propose(datanet: string, row: NewRow, from: string): Promise<{ review: Hex; index: number } | undefined>;
	reviewRows(datanet: string, review: Hex, from: number, count: number): Promise<Contribution[]>;
	accept(datanet: string, review: Hex, which?: number[]): Promise<number>;
	acceptEdited(datanet: string, review: Hex, index: number, edit: Edit, parentShare: number): Promise<void>;
	reject(datanet: string, review: Hex, which: number[], reason: string): Promise<void>;
	closeReview(datanet: string, review: Hex): Promise<void>;

	create(info: Partial<DatanetInfo>): Promise<string>;
	describe(datanet: string, info: Partial<DatanetInfo>): Promise<void>;
	delete(datanet: string): Promise<void>;

	identity(): Promise<Identity>;
	/** Links this device's key to a wallet; `sign` asks the wallet (EIP-712 typed data). */
	link(wallet: Hex, sign: (data: TypedDataDefinition) => Promise<Hex>): Promise<WalletLink>;

	/** @param unlock asks the person for the passphrase of a locked Datanet */
	backup(
		passphrase: string | undefined,
		unlock: Unlock,
		task: string,
		onProgress: Listener<{ done: number; total: number }>
	): Promise<{ file: File; report: BackupReport }>;
	restoreBackup(
		file: Blob,
		passphrase: string | undefined,
		unlock: Unlock,
		task: string,
		onProgress: Listener<{ done: number; total: number }>
	): Promise<BackupReport & { key: boolean }>;
}
