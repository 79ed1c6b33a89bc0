import type { Header } from './contribution.ts';
import type { Hex } from './hash.ts';
import { MAX_LINEAGE_DEPTH } from './limits.ts';

/** One contribution's whole credit, in basis points. */
export const WHOLE_CREDIT = 10_000;

export interface Credit {
	/** Basis points by contributor; with `unknown` they add up to 10,000. */
	shares: Map<Hex, number>;
	/** What belongs to an ancestor whose record is not at hand. Reported, never given to someone else. */
	unknown: number;
}

/**
 * Who is behind a row: each record keeps its own part and passes `parentShare` on to its parent, rounded in favour of
 * the older record, so that a chain of small corrections cannot round the origin away.
 */
export function creditOf(row: Header, find: (id: Hex) => Header | undefined): Credit {
	const shares = new Map<Hex, number>();
	const give = (to: Hex, amount: number) => {
		if (amount > 0) shares.set(to, (shares.get(to) ?? 0) + amount);
	};
	let rest = WHOLE_CREDIT;
	let current = row;
	for (let depth = 0; ; depth++) {
		const passed = current.parent === null ? 0 : Math.ceil((rest * current.parentShare) / WHOLE_CREDIT);
		if (passed === 0 || current.parent === null || depth === MAX_LINEAGE_DEPTH) {
			give(current.contributor, rest);
			return { shares, unknown: 0 };
		}
		give(current.contributor, rest - passed);
		rest = passed;
		const parent = find(current.parent);
		if (!parent) return { shares, unknown: rest };
		current = parent;
	}
}
