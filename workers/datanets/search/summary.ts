import type { Kind } from '../contribution.ts';
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
const DAY = 86_400;

/** Counts over the given slots. */
export function summarise(index: TableIndex, slots: Uint32Array): Summary {
	const kinds = [0, 0, 0];
	const lengths: number[] = [];
	const days = new Map<number, number>();
	const counters = {
		contributors: new Map<string, number>(),
		licences: new Map<string, number>(),
		languages: new Map<string, number>(),
		sources: new Map<string, number>(),
		tags: new Map<string, number>()
	};
	let corrections = 0;
	for (const slot of slots) {
		const { columns, at } = index.partOf(slot);
		count(kinds, columns.kinds[at] ?? 0);
		count(lengths, Math.floor(Math.log2(Math.max(1, columns.lengths[at] ?? 0))));
		const day = Math.floor((columns.created[at] ?? 0) / DAY);
		days.set(day, (days.get(day) ?? 0) + 1);
		corrections += columns.corrections[at] ?? 0;
		for (const name of ['contributors', 'licences', 'languages', 'sources'] as const)
			countValue(counters[name], columns[name], columns[name].codes[at] ?? 0);
		const { tags } = columns;
		for (let tag = at === 0 ? 0 : (tags.ends[at - 1] ?? 0); tag < (tags.ends[at] ?? 0); tag++)
			countValue(counters.tags, tags, tags.codes[tag] ?? 0);
	}
	return {
		rows: slots.length,
		kinds: KINDS.map((value, i) => ({ value, rows: kinds[i] ?? 0 })),
		contributors: ranked(counters.contributors),
		licences: ranked(counters.licences),
		languages: ranked(counters.languages),
		sources: ranked(counters.sources),
		tags: ranked(counters.tags),
		lengths: Array.from(lengths, (rows) => rows ?? 0),
		days: [...days]
			.sort(([a], [b]) => a - b)
			.map(([day, rows]) => ({ day: new Date(day * DAY * 1000).toISOString().slice(0, 10), rows })),
		corrections
	};
}

function count(counts: number[], at: number): void {
	counts[at] = (counts[at] ?? 0) + 1;
}

function countValue(counts: Map<string, number>, column: Column, code: number): void {
	const value = column.values[code] ?? '';
	counts.set(value, (counts.get(value) ?? 0) + 1);
}

function ranked(counts: Map<string, number>): Count[] {
	return [...counts]
		.map(([value, rows]) => ({ value, rows }))
		.sort((a, b) => b.rows - a.rows || (a.value < b.value ? -1 : 1))
		.slice(0, MOST);
}
