import type { CreditShare, RowStory } from '../api.ts';
import { languageOf } from '../checks/language.ts';
import { licenceOpinion } from '../checks/licence.ts';
import { findPersonalData } from '../checks/personal-data.ts';
import { FLAG_NAMES, FLAGS, flagsIn, qualityParts } from '../checks/quality.ts';
import { headerOf, textOf, type Contribution, type Header } from '../contribution.ts';
import { creditOf, WHOLE_CREDIT } from '../credit.ts';
import type { Hex } from '../hash.ts';
import { MAX_LINEAGE_DEPTH } from '../limits.ts';
import type { Session } from '../session.ts';
import { stored } from '../store/failures.ts';

type Known = Header & { id: Hex };

/** Where a row comes from, whose it is, and what a check says of it. */
export async function storyOf(session: Session, id: Hex): Promise<RowStory> {
	const slot = session.catalogue.find(id);
	const [view] = await session.show(Uint32Array.of(slot));
	if (!view) throw new Error('a slot without its row');
	const { row } = view;
	const headers = await ancestorsOf(session, [row]);
	const ancestors: RowStory['ancestors'] = [];
	for (let parent = row.parent; parent !== null && ancestors.length < MAX_LINEAGE_DEPTH;) {
		const header = headers.get(parent);
		if (!header) break;
		const [content] = await session.rows.get([parent]);
		const ancestor = { id: parent, contributor: header.contributor, created: header.created };
		ancestors.push(content ? { ...ancestor, row: content } : ancestor);
		parent = header.parent;
	}
	const { shares, unknown } = creditOf(row, (ancestor) => headers.get(ancestor));
	const wallets = await walletsOf(session, [...shares.keys()]);
	return {
		view,
		ancestors,
		shares: [...shares].map(([contributor, points]) => withWallet({ contributor, points }, wallets)),
		unknownShare: unknown,
		quality: view.flags === undefined ? [] : qualityParts(view.flags),
		findings: await findingsOf(session, slot, row, view.flags ?? 0),
		language: languageOf(row)
	};
}

/** Each contributor's part of a Datanet, largest first. */
export async function creditsOf(session: Session): Promise<CreditShare[]> {
	const slots = session.catalogue.listed();
	const points = new Map<Hex, number>();
	const give = (contributor: Hex, amount: number) =>
		points.set(contributor, (points.get(contributor) ?? 0) + amount);
	const corrections = slots.filter((slot) => {
		const { columns, at } = session.index.partOf(slot);
		if (columns.corrections[at] === 1) return true;
		give(session.contributorAt(slot), WHOLE_CREDIT);
		return false;
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

async function walletsOf({ db }: Session, keys: Hex[]): Promise<Map<Hex, Hex>> {
	const links = await stored(() => db.links.bulkGet(keys));
	return new Map(links.flatMap((link) => (link ? [[link.key, link.wallet]] : [])));
}

function withWallet<T extends { contributor: Hex }>(part: T, wallets: Map<Hex, Hex>): T & { wallet?: Hex } {
	const wallet = wallets.get(part.contributor);
	return wallet === undefined ? part : { ...part, wallet };
}

/** What the flags mean for this row, in sentences that name the place. */
async function findingsOf(
	session: Session,
	slot: number,
	row: Contribution,
	flags: number
): Promise<string[]> {
	const report = session.judgement;
	const findings: string[] = [];
	for (const flag of flagsIn(flags)) {
		if (flag === 'personalData') {
			const text = textOf(row.content);
			for (const { name, start, end } of findPersonalData(text, row.language))
				findings.push(
					`Holds ${/^[aeiou]/.test(name) ? 'an' : 'a'} ${name}: “${shortened(text.slice(start, end))}”.`
				);
		} else if (flag === 'contradiction')
			for (const { a, b, why } of report?.contradictions ?? []) {
				if (a === slot || b === slot) findings.push(why);
			}
		else if (flag === 'licenceForbids' || flag === 'noLicence' || flag === 'licenceUnclear')
			findings.push(
				flag === 'licenceForbids' && licenceOpinion(row.licence).verdict !== 'forbids'
					? 'Its licence is none of those that this Datanet takes.'
					: licenceOpinion(row.licence).reason
			);
		else if (flag === 'overlap') findings.push(`Is in “${report?.against ?? 'another Datanet'}” too.`);
		else if (flag === 'otherLanguage')
			findings.push(`Is written in another language than expected (${languageOf(row)}).`);
		else findings.push(`${FLAG_NAMES[flag]}.`);
	}
	if ((flags & (FLAGS.duplicate | FLAGS.nearDuplicate)) === 0) return findings;
	const leader = report?.groups[slot] ?? -1;
	if (leader < 0 || leader === slot || !session.catalogue.isIn(leader)) return findings;
	const [twin] = await session.rows.get(session.idsOf(Uint32Array.of(leader)));
	if (twin) findings.push(`The other row: “${shortened(textOf(twin.content))}”`);
	return findings;
}

function shortened(text: string): string {
	const line = text.replace(/\s+/g, ' ').trim();
	return line.length > 120 ? `${line.slice(0, 119).toWellFormed()}…` : line;
}
