import type { ContributorShare, IndexedRow, Measured, RowShare } from '../api.ts';
import type { StoredIndex } from './index-store.ts';
import { partsOf, rowWeights } from '../receipts/parts.ts';
import type { Receipt, Transcript } from '../receipts/receipt.ts';
import { excerptOf } from './rows-file.ts';
import { sharesOf, type Entry } from '../receipts/shares.ts';

/** A row of an index as far as it is known here. A text under another id than the index names is not shown. */
export function describeRow(row: number, { index, rows }: StoredIndex): IndexedRow {
	const contribution = index.ids[row] ?? '0x';
	const facts = { row, contribution, contributor: index.contributors[row] ?? 0 };
	const learnt = rows?.rows[row];
	if (learnt?.id !== contribution) return facts;
	const datanet = rows?.datanets[learnt.datanet];
	return {
		...facts,
		text: excerptOf(learnt.content),
		...(learnt.licence && { licence: learnt.licence }),
		...(learnt.source && { source: learnt.source }),
		...(datanet && { datanet: { name: datanet.name, ...(datanet.id && { id: datanet.id }) } })
	};
}

/** A receipt with people and rows, the greatest shares first. */
export function describeMeasured(
	{ receipt, transcript }: { receipt: Receipt; transcript: Transcript },
	stored: StoredIndex | undefined
): Measured {
	const { entries } = transcript;
	const shares = rowWeights(entries, receipt.weights);
	return {
		receipt,
		transcript,
		parts: partsOf(receipt),
		contributors: receipt.weights
			.filter(({ id }) => id !== 0)
			.map(({ id, weight }): ContributorShare => ({ id, ...stored?.rows?.people[id - 1], share: weight }))
			.sort((a, b) => b.share - a.share || a.id - b.id),
		rows: stored ? describeEntries(entries, shares, stored) : []
	};
}

/** Rows behind a part of a reply: of all their influence on it, in 1/65,535. */
export function shareOfRows(entries: readonly Entry[], tail: number, stored: StoredIndex): RowShare[] {
	const weights = sharesOf(entries, Math.min(tail, 2 ** 32 - 1));
	return describeEntries(entries, rowWeights(entries, weights), stored);
}

function describeEntries(
	entries: readonly Entry[],
	shares: readonly number[],
	stored: StoredIndex
): RowShare[] {
	return entries
		.map(({ row, score }, i) => ({ ...describeRow(row, stored), score, share: shares[i] ?? 0 }))
		.sort((a, b) => b.share - a.share || b.score - a.score || a.row - b.row);
}
