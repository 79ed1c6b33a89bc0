/**
 * One record of a file, or why it could not be read. `at` is where a person finds it: the line in a text file, the
 * record's number elsewhere; both count from 1.
 */
export type Item = { at: number; record: Record<string, unknown> } | { at: number; problem: string };

/** Records come in groups, so that awaiting them costs nothing for each. */
export type Items = AsyncIterable<Item[]>;

/** Records to a group. */
export const GROUP = 500;

/** Longest line, cell or JSON element that is looked at, in UTF-16 units; a row's own limit is far below. */
export const LONGEST_RECORD = 8_000_000;

export function isRecord(value: unknown): value is Record<string, unknown> {
	return typeof value === 'object' && value !== null && !Array.isArray(value);
}
