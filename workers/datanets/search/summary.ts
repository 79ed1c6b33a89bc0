import type { Kind } from '../contribution.ts';
import { SEGMENT_ROWS } from '../store/schema.ts';
import { KINDS, type Column } from './segment-index.ts';
import type { TableIndex } from './table-index.ts';

/** How many rows have a value. */
export interface Count {
	value: string;
	rows: number;
}

/** What the charts and filters of a Datanet page show. */
export interface Summary {
	rows: number;
	kinds: { value: Kind; rows: number }[];
	/** Most frequent first, at most 200 of each. */
	contributors: Count[];
	licences: Count[];
	languages: Count[];
	sources: Count[];
	tags: Count[];
	/** Rows by length of text, in powers of two: `lengths[i]` have 2^i to 2^(i+1) − 1 UTF-16 units. */
	lengths: number[];
	/** Rows by day of creation, ascending. */
	days: { day: string; rows: number }[];
	corrections: number;
}

const MOST = 200;
const COLUMNS = ['contributors', 'licences', 'languages', 'sources'] as const;
const DAY = 86_400;

/** Counts over the given slots. */
export function summarise(index: TableIndex, slots: Uint32Array): Summary {
	const kinds = [0, 0, 0];
	const lengths: number[] = [];
	const days = new Map<number, number>();
	const counters = index.parts.map(({ columns }) => ({
		columns,
		contributors: new Uint32Array(columns.contributors.values.length),
		licences: new Uint32Array(columns.licences.values.length),
		languages: new Uint32Array(columns.languages.values.length),
		sources: new Uint32Array(columns.sources.values.length),
		tags: new Uint32Array(columns.tags.values.length)
	}));
	let corrections = 0;
	for (const slot of slots) {
		const counter = counters[Math.floor(slot / SEGMENT_ROWS)];
		if (!counter) throw new RangeError(`no index for slot ${slot}`);
		const { columns } = counter;
		const at = slot % SEGMENT_ROWS;
		count(kinds, columns.kinds[at] ?? 0);
		count(lengths, Math.floor(Math.log2(Math.max(1, columns.lengths[at] ?? 0))));
		const day = Math.floor((columns.created[at] ?? 0) / DAY);
		days.set(day, (days.get(day) ?? 0) + 1);
		corrections += columns.corrections[at] ?? 0;
		for (const name of COLUMNS) count(counter[name], columns[name].codes[at] ?? 0);
		const { ends, codes } = columns.tags;
		for (let tag = at === 0 ? 0 : (ends[at - 1] ?? 0); tag < (ends[at] ?? 0); tag++)
			count(counter.tags, codes[tag] ?? 0);
	}
	const ranked = (name: (typeof COLUMNS)[number] | 'tags') =>
		rankedOf(counters.map((counter) => ({ column: counter.columns[name], counts: counter[name] })));
	return {
		rows: slots.length,
		kinds: KINDS.map((value, i) => ({ value, rows: kinds[i] ?? 0 })),
		contributors: ranked('contributors'),
		licences: ranked('licences'),
		languages: ranked('languages'),
		sources: ranked('sources'),
		tags: ranked('tags'),
		lengths: Array.from(lengths, (rows) => rows ?? 0),
		days: [...days]
			.sort(([a], [b]) => a - b)
			.map(([day, rows]) => ({ day: new Date(day * DAY * 1000).toISOString().slice(0, 10), rows })),
		corrections
	};
}

function count(counts: number[] | Uint32Array, at: number): void {
	counts[at] = (counts[at] ?? 0) + 1;
}

function rankedOf(parts: readonly { column: Column; counts: Uint32Array }[]): Count[] {
	const sums = new Map<string, number>();
	for (const { column, counts } of parts)
		counts.forEach((rows, code) => {
			const value = column.values[code] ?? '';
			if (rows > 0) sums.set(value, (sums.get(value) ?? 0) + rows);
		});
	return [...sums]
		.map(([value, rows]) => ({ value, rows }))
		.sort((a, b) => b.rows - a.rows || (a.value < b.value ? -1 : 1))
		.slice(0, MOST);
}
