import type { LearntRow, LearntRows, Person } from '#workers/attribution/index/rows-file.ts';
import { contentHash } from '#workers/datanets/contribution.ts';
import { isHash } from '#workers/datanets/hash.ts';
import type { TrainingPlan, TrainingRow } from './api.ts';
import type { DatasetRow } from './rows/dataset.ts';

/** The rows that were learnt, and their contributors, numbered from 1 on as they come; pasted rows are one nameless person's. */
export function learntRows(
	{ sources }: Pick<TrainingPlan, 'sources'>,
	{ training }: { training: readonly Pick<DatasetRow, 'id' | 'source' | 'content'>[] }
): LearntRows {
	const given = new Map<string, TrainingRow>();
	for (const { rows } of sources) for (const row of rows) if (!given.has(row.id)) given.set(row.id, row);
	const people: Person[] = [];
	const numbers = new Map<string, number>();
	const numberOf = (address: Person['address']) => {
		const known = numbers.get(address ?? '');
		if (known !== undefined) return known;
		people.push(address ? { address } : {});
		numbers.set(address ?? '', people.length);
		return people.length;
	};
	const rows = training.map(({ id, source, content }): LearntRow => {
		const header = given.get(id)?.header;
		if (!header || !isHash(id))
			return { id: contentHash(content), contributor: numberOf(undefined), datanet: source, content };
		const { licence, source: origin, ...rest } = header;
		const contributor = numberOf(header.contributor);
		return { id, contributor, datanet: source, content, licence, source: origin, header: rest };
	});
	const datanets = sources.map(({ name, datanet, root }) => ({
		name,
		...(datanet && { id: datanet }),
		...(root && { root })
	}));
	return { people, datanets, rows };
}
