import { OpenLedgerError } from '../../errors.ts';
import { makeContribution, type Contribution } from '../contribution.ts';
import { fromFlat, isFlat } from '../flat.ts';
import type { CutOptions } from '../formats/blocks.ts';
import type { Item } from '../formats/items.ts';
import { formatOf, openItems, type Format } from '../formats/open.ts';
import { unguarded } from '../export/tables.ts';
import { fromHex, type Hex } from '../hash.ts';
import { IdSet } from '../store/id-table.ts';
import type { Access } from '../store/staging.ts';
import { stageRows } from '../store/staging.ts';
import { mappingOf } from './guess.ts';
import { mapRecord, type Defaults, type Mapping } from './mapping.ts';

export interface ImportOptions {
	contributor: Hex;
	/** Absent for our own exports. */
	mapping?: Mapping;
	/** Where several files come without a source, each row names its file. */
	defaults: Defaults;
	cut?: CutOptions;
	/** Leaves out rows whose content is in the Datanet, or came before in these files. */
	skipDuplicates: boolean;
}

export interface ImportProgress {
	bytesDone: number;
	bytesTotal: number;
	rows: number;
	problems: number;
}

export interface ImportProblem {
	file: string;
	/** Line or record number from 1; 0 for the file as a whole. */
	at: number;
	reason: string;
}

export interface ImportReport {
	added: number;
	/** Left out because the same content, or the same row, is there already. */
	duplicates: number;
	/** The first PROBLEMS_KEPT of them. */
	problems: ImportProblem[];
	problemCount: number;
}

const PROBLEMS_KEPT = 1_000;

/**
 * Reads files into a Datanet: all good rows of all files in one step, or nothing at all. A record that is no row, and a
 * file that cannot be read, is listed and passed over. Throws `aborted`, `storage/*`, `datanet/*`.
 *
 * @param known tells whether content with this hash is in the Datanet already
 */
export async function importFiles(
	access: Access,
	files: readonly File[],
	options: ImportOptions,
	known: (contentHash: Uint8Array) => boolean,
	onProgress: (progress: ImportProgress) => void,
	signal: AbortSignal
): Promise<ImportReport> {
	const run = new ImportRun(files, options, known, onProgress, signal);
	const { result } = await stageRows(access, { label: `Import ${nameOf(files)}` }, async (staging) => {
		for (const file of files) await run.file(file, (row) => staging.add(row));
		signal.throwIfAborted();
		return run.report;
	}).catch((error: unknown) => {
		if (signal.aborted)
			throw new OpenLedgerError('aborted', 'The import was cancelled.', { remedy: 'Nothing was added.' });
		throw error;
	});
	return result;
}

class ImportRun {
	readonly report: ImportReport = { added: 0, duplicates: 0, problems: [], problemCount: 0 };
	readonly #options: ImportOptions;
	readonly #known: (contentHash: Uint8Array) => boolean;
	readonly #onProgress: (progress: ImportProgress) => void;
	readonly #signal: AbortSignal;
	readonly #bytesTotal: number;
	readonly #now = new Date();
	readonly #contents = new IdSet();
	readonly #several: boolean;
	#format: Format | undefined;
	/** Of the file that is being read. */
	#mapping: Mapping | undefined;
	#defaults: Defaults;
	#bytesDone = 0;
	#told = 0;

	constructor(
		files: readonly File[],
		options: ImportOptions,
		known: (contentHash: Uint8Array) => boolean,
		onProgress: (progress: ImportProgress) => void,
		signal: AbortSignal
	) {
		this.#options = options;
		this.#several = files.length > 1;
		this.#defaults = options.defaults;
		this.#known = known;
		this.#onProgress = onProgress;
		this.#signal = signal;
		this.#bytesTotal = files.reduce((sum, file) => sum + file.size, 0);
	}

	async file(file: File, add: (row: Contribution) => Promise<boolean>): Promise<void> {
		const { mapping, defaults } = this.#options;
		this.#mapping = undefined;
		this.#defaults = { ...defaults, source: defaults.source || (this.#several ? file.name : '') };
		try {
			this.#format = await formatOf(file);
			const items = await openItems(file, this.#format, {
				cut: this.#options.cut,
				onBytes: (bytes) => (this.#bytesDone += bytes)
			});
			for await (const group of items) {
				this.#signal.throwIfAborted();
				const records = group.flatMap((item) => ('record' in item ? [item.record] : []));
				if (mapping && records.length > 0) this.#mapping ??= mappingOf(records, mapping);
				for (const item of group) await this.#item(file.name, item, add);
				this.#tell();
			}
		} catch (error) {
			// A file that is none of ours to read is reported like a bad line; a full disk or a cancel ends it all.
			if (!(error instanceof OpenLedgerError) || !isAboutTheFile(error)) throw error;
			this.#problem(file.name, 0, error.message);
		}
		this.#tell(true);
	}

	async #item(file: string, item: Item, add: (row: Contribution) => Promise<boolean>): Promise<void> {
		if ('problem' in item) return this.#problem(file, item.at, item.problem);
		const row = this.#rowOf(item.record);
		if (typeof row === 'string') return this.#problem(file, item.at, row);
		if (this.#options.skipDuplicates) {
			const hash = fromHex(row.contentHash);
			if (this.#known(hash) || !this.#contents.add(hash)) {
				this.report.duplicates++;
				return;
			}
		}
		if (await add(row)) this.report.added++;
		else this.report.duplicates++;
	}

	#rowOf(record: Record<string, unknown>): Contribution | string {
		const { contributor } = this.#options;
		const [mapping, defaults] = [this.#mapping, this.#defaults];
		if (!mapping || isFlat(Object.keys(record))) {
			try {
				return fromFlat(this.#format === 'csv' ? withoutGuards(record) : record);
			} catch (error) {
				if (error instanceof OpenLedgerError) return String(error.details.reason ?? error.message);
				throw error;
			}
		}
		const mapped = mapRecord(record, mapping, defaults);
		if (typeof mapped === 'string') return mapped;
		return makeContribution({
			...mapped,
			created: mapped.created ?? this.#now,
			contributor,
			parent: null,
			parentShare: 0
		});
	}

	#problem(file: string, at: number, reason: string): void {
		this.report.problemCount++;
		if (this.report.problems.length < PROBLEMS_KEPT) this.report.problems.push({ file, at, reason });
	}

	/** Ten times a second is often enough for a person. */
	#tell(now = false): void {
		if (!now && performance.now() - this.#told < 100) return;
		this.#told = performance.now();
		this.#onProgress({
			bytesDone: Math.min(this.#bytesDone, this.#bytesTotal),
			bytesTotal: this.#bytesTotal,
			rows: this.report.added,
			problems: this.report.problemCount
		});
	}
}

/** Takes back what our CSV export puts before formulas. */
function withoutGuards(record: Record<string, unknown>): Record<string, unknown> {
	return Object.fromEntries(
		Object.entries(record).map(([name, value]) => [
			name,
			typeof value === 'string' ? unguarded(value) : value
		])
	);
}

function isAboutTheFile(error: OpenLedgerError): boolean {
	return error.code.startsWith('import/') || error.code === 'datanet/too-large';
}

function nameOf(files: readonly File[]): string {
	const [first] = files;
	return files.length === 1 && first ? `“${first.name}”` : `${files.length} files`;
}
