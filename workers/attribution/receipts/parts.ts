import type { Receipt } from './receipt.ts';
import { WHOLE, type Entry, type Weight } from './shares.ts';

/** What the bar under a reply shows, in 1/65,535; together 65,535 (WHOLE). */
export interface Parts {
	/** What the base gives anyway: T / (L + T), for L nats of lift over T tokens. */
	base: number;
	/** What the adapter's contributors share. */
	contributors: number;
	/** The adapter's part that goes to no contributor of the receipt, and everything where nothing was measured. */
	unattributed: number;
}

/** The three parts of a receipt: its weight of nobody, divided by its lift. */
export function partsOf({
	weights,
	lift,
	tokens,
	unmeasured
}: Pick<Receipt, 'weights' | 'lift' | 'tokens' | 'unmeasured'>): Parts {
	const nobody = weights.find(({ id }) => id === 0)?.weight ?? 0;
	const contributors = weights.reduce((sum, { id, weight }) => sum + (id === 0 ? 0 : weight), 0);
	if (unmeasured !== null) return { base: 0, contributors, unattributed: nobody };
	const whole = BigInt(tokens.reply) * 1_000_000n;
	const share = lift <= 0 ? WHOLE : Number((BigInt(WHOLE) * whole) / (BigInt(lift) + whole));
	const base = Math.min(nobody, share);
	return { base, contributors, unattributed: nobody - base };
}

/**
 * Each entry's part of its contributor's weight, by largest remainder; of equal remainders the lower row comes first. The rows of a
 * contributor add up to the contributor's weight exactly.
 */
export function rowWeights(entries: readonly Entry[], weights: readonly Weight[]): number[] {
	const result = entries.map(() => 0);
	for (const { id, weight } of weights) {
		if (id === 0) continue;
		const own = entries.flatMap(({ contributor, score }, at) => (contributor === id ? [{ at, score }] : []));
		const total = own.reduce((sum, { score }) => sum + BigInt(score), 0n);
		if (total === 0n) continue;
		const exact = own.map(({ at, score }) => {
			const product = BigInt(weight) * BigInt(score);
			return { at, floor: Number(product / total), rest: product % total };
		});
		const missing = weight - exact.reduce((sum, { floor }) => sum + floor, 0);
		const first = new Set(
			[...exact]
				.sort((a, b) => (a.rest === b.rest ? a.at - b.at : a.rest > b.rest ? -1 : 1))
				.slice(0, missing)
				.map(({ at }) => at)
		);
		for (const { at, floor } of exact) result[at] = floor + Number(first.has(at));
	}
	return result;
}
