import type { CutOptions } from '../formats/blocks.ts';
import type { Item } from '../formats/items.ts';
import { formatOf, openItems, type Format } from '../formats/open.ts';
import { isFlat } from '../flat.ts';
import { guessMapping, type Guess } from './guess.ts';
import { signatureOf } from './mapping.ts';

/** What a person sees before anything is imported. */
export interface Preview {
	name: string;
	format: Format;
	/** In the order of their first appearance. */
	columns: string[];
	sample: Item[];
	guess: Guess;
	/** Set where the file is one of our own exports: its rows keep their identity and need no mapping. */
	own: boolean;
	signature: string;
}

const SAMPLE = 50;

/** The first records of a file. Throws `import/*`. */
export async function previewFile(file: File, cut?: CutOptions): Promise<Preview> {
	const format = await formatOf(file);
	const sample: Item[] = [];
	for await (const items of await openItems(file, format, { cut })) {
		sample.push(...items);
		if (sample.length >= SAMPLE) break;
	}
	sample.length = Math.min(sample.length, SAMPLE);
	const records = sample.flatMap((item) => ('record' in item ? [item.record] : []));
	const columns = [...new Set(records.flatMap((record) => Object.keys(record)))];
	return {
		name: file.name,
		format,
		columns,
		sample,
		guess: guessMapping(columns, records),
		own: isFlat(columns),
		signature: signatureOf(columns)
	};
}
