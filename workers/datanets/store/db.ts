import { Dexie, type Table } from 'dexie';
import type { Hex } from '../hash.ts';
import type { WalletLink } from '../identity.ts';
import type { SegmentIndex } from '../search/segment-index.ts';
import type {
	BatchRecord,
	DatanetRecord,
	DraftRecord,
	HeaderRecord,
	IndexRecord,
	JournalRecord,
	KeyRecord,
	MappingRecord,
	ReportRecord,
	ReviewRecord,
	RowRecord,
	SegmentRecord,
	StagingRecord,
	VersionRecord,
	WordsRecord
} from './schema.ts';

export const DATABASE_NAME = 'openledger-datanets';

/**
 * Everything a person contributes and curates. A row belongs to a Datanet when a segment lists it with an odd length;
 * records in `rows` that no segment and no review lists are invisible and get swept (staging.ts).
 */
export class DatanetDb extends Dexie {
	declare datanets: Table<DatanetRecord, string>;
	declare rows: Table<RowRecord, [string, Hex]>;
	declare headers: Table<HeaderRecord, [string, Hex]>;
	declare segments: Table<SegmentRecord, [string, number]>;
	declare indexes: Table<IndexRecord, [string, number]>;
	declare words: Table<WordsRecord, [string, number]>;
	declare journal: Table<JournalRecord, [string, number]>;
	declare versions: Table<VersionRecord, [string, Hex]>;
	declare batches: Table<BatchRecord, [string, Hex]>;
	declare reviews: Table<ReviewRecord, [string, Hex]>;
	declare staging: Table<StagingRecord, number>;
	declare drafts: Table<DraftRecord, [string, string]>;
	declare reports: Table<ReportRecord, string>;
	declare mappings: Table<MappingRecord, string>;
	declare keys: Table<KeyRecord, Hex>;
	declare links: Table<WalletLink, Hex>;

	constructor(name = DATABASE_NAME) {
		super(name);
		this.version(1).stores({
			datanets: 'id',
			rows: '[datanet+id]',
			headers: '[datanet+id]',
			segments: '[datanet+segment]',
			indexes: '[datanet+segment]',
			journal: '[datanet+seq]',
			versions: '[datanet+root]',
			batches: '[datanet+root]',
			reviews: '[datanet+id]',
			staging: '++key, datanet',
			drafts: '[datanet+row]',
			reports: 'datanet',
			mappings: 'signature',
			keys: 'address',
			links: 'key'
		});
		// Words were part of the index, which is made again where it is missing.
		this.version(2)
			.stores({ words: '[datanet+segment]' })
			.upgrade((transaction) => transaction.table('indexes').clear());
	}
}

/** Stores the derived index of a closed segment, unless the Datanet has been deleted or locked away meanwhile. */
export async function keepIndex(
	db: DatanetDb,
	datanet: string,
	segment: number,
	{ terms, ...index }: SegmentIndex
): Promise<void> {
	await db.transaction('rw', [db.datanets, db.indexes, db.words], async () => {
		const record = await db.datanets.get(datanet);
		if (!record || record.vault) return;
		await db.indexes.put({ datanet, segment, index });
		await db.words.put({ datanet, segment, terms });
	});
}

/** It will be made again from the rows when it is next needed. */
export async function dropIndex(db: DatanetDb, datanet: string, segment: number): Promise<void> {
	await Promise.all([db.indexes.delete([datanet, segment]), db.words.delete([datanet, segment])]);
}

/** Every primary key of one Datanet in a table keyed `[datanet+…]`. */
export function allOf<T, K>(table: Table<T, [string, K]>, datanet: string) {
	return table.where(':id').between([datanet, Dexie.minKey], [datanet, Dexie.maxKey]);
}
