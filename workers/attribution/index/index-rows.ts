import { NearDuplicates } from '#workers/datanets/checks/near-duplicates.ts';
import { shinglesOf } from '#workers/datanets/checks/shingles.ts';
import { textOf } from '#workers/datanets/contribution.ts';
import { OpenLedgerError } from '#workers/errors.ts';
import type { OpenModel } from '#workers/models/open-model.ts';
import { encodeContent } from '#workers/train/rows/encode.ts';
import type { IndexRow } from './build-index.ts';
import type { LearntRows } from './rows-file.ts';

/** Tokens of one sample at most: memory grows with the square of it. */
const LONGEST = 512;

/**
 * Rows as the model learnt them, with groups of near-duplicates. Rows that teach nothing (empty, a question without room for its reply)
 * have no place in an index.
 *
 * @throws OpenLedgerError `index/no-rows` where all are like that
 */
export function indexRows(
	given: LearntRows,
	{ tokenizer, contextLength }: Pick<OpenModel, 'tokenizer' | 'contextLength'>
): { taken: IndexRow[]; learnt: LearntRows; groups: Int32Array } {
	const maxLength = Math.min(LONGEST, contextLength);
	const taken: IndexRow[] = [];
	const rows: LearntRows['rows'] = [];
	const duplicates = new NearDuplicates();
	for (const row of given.rows) {
		const encoded = encodeContent(row.content, tokenizer, maxLength);
		if ('refused' in encoded) continue;
		taken.push({ id: row.id, contributor: row.contributor, samples: encoded.samples });
		rows.push(row);
		duplicates.add(shinglesOf(textOf(row.content)));
	}
	if (taken.length === 0) throw noRows();
	const search = duplicates.groups();
	let step = search.next();
	while (!step.done) step = search.next();
	return { taken, learnt: { ...given, rows }, groups: step.value };
}

function noRows(): OpenLedgerError {
	return new OpenLedgerError('index/no-rows', 'None of these rows teaches a model anything.', {
		remedy: 'Choose the Datanet that the adapter was trained on; rows need a question and an answer, or text.'
	});
}
