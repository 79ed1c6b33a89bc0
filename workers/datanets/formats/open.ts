import { OpenLedgerError } from '../../errors.ts';
import { cutPassages, DEFAULT_CUT, type Block, type CutOptions } from './blocks.ts';
import { readCsv } from './csv.ts';
import { blocksOfDocx } from './docx.ts';
import { GROUP, isRecord, type Item, type Items } from './items.ts';
import { readJson, readJsonLines } from './json.ts';
import { blocksOfPdf } from './pdf.ts';
import { startsWith, textOf } from './text.ts';

export type Format = 'jsonl' | 'json' | 'csv' | 'tsv' | 'parquet' | 'markdown' | 'text' | 'pdf' | 'docx';

const BY_EXTENSION: Record<string, Format> = {
	jsonl: 'jsonl',
	ndjson: 'jsonl',
	json: 'json',
	csv: 'csv',
	tsv: 'tsv',
	tab: 'tsv',
	parquet: 'parquet',
	md: 'markdown',
	markdown: 'markdown',
	mdx: 'markdown',
	txt: 'text',
	text: 'text',
	pdf: 'pdf',
	docx: 'docx'
};

/** What a file picker may offer. */
export const EXTENSIONS = Object.keys(BY_EXTENSION);

/** Largest document that is read whole (PDF, DOCX, Markdown, text). */
const LARGEST_DOCUMENT = 100_000_000;

/**
 * What a file holds, by its first bytes, then by its name. Throws `import/unsupported`.
 */
export async function formatOf(file: File): Promise<Format> {
	if (await startsWith(file, [0x50, 0x41, 0x52, 0x31])) return 'parquet';
	if (await startsWith(file, [0x25, 0x50, 0x44, 0x46])) return 'pdf';
	const extension = /\.([a-z0-9]+)(?:\.gz)?$/i.exec(file.name)?.[1]?.toLowerCase() ?? '';
	const format = Object.hasOwn(BY_EXTENSION, extension) ? BY_EXTENSION[extension] : undefined;
	const binary = format === 'parquet' || format === 'pdf';
	const zip = await startsWith(file, [0x50, 0x4b, 0x03, 0x04]);
	if (!format || binary || zip !== (format === 'docx'))
		throw new OpenLedgerError(
			'import/unsupported',
			`“${file.name}” is not a kind of file that can be read here.`,
			{
				remedy: 'Use JSON, JSON Lines, CSV, TSV, Parquet, Markdown, text, PDF or DOCX.',
				details: { name: file.name }
			}
		);
	if (format === 'json' && (await isJsonLines(file))) return 'jsonl';
	return format;
}

/**
 * The records of a file. Documents become passages, with `title` and `text`. Throws `import/*`, `datanet/too-large`;
 * some only while the items are read.
 *
 * @param onBytes called with the size of each piece read, for progress
 */
export async function openItems(
	file: File,
	format: Format,
	{ cut = DEFAULT_CUT, onBytes }: { cut?: CutOptions; onBytes?: (bytes: number) => void } = {}
): Promise<Items> {
	switch (format) {
		case 'jsonl':
			return readJsonLines(textOf(file, onBytes));
		case 'json':
			return readJson(textOf(file, onBytes));
		case 'csv':
			return readCsv(textOf(file, onBytes));
		case 'tsv':
			return readCsv(textOf(file, onBytes), '\t');
		case 'parquet': {
			const { openParquet } = await import('./parquet.ts');
			return (await openParquet(file, onBytes)).items;
		}
		default:
			if (file.size > LARGEST_DOCUMENT)
				throw new OpenLedgerError('datanet/too-large', `“${file.name}” is larger than 100 MB.`, {
					remedy: 'Split it into smaller documents.'
				});
			return passagesOf(await blocksIn(file, format), cut, () => onBytes?.(file.size));
	}
}

async function blocksIn(file: File, format: 'markdown' | 'text' | 'pdf' | 'docx'): Promise<Iterable<Block>> {
	if (format === 'pdf') return blocksOfPdf(file);
	if (format === 'docx') return blocksOfDocx(file);
	const { blocksOfMarkdown, blocksOfText } = await import('./documents.ts');
	let text = '';
	for await (const piece of textOf(file)) text += piece;
	return format === 'markdown' ? blocksOfMarkdown(text) : blocksOfText(text);
}

async function* passagesOf(blocks: Iterable<Block>, cut: CutOptions, onEnd: () => void): Items {
	let group: Item[] = [];
	let at = 0;
	for (const { title, text } of cutPassages(blocks, cut)) {
		group.push({ at: ++at, record: { title, text } });
		if (group.length === GROUP) {
			yield group;
			group = [];
		}
	}
	yield group;
	onEnd();
}

/** A .json file whose first line is a whole object and that goes on after it. */
async function isJsonLines(file: File): Promise<boolean> {
	let start = '';
	for await (const piece of textOf(file)) {
		start += piece;
		if (start.length > 1_000_000 || start.trimStart().includes('\n')) break;
	}
	const [first, second] = start.trim().split('\n', 2);
	if (!first || second === undefined || second.trim() === '') return false;
	try {
		return isRecord(JSON.parse(first));
	} catch {
		return false;
	}
}
