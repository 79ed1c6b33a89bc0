import { keccak_256 } from '@noble/hashes/sha3.js';
import type { Content, Kind } from '../contribution.ts';
import { toHex } from '../hash.ts';
import { MAX_MESSAGES, MAX_SOURCE_LENGTH, MAX_TAG_LENGTH, MAX_TAGS, MAX_TEXT_LENGTH } from '../limits.ts';
import { messagesOf } from './messages.ts';

/** Which column becomes what. Columns that are not named stay out. */
export interface Mapping {
	kind: Kind;
	/** Joined by a blank line where several (Alpaca's instruction and input). */
	prompt?: string[];
	response?: string;
	system?: string;
	messages?: string;
	text?: string;
	title?: string;
	source?: string;
	language?: string;
	licence?: string;
	tags?: string;
	created?: string;
}

/** What rows get where no column says it. */
export interface Defaults {
	licence: string;
	source: string;
	language: string;
	tags: string[];
}

/** A row before it has a contributor and an identity. */
export interface Mapped {
	content: Content;
	licence: string;
	source: string;
	language: string;
	tags: string[];
	created?: string;
}

/** Applies a mapping to one record; a string is why the record is no row. */
export function mapRecord(
	record: Record<string, unknown>,
	mapping: Mapping,
	defaults: Defaults
): Mapped | string {
	const cell = (column: string | undefined) => (column === undefined ? '' : textOf(record[column]));
	const content = contentOf(record, mapping, cell);
	if (typeof content === 'string') return content;
	const source = cell(mapping.source) || defaults.source;
	if (source.length > MAX_SOURCE_LENGTH) return 'its source is too long';
	const tags =
		mapping.tags === undefined ? defaults.tags : [...defaults.tags, ...tagsOf(record[mapping.tags])];
	if (tags.length > MAX_TAGS) return `it has more than ${MAX_TAGS} tags`;
	if (tags.some((tag) => tag.length > MAX_TAG_LENGTH)) return 'one of its tags is too long';
	const row: Mapped = {
		content,
		source,
		tags,
		licence: cell(mapping.licence) || defaults.licence,
		language: cell(mapping.language) || defaults.language
	};
	const created = cell(mapping.created);
	return isTime(created) ? { ...row, created } : row;
}

/** A date that a row can have; anything else in the column is passed over. */
function isTime(text: string): boolean {
	const year = text === '' ? NaN : new Date(text).getUTCFullYear();
	return year >= 1970 && year < 2100;
}

function contentOf(
	record: Record<string, unknown>,
	mapping: Mapping,
	cell: (column: string | undefined) => string
): Content | string {
	switch (mapping.kind) {
		case 'pair': {
			const prompt = (mapping.prompt ?? []).map(cell).filter(Boolean).join('\n\n');
			const response = cell(mapping.response);
			const system = cell(mapping.system);
			if (prompt.trim() === '' && response.trim() === '') return 'prompt and response are empty';
			if (
				prompt.length > MAX_TEXT_LENGTH ||
				response.length > MAX_TEXT_LENGTH ||
				system.length > MAX_TEXT_LENGTH
			)
				return tooLong;
			return system ? { kind: 'pair', prompt, response, system } : { kind: 'pair', prompt, response };
		}
		case 'conversation': {
			const messages = messagesOf(mapping.messages === undefined ? undefined : record[mapping.messages]);
			if (typeof messages === 'string') return messages;
			if (messages.length > MAX_MESSAGES) return `it has more than ${MAX_MESSAGES} messages`;
			if (messages.reduce((sum, message) => sum + message.content.length, 0) > MAX_TEXT_LENGTH)
				return tooLong;
			const system = cell(mapping.system);
			return {
				kind: 'conversation',
				messages: system ? [{ role: 'system', content: system }, ...messages] : messages
			};
		}
		case 'passage': {
			const text = cell(mapping.text);
			const title = cell(mapping.title);
			if (text.trim() === '') return 'its text is empty';
			if (text.length > MAX_TEXT_LENGTH || title.length > MAX_SOURCE_LENGTH) return tooLong;
			return title ? { kind: 'passage', text, title } : { kind: 'passage', text };
		}
	}
}

const tooLong = `it is longer than ${MAX_TEXT_LENGTH.toLocaleString('en')} characters; cut it into passages`;

function textOf(value: unknown): string {
	if (typeof value === 'string') return value;
	if (typeof value === 'number' || typeof value === 'boolean') return String(value);
	if (value === null || value === undefined) return '';
	return JSON.stringify(value);
}

/** A list, or text cut at commas, semicolons or bars. */
function tagsOf(value: unknown): string[] {
	const tags = Array.isArray(value) ? value.map(textOf) : textOf(value).split(/[,;|]/);
	return tags.map((tag) => tag.trim()).filter(Boolean);
}

/** Names the columns of a table, whatever their order, so that its mapping can be remembered. */
export function signatureOf(columns: readonly string[]): string {
	return toHex(keccak_256(new TextEncoder().encode(JSON.stringify(columns.toSorted())))).slice(2, 34);
}
