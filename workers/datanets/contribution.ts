import { hashJson, type Hex } from './hash.ts';

/** What a contribution teaches. Whatever its kind, all of it is text; `system` and `title` are absent when empty. */
export type Content =
	| { kind: 'pair'; prompt: string; response: string; system?: string }
	| { kind: 'conversation'; messages: Message[] }
	| { kind: 'passage'; text: string; title?: string };

export type Kind = Content['kind'];

export interface Message {
	role: 'system' | 'user' | 'assistant' | 'tool';
	content: string;
}

/**
 * Everything that is signed, except that the content stands in it as its hash: so a row's origin can be shown and
 * checked where its content must not be.
 */
export interface Header {
	kind: Kind;
	/** keccak256 of the canonical JSON of the content. Equal content has equal hash, whoever gave it. */
	contentHash: Hex;
	/** Address of the wallet or of the local key that signs, lower case. */
	contributor: Hex;
	/** SPDX licence expression, or the licence's text. Empty: none stated. */
	licence: string;
	/** Where it comes from: a citation, a URL, a file name. */
	source: string;
	/** BCP 47 tag; empty when not stated. */
	language: string;
	/** Distinct, ascending by UTF-16 units. */
	tags: string[];
	/** ISO 8601, UTC, whole seconds: `2026-03-01T12:00:00Z`. */
	created: string;
	/** Id of the contribution that this one corrects. */
	parent: Hex | null;
	/** Basis points (0 to 10,000) of this row's credit that go to the parent's contributors. 0 without a parent. */
	parentShare: number;
}

/** One immutable record. Editing makes another one with this one as its parent. */
export interface Contribution extends Header {
	/** keccak256 of the canonical JSON of the header: the record's identity. */
	id: Hex;
	content: Content;
}

/** What a person or an importer states; the rest follows from it. */
export type ContributionInput = Omit<Header, 'kind' | 'contentHash' | 'created'> & {
	content: Content;
	created: Date | string;
};

export function contentHash(content: Content): Hex {
	return hashJson(content);
}

/** Identity of a record. The version number guards against a later form with other fields colliding with this one. */
export function contributionId(header: Header): Hex {
	return hashJson({
		version: 1,
		kind: header.kind,
		contentHash: header.contentHash,
		contributor: header.contributor,
		licence: header.licence,
		source: header.source,
		language: header.language,
		tags: header.tags,
		created: header.created,
		parent: header.parent,
		parentShare: header.parentShare
	});
}

/**
 * Brings what was stated into its one normal form (well-formed UTF-16, no empty optional fields, sorted tags, whole
 * seconds) and gives it its identity. Does not judge it: see `parseContribution` for what comes from outside.
 */
export function makeContribution(input: ContributionInput): Contribution {
	const content = normalContent(input.content);
	const header: Header = {
		kind: content.kind,
		contentHash: contentHash(content),
		contributor: input.contributor.toLowerCase() as Hex,
		licence: input.licence.trim().toWellFormed(),
		source: input.source.trim().toWellFormed(),
		language: input.language.trim().toWellFormed(),
		tags: normalTags(input.tags),
		created: wholeSeconds(input.created),
		parent: input.parent,
		parentShare: input.parent === null ? 0 : input.parentShare
	};
	return { ...header, id: contributionId(header), content };
}

/** A correction: a new record that names the old one. `share` is the part of the credit the old one keeps. */
export function correct(
	parent: Contribution,
	change: Partial<Pick<Contribution, 'content' | 'licence' | 'source' | 'language' | 'tags'>>,
	by: { contributor: Hex; created: Date | string; parentShare: number }
): Contribution {
	return makeContribution({ ...parent, ...change, ...by, parent: parent.id });
}

/** The signed fields alone, without content and whatever else a record carries. */
export function headerOf(record: Header & { id: Hex }): Header & { id: Hex } {
	const {
		id,
		kind,
		contentHash,
		contributor,
		licence,
		source,
		language,
		tags,
		created,
		parent,
		parentShare
	} = record;
	return {
		id,
		kind,
		contentHash,
		contributor,
		licence,
		source,
		language,
		tags,
		created,
		parent,
		parentShare
	};
}

/** All text of a content, for length, language and search; parts are separated by a blank line. */
export function textOf(content: Content): string {
	switch (content.kind) {
		case 'pair':
			return [content.system, content.prompt, content.response].filter(Boolean).join('\n\n');
		case 'conversation':
			return content.messages.map((message) => message.content).join('\n\n');
		case 'passage':
			return [content.title, content.text].filter(Boolean).join('\n\n');
	}
}

export function normalTags(tags: readonly string[]): string[] {
	return [...new Set(tags.map((tag) => tag.trim().toWellFormed()).filter(Boolean))].sort();
}

function normalContent(content: Content): Content {
	switch (content.kind) {
		case 'pair': {
			const pair = {
				kind: content.kind,
				prompt: content.prompt.toWellFormed(),
				response: content.response.toWellFormed()
			};
			return content.system ? { ...pair, system: content.system.toWellFormed() } : pair;
		}
		case 'conversation':
			return {
				kind: content.kind,
				messages: content.messages.map(({ role, content: text }) => ({ role, content: text.toWellFormed() }))
			};
		case 'passage': {
			const passage = { kind: content.kind, text: content.text.toWellFormed() };
			return content.title ? { ...passage, title: content.title.toWellFormed() } : passage;
		}
	}
}

function wholeSeconds(time: Date | string): string {
	return `${new Date(time).toISOString().slice(0, 19)}Z`;
}
