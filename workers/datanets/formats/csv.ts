import Papa from 'papaparse';
import { OpenLedgerError } from '../../errors.ts';
import { GROUP, LONGEST_RECORD, type Item, type Items } from './items.ts';
import { TOO_LONG } from './json.ts';

/** One record's text, still quoted, and the line it starts on. */
interface RawRecord {
	at: number;
	text: string | undefined;
}

/**
 * Comma- or tab-separated values (RFC 4180), also with `;` or `|`; the first record names the columns. Papa Parse reads
 * the cells; the records are cut here, by quote parity, so that any file size streams and every problem has its line.
 * Throws `import/malformed` for a file without a header.
 *
 * @param delimiter guessed from the beginning where not given
 */
export async function* readCsv(pieces: AsyncIterable<string>, delimiter?: string): Items {
	let columns: string[] | undefined;
	let separator = delimiter;
	for await (const group of recordsOf(pieces)) {
		const readable = group.filter((raw) => raw.text === undefined || raw.text.trim() !== '');
		separator ??= guessDelimiter(readable);
		const cells = cellsOf(readable, separator);
		const items: Item[] = [];
		readable.forEach(({ at }, i) => {
			const row = cells[i];
			if (!columns) columns = headerOf(row);
			else if (typeof row === 'string') items.push({ at, problem: row });
			else if (row) items.push(recordOf(at, row, columns));
		});
		yield items;
	}
	if (!columns) throw noHeader();
}

function headerOf(row: string[] | string | undefined): string[] {
	if (!Array.isArray(row)) throw noHeader();
	const seen = new Map<string, number>();
	return row.map((cell, i) => {
		const name = cell.trim() || `column ${i + 1}`;
		const times = (seen.get(name) ?? 0) + 1;
		seen.set(name, times);
		return times === 1 ? name : `${name} (${times})`;
	});
}

function recordOf(at: number, row: string[], columns: string[]): Item {
	if (row.length > columns.length)
		return { at, problem: `${row.length} cells, but the first line names ${columns.length} columns` };
	return { at, record: Object.fromEntries(columns.map((name, i) => [name, row[i] ?? ''])) };
}

/** Cells of each record, or what is wrong with it. */
function cellsOf(group: readonly RawRecord[], delimiter: string): (string[] | string)[] {
	const texts = group.map((raw) => raw.text ?? '');
	const together = Papa.parse<string[]>(texts.join('\n'), { delimiter, newline: '\n' });
	if (together.errors.length === 0 && together.data.length === group.length)
		return together.data.map((row, i) => (group[i]?.text === undefined ? TOO_LONG : row));
	return group.map(({ text }) => {
		if (text === undefined) return TOO_LONG;
		const { data, errors } = Papa.parse<string[]>(text, { delimiter, newline: '\n' });
		if (errors[0]) {
			const lines = text.split('\n').length;
			return lines === 1
				? 'its quotes do not match'
				: `its quotes do not match; ${lines} lines were taken as one`;
		}
		return data[0] ?? 'nothing to read';
	});
}

function guessDelimiter(group: readonly RawRecord[]): string {
	const sample = group
		.slice(0, 20)
		.map((raw) => raw.text ?? '')
		.join('\n');
	const { meta } = Papa.parse(sample, { delimitersToGuess: [',', '\t', ';', '|'], newline: '\n' });
	return meta.delimiter || ',';
}

/** A quoted cell that has not ended after this many characters has lost its quote; a row's own limit is below. */
const LONGEST_QUOTED = 500_000;

async function* recordsOf(pieces: AsyncIterable<string>): AsyncGenerator<RawRecord[]> {
	const cutter = new RecordCutter();
	for await (const piece of pieces) {
		cutter.take(piece);
		while (cutter.complete.length >= GROUP) yield cutter.complete.splice(0, GROUP);
	}
	cutter.end();
	yield cutter.complete;
}

/**
 * Cuts text at line ends outside quotes. A quote opens a cell only at its start, so that `5" pipe` is no open cell; one
 * that never closes costs its own line, and the lines after it are read again.
 */
class RecordCutter {
	readonly complete: RawRecord[] = [];
	#record = '';
	#quoted = false;
	#tooLong = false;
	#line = 1;
	#start = 1;
	#before = 10;

	take(piece: string): void {
		let from = 0;
		for (let i = 0; i < piece.length; i++) {
			const code = piece.charCodeAt(i);
			if (code === 34) {
				if (this.#quoted) this.#quoted = false;
				else this.#quoted = !this.#tooLong && (opensCell(this.#before) || this.#before === 34);
			} else if (code === 10) {
				this.#line++;
				if (!this.#quoted) {
					this.#finish(this.#record + piece.slice(from, i));
					from = i + 1;
				} else if (this.#record.length + i - from > LONGEST_QUOTED) {
					this.#reread(this.#record + piece.slice(from, i + 1));
					from = i + 1;
				}
			}
			this.#before = code;
		}
		if (!this.#tooLong) this.#record += piece.slice(from);
		if (this.#record.length > LONGEST_RECORD) {
			this.#tooLong = true;
			this.#quoted = false;
			this.#record = '';
		}
	}

	end(): void {
		while (this.#quoted && this.#record.includes('\n')) this.#reread(this.#record);
		if (this.#record !== '' || this.#tooLong) this.#finish(this.#record);
	}

	/** Gives up the first line of an open record and takes the others again. */
	#reread(record: string): void {
		const end = record.indexOf('\n');
		const after = this.#start + 1;
		this.#finish(record.slice(0, end));
		this.#line = this.#start = after;
		this.take(record.slice(end + 1));
	}

	#finish(text: string): void {
		const whole = text.endsWith('\r') ? text.slice(0, -1) : text;
		this.complete.push({
			at: this.#start,
			text: this.#tooLong || whole.length > LONGEST_RECORD ? undefined : whole
		});
		this.#record = '';
		this.#tooLong = this.#quoted = false;
		this.#start = this.#line;
		this.#before = 10;
	}
}

/** After the start of a line or a delimiter. */
function opensCell(before: number): boolean {
	return before === 10 || before === 44 || before === 9 || before === 59 || before === 124;
}

function noHeader(): OpenLedgerError {
	return new OpenLedgerError('import/malformed', 'This table has no first line that names its columns.', {
		remedy: 'Add a line with column names, such as: prompt,response'
	});
}
