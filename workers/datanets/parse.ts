import { OpenLedgerError } from '../errors.ts';
import {
	contentHash,
	contributionId,
	normalTags,
	type Content,
	type Contribution,
	type Header,
	type Message
} from './contribution.ts';
import { isAddress, isHash } from './hash.ts';
import {
	MAX_LICENCE_LENGTH,
	MAX_MESSAGES,
	MAX_SOURCE_LENGTH,
	MAX_TAGS,
	MAX_TAG_LENGTH,
	MAX_TEXT_LENGTH
} from './limits.ts';

/**
 * From untrusted JSON to a Contribution. Everything is checked: shape, sizes, normal form and both hashes, so that
 * nobody else's record can stand under this id. Throws `datanet/malformed`.
 */
export function parseContribution(value: unknown): Contribution {
	const content = parseContent(record(value).content);
	const header = parseHeader(value);
	if (header.kind !== content.kind || header.contentHash !== contentHash(content))
		refuse('its content does not match its content hash');
	return { ...header, content };
}

/** A header alone, as ancestors travel in a bundle. Throws `datanet/malformed`. */
export function parseHeader(value: unknown): Header & { id: Contribution['id'] } {
	const fields = record(value);
	const { id, kind, contentHash, contributor, parent, parentShare, created } = fields;
	if (!isHash(id)) return refuse('its id is no hash');
	if (kind !== 'pair' && kind !== 'conversation' && kind !== 'passage') return refuse('its kind is unknown');
	if (!isHash(contentHash)) return refuse('its content hash is no hash');
	if (!isAddress(contributor)) return refuse('its contributor is no address');
	if (parent !== null && !isHash(parent)) return refuse('its parent is no hash');
	if (
		typeof parentShare !== 'number' ||
		!Number.isInteger(parentShare) ||
		parentShare < 0 ||
		parentShare > 10_000
	)
		return refuse('its parent share is not between 0 and 10,000');
	if (parent === null && parentShare !== 0) return refuse('it shares credit with no parent');
	if (typeof created !== 'string' || !/^(19[7-9]|20\d)\d-\d\d-\d\dT\d\d:\d\d:\d\dZ$/.test(created))
		return refuse('its time is not in whole seconds of UTC');
	if (Number.isNaN(Date.parse(created))) return refuse('its time does not exist');
	const header: Header = {
		kind,
		contentHash,
		contributor,
		licence: text(fields.licence, MAX_LICENCE_LENGTH, 'licence'),
		source: text(fields.source, MAX_SOURCE_LENGTH, 'source'),
		language: text(fields.language, 64, 'language'),
		tags: parseTags(fields.tags),
		created,
		parent,
		parentShare
	};
	if (contributionId(header) !== id) refuse('its fields do not match its id');
	return { ...header, id };
}

/** Content of a known kind within the limits. Throws `datanet/malformed`. */
export function parseContent(value: unknown): Content {
	const fields = record(value);
	switch (fields.kind) {
		case 'pair': {
			const pair = {
				kind: fields.kind,
				prompt: text(fields.prompt, MAX_TEXT_LENGTH, 'prompt'),
				response: text(fields.response, MAX_TEXT_LENGTH, 'response')
			};
			exactly(fields, ['kind', 'prompt', 'response', 'system']);
			return fields.system === undefined
				? pair
				: { ...pair, system: filled(text(fields.system, MAX_TEXT_LENGTH, 'system prompt'), 'system prompt') };
		}
		case 'conversation':
			exactly(fields, ['kind', 'messages']);
			return { kind: fields.kind, messages: parseMessages(fields.messages) };
		case 'passage': {
			const passage = { kind: fields.kind, text: text(fields.text, MAX_TEXT_LENGTH, 'text') };
			exactly(fields, ['kind', 'text', 'title']);
			return fields.title === undefined
				? passage
				: { ...passage, title: filled(text(fields.title, MAX_SOURCE_LENGTH, 'title'), 'title') };
		}
		default:
			return refuse('its kind is unknown');
	}
}

function parseMessages(value: unknown): Message[] {
	if (!Array.isArray(value)) return refuse('its messages are no list');
	if (value.length > MAX_MESSAGES) refuse(`it has more than ${MAX_MESSAGES} messages`);
	let length = 0;
	return value.map((entry: unknown) => {
		const message = record(entry);
		exactly(message, ['role', 'content']);
		const { role } = message;
		if (role !== 'system' && role !== 'user' && role !== 'assistant' && role !== 'tool')
			return refuse('a message has an unknown role');
		const content = text(message.content, MAX_TEXT_LENGTH, 'message');
		length += content.length;
		if (length > MAX_TEXT_LENGTH) refuse('its conversation is too long');
		return { role, content };
	});
}

function parseTags(value: unknown): string[] {
	if (!Array.isArray(value) || value.length > MAX_TAGS) return refuse(`it has more than ${MAX_TAGS} tags`);
	const tags = value.map((tag: unknown) => text(tag, MAX_TAG_LENGTH, 'tag'));
	const normal = normalTags(tags);
	if (normal.length !== tags.length || normal.some((tag, i) => tag !== tags[i]))
		refuse('its tags are not distinct and sorted');
	return tags;
}

function record(value: unknown): Record<string, unknown> {
	if (typeof value !== 'object' || value === null || Array.isArray(value)) return refuse('it is no record');
	return value as Record<string, unknown>;
}

function exactly(fields: Record<string, unknown>, known: string[]): void {
	if (Object.keys(fields).some((name) => !known.includes(name))) refuse('it has fields of no known meaning');
}

function filled(value: string, name: string): string {
	return value === '' ? refuse(`its ${name} is empty and should be absent`) : value;
}

function text(value: unknown, longest: number, name: string): string {
	if (typeof value !== 'string') return refuse(`its ${name} is no text`);
	if (value.length > longest) refuse(`its ${name} is longer than ${longest.toLocaleString('en')} characters`);
	if (!value.isWellFormed()) refuse(`its ${name} is broken Unicode`);
	return value;
}

function refuse(reason: string): never {
	throw new OpenLedgerError('datanet/malformed', `A row cannot be read: ${reason}.`, {
		remedy: 'Ask the sender for a fresh file.',
		details: { reason }
	});
}
