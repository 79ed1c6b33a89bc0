import { OpenLedgerError } from '#workers/errors.ts';
import { contentHash } from '#workers/datanets/contribution.ts';
import type { TrainingRow, TrainingSource } from '#workers/train/api.ts';

/** Rows that were pasted or uploaded on the spot. */
export interface QuickRows extends TrainingSource {
	/** What could not be read, as sentences; the first few. */
	problems: string[];
}

/** Enough to read, and an end to a file of nothing but problems. */
const PROBLEMS_SHOWN = 5;
const HEADINGS = /prompt|question|instruction|input|response|answer|output|text|messages|term|definition/i;

/**
 * Reads files as an import into a Datanet would, without one.
 * @throws OpenLedgerError `import/*`; `train/no-rows` when nothing in them is a row
 */
export async function quickRows(files: readonly File[], name: string): Promise<QuickRows> {
	// The readers of all formats are heavy; most people choose a Datanet.
	const [{ formatOf, openItems }, { guessMapping }, { mapRecord }] = await Promise.all([
		import('#workers/datanets/formats/open.ts'),
		import('#workers/datanets/import/guess.ts'),
		import('#workers/datanets/import/mapping.ts')
	]);
	const rows = new Map<string, TrainingRow>();
	const problems: string[] = [];
	for (const file of files) {
		const records: { at: number; record: Record<string, unknown> }[] = [];
		const format = await formatOf(file);
		for await (const items of await openItems(file, format, {}))
			for (const item of items) {
				if ('record' in item) records.push(item);
				else problems.push(`${file.name}, ${item.at}: ${item.problem}`);
			}
		const sample = records.slice(0, 50).map(({ record }) => record);
		const { mapping } = guessMapping([...new Set(sample.flatMap((record) => Object.keys(record)))], sample);
		for (const { at, record } of records) {
			const row = mapRecord(record, mapping, { licence: '', source: file.name, language: '', tags: [] });
			if (typeof row === 'string') problems.push(`${file.name}, ${at}: ${row}`);
			else {
				const id = contentHash(row.content);
				rows.set(id, { id, content: row.content });
			}
		}
	}
	if (rows.size === 0)
		throw new OpenLedgerError('train/no-rows', 'There are no rows in this.', {
			remedy: 'Put a question and its answer in each line, with a tab between them, or choose a file.',
			details: problems[0] === undefined ? {} : { first: problems[0] }
		});
	return { name, rows: [...rows.values()], problems: problems.slice(0, PROBLEMS_SHOWN) };
}

/** Pasted text as the file it would be: JSON lines, a table with or without headings, or plain text. */
export function pastedFile(text: string): File {
	const lines = text.split('\n').filter((line) => line.trim() !== '');
	const [first = ''] = lines;
	if (lines.every((line) => line.trim().startsWith('{'))) return new File([text], 'pasted.jsonl');
	if (first.trim().startsWith('[')) return new File([text], 'pasted.json');
	const separator = ['\t', ';', ','].find((each) => lines.every((line) => line.includes(each)));
	if (separator === '\t')
		return new File([HEADINGS.test(first) ? text : `prompt\tresponse\n${text}`], 'pasted.tsv');
	// Sentences have commas too: only a first line of headings makes a table of them.
	if (separator && HEADINGS.test(first)) return new File([text], 'pasted.csv');
	return new File([text], 'pasted.txt');
}
