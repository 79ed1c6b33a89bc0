import type { Content, Contribution } from './contribution.ts';
import { isRecord } from './formats/items.ts';
import { parseContribution } from './parse.ts';

/**
 * A contribution as one flat record, for JSON Lines, CSV and Parquet: content and header side by side, so that other
 * tools find `prompt`, `response`, `messages` or `text` where they look for them, and nothing is lost on the way back.
 */
export const FLAT_COLUMNS = [
	'id',
	'kind',
	'prompt',
	'response',
	'system',
	'messages',
	'title',
	'text',
	'contributor',
	'licence',
	'source',
	'language',
	'tags',
	'created',
	'parent',
	'parentShare',
	'contentHash'
] as const;

export type FlatColumn = (typeof FLAT_COLUMNS)[number];

/** Only what the row has: an absent title is absent. */
export function toFlat(row: Contribution): Partial<Record<FlatColumn, unknown>> {
	const { content, ...header } = row;
	return { ...content, ...header };
}

/** Lists become JSON text and everything else text, as a table's cells hold it. */
export function toCells(row: Contribution): (string | undefined)[] {
	const flat = toFlat(row);
	return FLAT_COLUMNS.map((column) => {
		const value = flat[column];
		if (value === undefined || value === null) return undefined;
		return typeof value === 'string' ? value : JSON.stringify(value);
	});
}

/** True where a table's columns are ours: its rows keep their identity. */
export function isFlat(columns: readonly string[]): boolean {
	return ['id', 'kind', 'contributor', 'contentHash', 'parentShare'].every((column) =>
		columns.includes(column)
	);
}

/** The contribution of a flat record, verified. Throws `datanet/malformed`. */
export function fromFlat(record: Record<string, unknown>): Contribution {
	const { kind, parent, parentShare, tags } = record;
	return parseContribution({
		...record,
		content: contentOf(record),
		kind,
		parent: parent === '' || parent === undefined ? null : parent,
		parentShare: typeof parentShare === 'string' ? Number(parentShare) : parentShare,
		tags: listOf(tags)
	});
}

function contentOf(record: Record<string, unknown>): unknown {
	const { kind, prompt, response, system, messages, title, text } = record;
	switch (kind as Content['kind']) {
		case 'pair':
			return present(system) ? { kind, prompt, response, system } : { kind, prompt, response };
		case 'conversation':
			return { kind, messages: listOf(messages) };
		case 'passage':
			return present(title) ? { kind, text, title } : { kind, text };
		default:
			return undefined;
	}
}

function present(value: unknown): boolean {
	return value !== undefined && value !== null && value !== '';
}

/** A list, or JSON text of one; Parquet readers may give structs with more than their own fields. */
function listOf(value: unknown): unknown {
	if (typeof value !== 'string') return value;
	try {
		const list: unknown = JSON.parse(value);
		return Array.isArray(list) || isRecord(list) ? list : undefined;
	} catch {
		return undefined;
	}
}
