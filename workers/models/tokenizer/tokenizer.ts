import { Tokenizer as LibraryTokenizer } from '@huggingface/tokenizers';
import { OpenLedgerError } from '#workers/errors.ts';
import type { ChatMessage } from '#workers/protocol.ts';
import { ChatTemplate, type ChatTemplateOptions } from './chat-template.ts';
import { checkTokenizer, isObject } from './check-tokenizer.ts';

/** Files of a model in the Hugging Face layout, as bytes. Only the first is needed. */
export interface TokenizerFiles {
	'tokenizer.json': Uint8Array;
	'tokenizer_config.json'?: Uint8Array;
	'generation_config.json'?: Uint8Array;
	'config.json'?: Uint8Array;
	'chat_template.jinja'?: Uint8Array;
}

export interface Tokenizer {
	/** One more than the largest token id. Logits may be wider (padding), never narrower. */
	readonly vocabSize: number;
	/** Characters of the longest token: a text of more than so many times `n` has more than `n` tokens. */
	readonly longestToken: number;
	/** Tokens that end a reply. */
	readonly eosIds: readonly number[];
	/** False: the model was not made for conversations; `applyChatTemplate` then writes them as plain text. */
	readonly hasChatTemplate: boolean;
	/**
	 * Token ids of a text. Special tokens in it (`<|im_end|>`) become their ids.
	 * @param special add what the model expects around a text (such as a beginning-of-text token); a rendered chat
	 *   template has it already
	 */
	encode(text: string, options?: { special?: boolean }): number[];
	/** Text of token ids, without the special ones unless asked for. Broken UTF-8 becomes U+FFFD. */
	decode(ids: readonly number[], options?: { special?: boolean }): string;
	/** A conversation as the text that the model was trained to see. Throws `prompt/refused`. */
	applyChatTemplate(messages: readonly ChatMessage[], options: ChatTemplateOptions): string;
}

/**
 * Reads a model's tokenizer and chat template.
 * @throws OpenLedgerError `tokenizer/malformed`
 */
export function createTokenizer(files: TokenizerFiles): Tokenizer {
	const config = readObject(files, 'tokenizer_config.json');
	const library = readLibrary(files['tokenizer.json'], config);
	const vocabulary = library.model?.vocab ?? [];
	const source = templateSource(files, config);
	const template = source === undefined ? undefined : new ChatTemplate(source, specialTokens(config));
	return {
		vocabSize: vocabulary.length,
		// As the vocabulary writes them, which is never shorter than what they stand for.
		longestToken: vocabulary.reduce((most, token) => Math.max(most, token?.length ?? 0), 1),
		eosIds: endIds(files, config, library),
		hasChatTemplate: template !== undefined,
		encode(text, { special = false } = {}) {
			// A vocabulary without bytes and without an unknown token has no id for some characters.
			const { ids } = library.encode(text, { add_special_tokens: special });
			return ids.filter((id) => id !== undefined);
		},
		decode(ids, { special = false } = {}) {
			// Logits are often padded beyond the vocabulary.
			const known = ids.filter((id) => vocabulary[id] !== undefined);
			if (known.length === 0) return '';
			// Without the clean-up of spaces, so that decoding undoes encoding exactly.
			return library.decode(known, { skip_special_tokens: !special, clean_up_tokenization_spaces: false });
		},
		applyChatTemplate: (messages, options) => template?.render(messages, options) ?? plainText(messages)
	};
}

/**
 * Checks that every token has a row in the model's logits.
 * @param logitsSize vocabulary size of the model
 * @throws OpenLedgerError `tokenizer/mismatch`
 */
export function requireTokenizerFits({ vocabSize, eosIds }: Tokenizer, logitsSize: number): void {
	if (vocabSize <= logitsSize && eosIds.every((id) => id < logitsSize)) return;
	throw new OpenLedgerError('tokenizer/mismatch', 'The tokenizer belongs to another model.', {
		remedy: 'Take tokenizer.json from the same repository and revision as the model.',
		details: { tokens: vocabSize, logits: logitsSize }
	});
}

function readLibrary(bytes: Uint8Array, config: Record<string, unknown>): LibraryTokenizer {
	try {
		const json = checkTokenizer(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
		const library = new LibraryTokenizer(json, config);
		// Parts that fail only when used.
		library.decode(library.encode('A b, 1\n').ids.concat(0));
		return library;
	} catch (error) {
		throw malformed('tokenizer.json', error);
	}
}

type Name = Exclude<keyof TokenizerFiles, 'tokenizer.json' | 'chat_template.jinja'>;

function readObject(files: TokenizerFiles, name: Name): Record<string, unknown> {
	const bytes = files[name];
	if (!bytes) return {};
	try {
		const json: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
		if (!isObject(json)) throw new Error('it is not an object');
		return json;
	} catch (error) {
		throw malformed(name, error);
	}
}

/** A file of its own, else in the configuration: one, or several by name. */
function templateSource(files: TokenizerFiles, config: Record<string, unknown>): string | undefined {
	if (files['chat_template.jinja']) return new TextDecoder().decode(files['chat_template.jinja']);
	const inside = config.chat_template;
	if (typeof inside === 'string') return inside;
	if (!Array.isArray(inside)) return undefined;
	const named = inside.filter(isObject).find(({ name }) => name === 'default');
	return typeof named?.template === 'string' ? named.template : undefined;
}

/** `bos_token`, `eos_token`, …: a text, or an object with one. */
function specialTokens(config: Record<string, unknown>): Record<string, string> {
	const tokens: Record<string, string> = {};
	for (const name of ['bos_token', 'eos_token', 'unk_token', 'pad_token']) {
		const token = isObject(config[name]) ? config[name].content : config[name];
		if (typeof token === 'string') tokens[name] = token;
	}
	return tokens;
}

function endIds(files: TokenizerFiles, config: Record<string, unknown>, library: LibraryTokenizer): number[] {
	const sources = [readObject(files, 'generation_config.json'), readObject(files, 'config.json')];
	const stated = sources.flatMap(({ eos_token_id: ids }) => ids);
	const named = specialTokens(config).eos_token;
	const ids = [...stated, named === undefined ? undefined : library.token_to_id(named)];
	const isId = (id: unknown): id is number => typeof id === 'number' && Number.isInteger(id) && id >= 0;
	return [...new Set(ids.filter(isId))];
}

function plainText(messages: readonly ChatMessage[]): string {
	return messages.map(({ content }) => `${content}\n`).join('');
}

function malformed(file: string, cause: unknown): OpenLedgerError {
	const reason = cause instanceof Error ? cause.message : String(cause);
	return new OpenLedgerError('tokenizer/malformed', `${file} cannot be used: ${reason.slice(0, 200)}.`, {
		remedy: 'Download or import the model again; if it fails again, use another model.',
		details: { file },
		cause
	});
}
