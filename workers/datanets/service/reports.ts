import type { ReportView } from '../api.ts';
import type { CheckReport } from '../checks/check.ts';
import type { Session } from '../session.ts';
import { stored } from '../store/failures.ts';

/** Keeps a report for the next visit. One of a locked Datanet is kept in memory only: it tells of its rows. */
export async function keepReport(session: Session, report: CheckReport): Promise<void> {
	session.judgement = report;
	if (session.vault) return;
	const { datanet } = session.catalogue;
	const { db } = session;
	await stored(() =>
		db.transaction('rw', [db.datanets, db.reports], async () => {
			// Another tab may have deleted it or locked it away meanwhile.
			const record = await db.datanets.get(datanet);
			if (!record || record.vault) return;
			await db.reports.put({ datanet, revision: report.revision, at: report.at, report });
		})
	);
}

export function viewOf(session: Session): ReportView | undefined {
	const report = session.judgement;
	if (!report) return undefined;
	const quality = Array<number>(11).fill(0);
	const languages = new Map<string, number>();
	for (const slot of session.catalogue.listed()) {
		if (slot >= report.quality.length) continue;
		const tenth = Math.floor((report.quality[slot] ?? 0) / 10);
		quality[tenth] = (quality[tenth] ?? 0) + 1;
		const language = report.languages[report.languageCodes[slot] ?? 0] ?? '';
		languages.set(language, (languages.get(language) ?? 0) + 1);
	}
	const { at, rows, counts, personal, against } = report;
	const view: ReportView = {
		at,
		current: report.revision === session.catalogue.revision,
		rows,
		counts,
		personal,
		quality,
		languages: [...languages]
			.map(([value, count]) => ({ value, rows: count }))
			.sort((a, b) => b.rows - a.rows),
		contradictions: report.contradictions.map(({ a, b, why }) => ({
			a: session.catalogue.idAt(a),
			b: session.catalogue.idAt(b),
			why
		}))
	};
	return against === undefined ? view : { ...view, against };
}
