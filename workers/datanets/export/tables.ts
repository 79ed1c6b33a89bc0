import Papa from 'papaparse';
import type { Contribution } from '../contribution.ts';
import { FLAT_COLUMNS, toCells, toFlat } from '../flat.ts';

export type TableFormat = 'jsonl' | 'csv' | 'parquet';

type Rows = AsyncIterable<Contribution[]>;

/**
 * Rows as a file in which every field of every row can be read back (flat.ts). JSON Lines and CSV are built from
 * pieces; Parquet is held in memory column by column.
 */
export async function writeTable(rows: Rows, format: TableFormat): Promise<Blob> {
	switch (format) {
		case 'jsonl':
			return collected(lines(rows), 'application/x-ndjson');
		case 'csv':
			return collected(csv(rows), 'text/csv');
		case 'parquet':
			return parquet(rows);
	}
}

async function* lines(rows: Rows): AsyncGenerator<string> {
	for await (const group of rows) yield group.map((row) => `${JSON.stringify(toFlat(row))}\n`).join('');
}

async function* csv(rows: Rows): AsyncGenerator<string> {
	// A byte order mark tells spreadsheets that this is UTF-8.
	yield `\uFEFF${FLAT_COLUMNS.join(',')}\r\n`;
	for await (const group of rows)
		yield `${Papa.unparse(
			group.map((row) => toCells(row).map((cell) => guarded(cell ?? ''))),
			{ newline: '\r\n' }
		)}\r\n`;
}

/**
 * A spreadsheet runs a cell that begins with one of these as a formula. An apostrophe before it prevents that; on the
 * way back one is taken off again (`unguarded`), so nothing is lost.
 */
const FORMULA = /^'*[=+\-@\t\r]/;

function guarded(cell: string): string {
	return FORMULA.test(cell) ? `'${cell}` : cell;
}

export function unguarded(cell: string): string {
	return cell.startsWith("'") && FORMULA.test(cell) ? cell.slice(1) : cell;
}

async function parquet(rows: Rows): Promise<Blob> {
	const columns: (string | undefined)[][] = FLAT_COLUMNS.map(() => []);
	for await (const group of rows)
		for (const row of group) for (const [i, cell] of toCells(row).entries()) columns[i]?.push(cell);
	const { ByteWriter, parquetWrite } = await import('hyparquet-writer');
	const writer = new ByteWriter();
	parquetWrite({
		writer,
		columnData: FLAT_COLUMNS.map((name, i) => ({
			name,
			data: columns[i] ?? [],
			type: 'STRING',
			nullable: true
		})),
		rowGroupSize: 10_000
	});
	return new Blob([writer.getBuffer()], { type: 'application/vnd.apache.parquet' });
}

async function collected(pieces: AsyncIterable<string>, type: string): Promise<Blob> {
	const parts: Blob[] = [];
	let text = '';
	for await (const piece of pieces) {
		text += piece;
		// Blobs may rest on disk; strings cannot.
		if (text.length > 4_000_000) {
			parts.push(new Blob([text]));
			text = '';
		}
	}
	return new Blob([...parts, text], { type });
}
