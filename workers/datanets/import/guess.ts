import { isRecord } from '../formats/items.ts';
import type { Mapping } from './mapping.ts';
import { messagesOf } from './messages.ts';

/** A mapping that fits the columns, and the name of the layout it was recognised by. */
export interface Guess {
	layout: 'OpenAI chat' | 'ShareGPT' | 'Alpaca' | 'Prompt and response' | 'Passages' | 'Unknown';
	mapping: Mapping;
}

const PROMPT = ['prompt', 'question', 'query', 'instruction', 'input', 'user', 'term', 'problem'];
const RESPONSE = [
	'response',
	'answer',
	'completion',
	'output',
	'reply',
	'assistant',
	'chosen',
	'definition',
	'solution'
];
const SYSTEM = ['system', 'system_prompt'];
const MESSAGES = ['messages', 'conversations', 'conversation', 'dialog', 'chat'];
const TEXT = ['text', 'passage', 'content', 'body', 'paragraph', 'context', 'document', 'story'];
const TITLE = ['title', 'heading', 'section'];
const EXTRAS = {
	source: ['source', 'url', 'reference', 'citation', 'provenance'],
	language: ['language', 'lang', 'locale'],
	licence: ['licence', 'license'],
	tags: ['tags', 'labels', 'topics', 'keywords', 'category'],
	created: ['created', 'created_at', 'date', 'timestamp']
} as const;

/**
 * The mapping for one of several files: the one given for all where the file has a column of it that carries content,
 * else what its own columns say. So a folder may hold tables of several layouts, and documents among them.
 */
export function mappingOf(records: readonly Record<string, unknown>[], given: Mapping): Mapping {
	const columns = [...new Set(records.flatMap((record) => Object.keys(record)))];
	const { prompt = [], response, messages, text } = given;
	if (
		columns.length === 0 ||
		[...prompt, response, messages, text].some((name) => columns.includes(name ?? ''))
	)
		return given;
	const { layout, mapping } = guessMapping(columns, records);
	return layout === 'Unknown' ? given : mapping;
}

/** Recognises the usual layouts by their column names and a few records. */
export function guessMapping(columns: readonly string[], sample: readonly Record<string, unknown>[]): Guess {
	const find = (names: readonly string[]) => {
		const column = names
			.map((name) => columns.find((candidate) => candidate.trim().toLowerCase() === name))
			.find((match) => match !== undefined);
		return column;
	};
	const extras: Partial<Mapping> = {};
	for (const [field, names] of Object.entries(EXTRAS)) {
		const column = find(names);
		if (column !== undefined) extras[field as keyof typeof EXTRAS] = column;
	}
	const system = find(SYSTEM);
	const messages = columns.find(
		(column) =>
			(MESSAGES.includes(column.toLowerCase()) ||
				sample.some((record) => isRecord((record[column] as unknown[])?.[0]))) &&
			sample.some((record) => typeof messagesOf(record[column]) !== 'string')
	);
	if (messages !== undefined) {
		const shareGpt = sample.some((record) => JSON.stringify(record[messages] ?? '').includes('from'));
		return {
			layout: shareGpt && messages.toLowerCase() === 'conversations' ? 'ShareGPT' : 'OpenAI chat',
			mapping: withSystem({ kind: 'conversation', messages, ...extras }, system)
		};
	}
	const instruction = find(['instruction']);
	const output = find(['output', 'response', 'completion']);
	if (instruction !== undefined && output !== undefined) {
		const input = find(['input', 'context']);
		const prompt = input === undefined ? [instruction] : [instruction, input];
		return {
			layout: 'Alpaca',
			mapping: withSystem({ kind: 'pair', prompt, response: output, ...extras }, system)
		};
	}
	const response = find(RESPONSE);
	const prompt = find(PROMPT.filter((name) => name !== response?.toLowerCase()));
	if (prompt !== undefined && response !== undefined)
		return {
			layout: 'Prompt and response',
			mapping: withSystem({ kind: 'pair', prompt: [prompt], response, ...extras }, system)
		};
	const text = find(TEXT);
	if (text !== undefined) {
		const title = find(TITLE);
		const mapping: Mapping = { kind: 'passage', text, ...extras };
		return { layout: 'Passages', mapping: title === undefined ? mapping : { ...mapping, title } };
	}
	return { layout: 'Unknown', mapping: unknownLayout(columns, extras) };
}

/** Two columns are most likely a question and its answer; otherwise the first holds passages. */
function unknownLayout(columns: readonly string[], extras: Partial<Mapping>): Mapping {
	const used = new Set(Object.values(extras).flat());
	const [first, second] = columns.filter((column) => !used.has(column));
	if (first === undefined) return { kind: 'passage', ...extras };
	if (second === undefined) return { kind: 'passage', text: first, ...extras };
	return { kind: 'pair', prompt: [first], response: second, ...extras };
}

function withSystem(mapping: Mapping, system: string | undefined): Mapping {
	return system === undefined ? mapping : { ...mapping, system };
}
