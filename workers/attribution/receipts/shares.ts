/**
 * From scores to shares: attribution rules, version 2. Integers only, so that everyone gets the same. What a contract can check of
 * them stands in contracts/src/audit/Scores.sol, unchanged since version 1; shares.vectors.json holds cases that both must agree on.
 */
export const RULES = 2;

/** Rows of one reply that are paid (Scores.MAX_ENTRIES). */
export const MAX_ENTRIES = 32;

/** Sum of a receipt's weights, the unattributed one included. */
export const WHOLE = 65_535;

/** Units of weight that one token shares out, and the most tokens of one record (Scores.UNITS, Scores.MAX_TOKENS). */
const UNITS = 64;
const MAX_TOKENS = 1023;

const UINT32_MAX = 2 ** 32 - 1;

/** One index row with a positive score. */
export interface Entry {
	/** Contributor id, 1 or more. */
	contributor: number;
	/** Position in the index. */
	row: number;
	/** Dot product of query and row, 1 to 2³² − 1. */
	score: number;
}

/** A contributor's weight; id 0 is what belongs to nobody. */
export interface Weight {
	id: number;
	weight: number;
}

/**
 * The rows with the highest positive scores, at most MAX_ENTRIES, ascending by contributor, then row. Of equal scores at the end of
 * the list the lower row stays.
 *
 * @param scores int32, one a row of the index
 * @param contributors their contributor ids; 0 marks a position that nobody is paid for
 */
export function topEntries(scores: Int32Array, contributors: Uint32Array): Entry[] {
	// Descending by score, then ascending by row.
	const best: Entry[] = [];
	for (const [row, score] of scores.entries()) {
		const contributor = contributors[row] ?? 0;
		if (score <= 0 || contributor === 0) continue;
		if (best.length === MAX_ENTRIES && score <= (best.at(-1)?.score ?? 0)) continue;
		let at = best.length;
		while (at > 0 && (best[at - 1]?.score ?? 0) < score) at--;
		best.splice(at, 0, { contributor, row, score });
		if (best.length > MAX_ENTRIES) best.pop();
	}
	return best.sort((a, b) => a.contributor - b.contributor || a.row - b.row);
}

/** Nats of lift a token at which a half is the adapter's, in millionths. */
const HALF_LIFT = 1_000_000;

/** Support at which a half of the adapter's part is the rows', in millionths of what they give one of their own. */
const HALF_SUPPORT = 700_000n;

/** The most that a support is. */
export const MAX_SUPPORT = UINT32_MAX;

/**
 * What of a reply belongs to no row, in units of score, rounded up and at most 2³² − 1. Lift decides how much is the adapter's at all:
 * L / (L + T) of the reply where the adapter makes its T tokens L nats likelier, nothing where it makes them no likelier. Support
 * decides how much of that is the rows': s⁴ / (s⁴ + 0.7⁴), nearly all of a reply like theirs and nearly nothing of one that they
 * have nothing to say about. Of that, `tail` belongs to rows that are not among the entries. So nothing is spread to make 100 %.
 *
 * @param tail score of the rows that are not among the entries, 0 or more
 * @param lift in millionths of a nat, of the whole reply
 * @param tokens of the reply
 * @param support in millionths (support.ts), 0 to MAX_SUPPORT
 */
export function unattributedScore(
	entries: readonly Entry[],
	tail: number,
	{ lift, tokens, support }: { lift: number; tokens: number; support: number }
): number {
	if (
		![tail, tokens, support].every((value) => Number.isSafeInteger(value) && value >= 0) ||
		!Number.isSafeInteger(lift) ||
		support > MAX_SUPPORT
	)
		throw new RangeError(`no score, lift, tokens or support: ${tail}, ${lift}, ${tokens}, ${support}`);
	if (lift <= 0 || support === 0) return UINT32_MAX;
	const named = total(entries);
	const rows = BigInt(support) ** 4n;
	const whole = ceilDivide(
		(named + BigInt(tail)) * BigInt(lift + tokens * HALF_LIFT) * (rows + HALF_SUPPORT ** 4n),
		BigInt(lift) * rows
	);
	const rest = whole - named;
	return Number(rest < BigInt(UINT32_MAX) ? rest : BigInt(UINT32_MAX));
}

/**
 * The list that a record settles by: floor(units × scores of a contributor / (all scores + unattributed)), units = 64 × min(tokens,
 * 1023). Ascending by id, without zeros. Scores.weighs accepts this list and no other.
 */
