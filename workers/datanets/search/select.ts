import type { Kind } from '../contribution.ts';
import type { Hex } from '../hash.ts';
import type { Catalogue } from '../store/catalogue.ts';
import { SEGMENT_ROWS } from '../store/schema.ts';
import { KINDS, type Column, type SegmentColumns } from './segment-index.ts';
import type { Part, TableIndex } from './table-index.ts';
import { queryTokens } from './tokens.ts';

/** Which rows to show. A list names what is allowed; an absent field asks nothing. */
export interface Query {
	/** Rows that hold every word; the last one may be a beginning, unless a space follows it. */
	text?: string;
	kinds?: Kind[];
	contributors?: Hex[];
	licences?: string[];
	languages?: string[];
	sources?: string[];
	/** Rows that have any of them. */
	tags?: string[];
	/** UTF-16 units of all text, both ends included. */
	length?: { from?: number; to?: number };
	corrections?: boolean;
	/** Bits of a check's flags (workers/datanets/checks): rows that have any of them. */
	flags?: number;
	sort?: { by: 'length' | 'created' | 'quality'; descending?: boolean };
}

/** Results of the latest check, by slot. */
export interface Judgement {
	flags: Uint32Array;
	/** 0 to 100. */
	quality: Uint8Array;
}

/** Slots of the rows that fit, in the order of the list or as sorted. */
export function select(
	catalogue: Catalogue,
	index: TableIndex,
	query: Query,
	judgement?: Judgement
): Uint32Array {
	const listed = catalogue.listed();
	const masks = index.parts.map((part) => maskOf(part, query));
	let slots = listed;
	if (masks.some((mask) => mask !== undefined) || query.flags !== undefined)
		slots = listed.filter((slot) => {
			const mask = masks[Math.floor(slot / SEGMENT_ROWS)];
			if (mask && mask[slot % SEGMENT_ROWS] !== 1) return false;
			return query.flags === undefined || ((judgement?.flags[slot] ?? 0) & query.flags) !== 0;
		});
	if (!query.sort) return slots;
	const { by, descending = false } = query.sort;
	const sign = descending ? -1 : 1;
	const keyOf = (slot: number) => {
		if (by === 'quality') return judgement?.quality[slot] ?? 0;
		const { columns, at } = index.partOf(slot);
		return columns[by === 'length' ? 'lengths' : 'created'][at] ?? 0;
	};
	const rank = new Map(Array.from(listed, (slot, i) => [slot, i]));
	const keys = new Map(Array.from(slots, (slot) => [slot, keyOf(slot)]));
	return Uint32Array.from(slots).sort(
		(a, b) => sign * ((keys.get(a) ?? 0) - (keys.get(b) ?? 0)) || (rank.get(a) ?? 0) - (rank.get(b) ?? 0)
	);
}

/** 1 for each row of a part that fits; undefined where all do. */
function maskOf({ columns, terms }: Part, query: Query): Uint8Array | undefined {
	const tests = [...columnTests(columns, query)];
	const words = query.text === undefined ? [] : queryTokens(query.text);
	if (tests.length === 0 && words.length === 0) return undefined;
	const mask = new Uint8Array(columns.count).fill(1);
	const last = words.length - 1;
	const open = /[\p{L}\p{M}\p{N}]$/u.test(query.text ?? '');
	words.forEach((word, i) => {
		const found = new Uint8Array(columns.count);
		if (!terms) throw new Error('a search before its words were loaded');
		for (const row of i === last && open ? terms.rowsWithPrefix(word) : terms.rowsWith(word)) found[row] = 1;
		for (let row = 0; row < mask.length; row++) mask[row] = (mask[row] ?? 0) & (found[row] ?? 0);
	});
	for (const test of tests)
		for (let row = 0; row < mask.length; row++) if (mask[row] === 1 && !test(row)) mask[row] = 0;
	return mask;
}

function* columnTests(columns: SegmentColumns, query: Query): Generator<(row: number) => boolean> {
	const { kinds, length, corrections, tags } = query;
	if (kinds) {
		const codes = kinds.map((kind) => KINDS.indexOf(kind));
		yield (row) => codes.includes(columns.kinds[row] ?? -1);
	}
	for (const name of ['contributors', 'licences', 'languages', 'sources'] as const) {
		const wanted = query[name];
		if (wanted) yield anyOf(columns[name], wanted);
	}
	if (tags) {
		const codes = codesOf(columns.tags, tags);
		const { ends, codes: all } = columns.tags;
		yield (row) => {
			for (let at = row === 0 ? 0 : (ends[row - 1] ?? 0); at < (ends[row] ?? 0); at++)
				if (codes.has(all[at] ?? -1)) return true;
			return false;
		};
	}
	if (length) {
		const { from = 0, to = Infinity } = length;
		yield (row) => (columns.lengths[row] ?? 0) >= from && (columns.lengths[row] ?? 0) <= to;
	}
	if (corrections !== undefined) yield (row) => (columns.corrections[row] === 1) === corrections;
}

function anyOf(column: Column, wanted: readonly string[]): (row: number) => boolean {
	const codes = codesOf(column, wanted);
	return (row) => codes.has(column.codes[row] ?? -1);
}

function codesOf(column: Column, wanted: readonly string[]): Set<number> {
	const names = new Set(wanted);
	return new Set(column.values.flatMap((value, code) => (names.has(value) ? [code] : [])));
}
