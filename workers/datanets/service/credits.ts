import type { CreditShare } from '../api.ts';
import { headerOf, type Header } from '../contribution.ts';
import { creditOf, WHOLE_CREDIT } from '../credit.ts';
import type { Hex } from '../hash.ts';
import { MAX_LINEAGE_DEPTH } from '../limits.ts';
import type { Session } from '../session.ts';
import { stored } from '../store/failures.ts';
import { SEGMENT_ROWS } from '../store/schema.ts';

type Known = Header & { id: Hex };

/** Each contributor's part of a Datanet, largest first. */
export async function creditsOf(session: Session): Promise<CreditShare[]> {
	const slots = session.catalogue.listed();
	const points = new Map<Hex, number>();
	const give = (contributor: Hex, amount: number) =>
		points.set(contributor, (points.get(contributor) ?? 0) + amount);
	// Counted by the index's codes first: 100,000 rows are seldom of more than a few people.
	const counts = session.index.parts.map(
		({ columns }) => new Uint32Array(columns.contributors.values.length)
	);
	const corrections = slots.filter((slot) => {
		const { columns, at } = session.index.partOf(slot);
		const count = counts[Math.floor(slot / SEGMENT_ROWS)];
		if (columns.corrections[at] === 1 || !count) return true;
		const code = columns.contributors.codes[at] ?? 0;
		count[code] = (count[code] ?? 0) + 1;
		return false;
	});
	for (const [part, { columns }] of session.index.parts.entries())
		counts[part]?.forEach((rows, code) => {
			if (rows > 0) give(columns.contributors.values[code] as Hex, rows * WHOLE_CREDIT);
		});
	const rows = await session.rows.need(session.idsOf(corrections));
	const headers = await ancestorsOf(session, rows);
	for (const row of rows)
		for (const [contributor, share] of creditOf(row, (id) => headers.get(id)).shares)
			give(contributor, share);
	const wallets = await walletsOf(session, [...points.keys()]);
	return [...points]
		.map(([contributor, amount]) =>
			withWallet(
				{
					contributor,
					rows: amount / WHOLE_CREDIT,
					share: amount / WHOLE_CREDIT / Math.max(1, slots.length)
				},
				wallets
			)
		)
		.sort((a, b) => b.rows - a.rows || (a.contributor < b.contributor ? -1 : 1));
}

/** Headers of all known ancestors, generation by generation. */
export async function ancestorsOf(
	{ rows, db, catalogue }: Session,
	from: readonly Known[]
): Promise<Map<Hex, Known>> {
	const known = new Map<Hex, Known>();
	let wanted = parentsOf(from, known);
	for (let depth = 0; depth < MAX_LINEAGE_DEPTH && wanted.length > 0; depth++) {
		const found: (Known | undefined)[] = await rows.get(wanted);
		const headers = await stored(() =>
			db.headers.bulkGet(wanted.map((id): [string, Hex] => [catalogue.datanet, id]))
		);
		const next = found.map((row, i) => row ?? headers[i]).filter((header) => header !== undefined);
		for (const header of next) known.set(header.id, headerOf(header));
		wanted = parentsOf(next, known);
	}
	return known;
}

function parentsOf(rows: readonly Known[], known: ReadonlyMap<Hex, Known>): Hex[] {
	const parents = rows.map((row) => row.parent).filter((id): id is Hex => id !== null && !known.has(id));
	return [...new Set(parents)];
}

/** Wallets that keys are linked to, as far as that is known here. */
export async function walletsOf({ db }: Session, keys: Hex[]): Promise<Map<Hex, Hex>> {
	const links = await stored(() => db.links.bulkGet(keys));
	return new Map(links.flatMap((link) => (link ? [[link.key, link.wallet]] : [])));
}

export function withWallet<T extends { contributor: Hex }>(
	part: T,
	wallets: Map<Hex, Hex>
): T & { wallet?: Hex } {
	const wallet = wallets.get(part.contributor);
	return wallet === undefined ? part : { ...part, wallet };
}