export function recordList(entries: readonly Entry[], unattributed: number, tokens: number): Weight[] {
	const units = BigInt(UNITS * Math.min(tokens, MAX_TOKENS));
	const scores = scoreOf(entries, unattributed);
	const whole = sum(scores.values());
	if (whole === 0n) return [];
	return [...scores]
		.map(([id, score]) => ({ id, weight: Number((units * score) / whole) }))
		.filter(({ weight }) => weight > 0);
}

/**
 * What a receipt shows: uint16 weights that add up to 65,535, by largest remainder (Hamilton); of equal remainders the lower id comes
 * first. Nobody gets more than `cap` (in 1/10,000 of what is attributed); what that cuts off belongs to nobody, as in a settlement.
 * The unattributed weight (id 0) comes first, also where it is 0.
 */
export function sharesOf(entries: readonly Entry[], unattributed: number, cap = 10_000): Weight[] {
	if (!Number.isInteger(cap) || cap < 0 || cap > 10_000) throw new RangeError(`no cap: ${cap}`);
	const scores = scoreOf(entries, unattributed);
	const whole = sum(scores.values());
	if (whole === 0n) return [{ id: 0, weight: WHOLE }];
	const shares = [...scores].map(([id, score]) => {
		const exact = BigInt(WHOLE) * score;
		return { id, weight: Number(exact / whole), rest: exact % whole };
	});
	const missing = WHOLE - shares.reduce((given, { weight }) => given + weight, 0);
	const byRest = [...shares].sort((a, b) => (a.rest === b.rest ? a.id - b.id : a.rest > b.rest ? -1 : 1));
	for (const share of byRest.slice(0, missing)) share.weight++;

	const [nobody, ...people] = shares.map(({ id, weight }) => ({ id, weight }));
	if (!nobody) return [];
	const ceiling = Math.floor(((WHOLE - nobody.weight) * cap) / 10_000);
	for (const person of people) {
		nobody.weight += Math.max(0, person.weight - ceiling);
		person.weight = Math.min(person.weight, ceiling);
	}
	return [nobody, ...people.filter(({ weight }) => weight > 0)];
}

/** Entries as they are hashed and shown to a contract: (uint32 contributor, uint32 row, uint32 score) each, big-endian. */
export function encodeEntries(entries: readonly Entry[]): Uint8Array<ArrayBuffer> {
	const bytes = new Uint8Array(entries.length * 12);
	const view = new DataView(bytes.buffer);
	entries.forEach(({ contributor, row, score }, i) => {
		view.setUint32(i * 12, contributor);
		view.setUint32(i * 12 + 4, row);
		view.setUint32(i * 12 + 8, score);
	});
	return bytes;
}

/** Why a list cannot be a record's entries; undefined where it can. */
export function faultOfEntries(entries: readonly Entry[]): string | undefined {
	if (entries.length > MAX_ENTRIES) return `there are ${entries.length}, more than ${MAX_ENTRIES}`;
	for (const [i, { contributor, row, score }] of entries.entries()) {
		const before = entries[i - 1];
		if (![contributor, row, score].every(isUint32)) return `entry ${i} is not three uint32`;
		if (contributor === 0 || score === 0) return `entry ${i} names nobody or scores nothing`;
		if (before && (before.contributor - contributor || before.row - row) >= 0)
			return `entry ${i} is not in order`;
	}
	return undefined;
}

/** Score by contributor, ascending by id, the unattributed one first. */
function scoreOf(entries: readonly Entry[], unattributed: number): Map<number, bigint> {
	const fault = faultOfEntries(entries);
	if (fault !== undefined || !isUint32(unattributed))
		throw new RangeError(fault ?? `no score: ${unattributed}`);
	const scores = new Map([[0, BigInt(unattributed)]]);
	for (const { contributor, score } of entries)
		scores.set(contributor, (scores.get(contributor) ?? 0n) + BigInt(score));
	return scores;
}

function total(entries: readonly Entry[]): bigint {
	return sum(entries.map(({ score }) => BigInt(score)));
}

function sum(values: Iterable<bigint>): bigint {
	let result = 0n;
	for (const value of values) result += value;
	return result;
}

function ceilDivide(a: bigint, b: bigint): bigint {
	return (a + b - 1n) / b;
}

function isUint32(value: number): boolean {
	return Number.isInteger(value) && value >= 0 && value <= UINT32_MAX;
}
