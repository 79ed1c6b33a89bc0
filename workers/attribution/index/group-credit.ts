import type { IndexRow } from './build-index.ts';
import { countTargets, type SampleGradients } from '../gradients.ts';

/** Rows without near-duplicates that the others are measured by, at most. */
const SINGLE = 64;

/** Samples whose losses are taken at once. */
const BATCH = 8;

/**
 * What groups of near-duplicates keep of their credit: for the first row of each group a factor of at most 1. The model has learnt a row
 * better that it saw ten times, and its replies to the row's question then owe the adapter more. That must not pay the copier, nor
 * cost him whose row is copied: the group's credit shrinks by the square root of how much further its loss fell than that of rows which
 * stand alone. Exponents of ½ and 1 leave ten copies 0.80 and 0.54 of what the row earned alone, for another row 1.05 and 0.74, where
 * none would give 1.17 and 1.39 (docs/attribution.md).
 *
 * @param groups for each row the number of the first row of its group, or −1
 */
export async function groupCredit(
	gradients: Pick<SampleGradients, 'losses'>,
	rows: readonly Pick<IndexRow, 'samples'>[],
	groups: Int32Array,
	signal?: AbortSignal
): Promise<Map<number, number>> {
	const copied = new Set<number>();
	groups.forEach((first, row) => first >= 0 && first !== row && copied.add(first));
	if (copied.size === 0) return new Map();
	const single = rows.map((_, row) => row).filter((row) => (groups[row] ?? -1) < 0);
	const step = Math.max(1, single.length / SINGLE);
	const learnt = (row: number) => learntPart(gradients, rows[row]?.samples ?? [], signal);
	const parts: number[] = [];
	for (let at = 0; at < single.length; at += step) parts.push(await learnt(single[Math.floor(at)] as number));
	parts.sort((a, b) => a - b);
	// An adapter that has learnt nothing of its rows says nothing of copies either.
	const usual = parts[Math.floor(parts.length / 2)] ?? 0;
	const credit = new Map<number, number>();
	if (usual <= 0) return credit;
	for (const row of copied) credit.set(row, Math.sqrt(usual / Math.max(usual, await learnt(row))));
	return credit;
}

/** By how much the adapter lowers the loss of samples, as a part of it. */
async function learntPart(
	gradients: Pick<SampleGradients, 'losses'>,
	samples: IndexRow['samples'],
	signal?: AbortSignal
): Promise<number> {
	let [base, adapted] = [0, 0];
	for (let at = 0; at < samples.length; at += BATCH) {
		const some = samples.slice(at, at + BATCH).filter((sample) => countTargets(sample) > 0);
		for (const loss of await gradients.losses(some, 0)) base += loss;
		for (const loss of await gradients.losses(some, 1)) adapted += loss;
		signal?.throwIfAborted();
	}
	return base > 0 ? (base - adapted) / base : 0;
}
