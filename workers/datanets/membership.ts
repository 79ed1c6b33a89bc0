import type { Hex } from './hash.ts';

/**
 * Which rows a Datanet holds, as a causal-length set (Yu and Rostad, "A low-cost set CRDT based on causal lengths",
 * PaPoC 2020): every row ever seen has a length, odd while it is in and even while it is out; adding and removing
 * count one up; copies merge by the larger length. So merging is a set union in which a removal is also remembered:
 * commutative, associative and idempotent.
 */
export type Membership = ReadonlyMap<Hex, number>;

/** Lengths above this come from a hostile file: half of what 32 bits hold, so that local changes still fit. */
export const MAX_LENGTH = 0x7fff_ffff;

export function isIn(length: number | undefined): boolean {
	return ((length ?? 0) & 1) === 1;
}

/** The length once the row is in (or out); unchanged where it is so already. */
export function lengthWhen(wanted: boolean, length = 0): number {
	return isIn(length) === wanted ? length : length + 1;
}

export function mergeMembership(a: Membership, b: Membership): Map<Hex, number> {
	const merged = new Map(a);
	for (const [id, length] of b) merged.set(id, Math.max(length, merged.get(id) ?? 0));
	return merged;
}

export function members(membership: Membership): Hex[] {
	return [...membership].filter(([, length]) => isIn(length)).map(([id]) => id);
}
