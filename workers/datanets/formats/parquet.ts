import {
	parquetMetadataAsync,
	parquetReadObjects,
	parquetSchema,
	type AsyncBuffer,
	type FileMetaData
} from 'hyparquet';
import { compressors } from 'hyparquet-compressors';
import { OpenLedgerError } from '../../errors.ts';
import { GROUP, type Item, type Items } from './items.ts';

/** Rows decoded at a time where a row group is larger. */
const WINDOW = 10_000;
/** Unpacked bytes of one row group that are accepted; a small file can declare any. */
const LARGEST_GROUP = 1_000_000_000;

export interface ParquetFile {
	columns: string[];
	rows: number;
	items: Items;
}

/** A Parquet file with any of the usual compressions. Throws `import/malformed`. */
export async function openParquet(blob: Blob, onBytes?: (bytes: number) => void): Promise<ParquetFile> {
	const file: AsyncBuffer = {
		byteLength: blob.size,
		slice: (start, end) => {
			const part = blob.slice(start, end);
			onBytes?.(part.size);
			return part.arrayBuffer();
		}
	};
	const metadata = await guarded(() => parquetMetadataAsync(file));
	const rows = Number(metadata.num_rows);
	for (const group of metadata.row_groups)
		if (
			group.columns.some((column) => Number(column.meta_data?.total_uncompressed_size ?? 0) > LARGEST_GROUP)
		)
			throw malformed(new Error('a row group declares more than 1 GB'));
	return {
		columns: parquetSchema(metadata).children.map((child) => child.element.name),
		rows,
		items: itemsOf(file, metadata)
	};
}

async function* itemsOf(file: AsyncBuffer, metadata: FileMetaData): Items {
	let groupStart = 0;
	for (const group of metadata.row_groups) {
		const groupEnd = groupStart + Number(group.num_rows);
		for (let rowStart = groupStart; rowStart < groupEnd; rowStart += WINDOW) {
			const rowEnd = Math.min(groupEnd, rowStart + WINDOW);
			const records = await guarded(() =>
				parquetReadObjects({ file, metadata, rowStart, rowEnd, compressors })
			);
			for (let from = 0; from < records.length; from += GROUP)
				yield records.slice(from, from + GROUP).map((record, i): Item => ({
					at: rowStart + from + i + 1,
					record: plain(record) as Record<string, unknown>
				}));
		}
		groupStart = groupEnd;
	}
}

/** Large integers as text, dates as ISO 8601, bytes as nothing: what JSON could also have carried. */
function plain(value: unknown): unknown {
	if (typeof value === 'bigint')
		return Number.isSafeInteger(Number(value)) ? Number(value) : value.toString();
	if (value instanceof Date) return Number.isNaN(value.getTime()) ? null : value.toISOString();
	if (ArrayBuffer.isView(value)) return null;
	if (Array.isArray(value)) return value.map(plain);
	if (typeof value === 'object' && value !== null)
		return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, plain(inner)]));
	return value;
}

async function guarded<T>(work: () => Promise<T>): Promise<T> {
	try {
		return await work();
	} catch (error) {
		throw malformed(error);
	}
}

function malformed(cause: unknown): OpenLedgerError {
	return new OpenLedgerError('import/malformed', 'This Parquet file cannot be read.', {
		remedy: 'Check that it was downloaded completely, or export it again as JSON Lines.',
		cause
	});
}
