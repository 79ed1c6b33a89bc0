import type { RowStory } from '../api.ts';
import { languageOf } from '../checks/language.ts';
import { licenceOpinion } from '../checks/licence.ts';
import { findPersonalData } from '../checks/personal-data.ts';
import { FLAG_NAMES, FLAGS, flagsIn, qualityParts } from '../checks/quality.ts';
import { textOf, type Contribution } from '../contribution.ts';
import { creditOf } from '../credit.ts';
import type { Hex } from '../hash.ts';
import { MAX_LINEAGE_DEPTH } from '../limits.ts';
import type { Session } from '../session.ts';
import { ancestorsOf, walletsOf, withWallet } from './credits.ts';

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
