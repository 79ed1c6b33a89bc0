import { isSafePattern } from './safe-pattern.ts';

/** What a tokenizer.json from outside may hold. Gemma's, the largest in use: 262,144 tokens, 32 MB. */
const limits = { characters: 64 * 2 ** 20, tokens: 2 ** 20, addedTokens: 2 ** 16, depth: 24 };

type Json = Record<string, unknown>;

/**
 * Parses a tokenizer.json and checks what the library takes on trust: ids, counts, nesting, and patterns that could
 * run for ever.
 * @throws Error with the reason
 */
export function checkTokenizer(text: string): Json {
	if (text.length > limits.characters) throw new Error('it is larger than 64 MB');
	const json: unknown = JSON.parse(text);
	if (!isObject(json) || !isObject(json.model)) throw new Error('it has no model');
	const { model } = json;
	if (model.type === undefined && !Array.isArray(model.merges)) throw new Error('its model has no type');
	checkVocabulary(model.vocab);
	if (model.merges !== undefined) checkMerges(model.merges);
	const added = json.added_tokens ?? [];
	if (!Array.isArray(added) || added.length > limits.addedTokens)
		throw new Error('its added tokens are not a list');
	for (const token of added)
		if (!isObject(token) || typeof token.content !== 'string' || !isId(token.id))
			throw new Error('an added token has no text or no valid id');
	for (const part of ['normalizer', 'pre_tokenizer', 'post_processor', 'decoder']) {
		if (json[part] !== null && json[part] !== undefined && !isObject(json[part]))
			throw new Error(`its ${part} is not an object`);
		checkPatterns(json[part], 0);
	}
	return {
		normalizer: null,
		pre_tokenizer: null,
		post_processor: null,
		decoder: null,
		...json,
		added_tokens: added
	};
}

/** BPE and WordPiece: token → id. Unigram: a list of [token, score]. */
function checkVocabulary(vocabulary: unknown): void {
	if (Array.isArray(vocabulary)) {
		if (vocabulary.length > limits.tokens) throw new Error('it has too many tokens');
		for (const entry of vocabulary)
			if (!Array.isArray(entry) || typeof entry[0] !== 'string' || typeof entry[1] !== 'number')
				throw new Error('a token has no text or no score');
		return;
	}
	if (!isObject(vocabulary)) throw new Error('it has no vocabulary');
	const ids = Object.values(vocabulary);
	if (ids.length === 0) throw new Error('its vocabulary is empty');
	if (!ids.every(isId)) throw new Error('a token has no valid id');
	if (new Set(ids).size !== ids.length) throw new Error('two tokens have the same id');
}

/** `"a b"` or `["a", "b"]`. */
function checkMerges(merges: unknown): void {
	if (!Array.isArray(merges) || merges.length > 2 * limits.tokens)
		throw new Error('its merges are not a list');
	for (const merge of merges) {
		const parts: unknown = typeof merge === 'string' ? merge.split(' ') : merge;
		if (
			!Array.isArray(parts) ||
			parts.length !== 2 ||
			!parts.every((part) => typeof part === 'string' && part !== '')
		)
			throw new Error('a merge is not a pair');
	}
}

function checkPatterns(value: unknown, depth: number): void {
	if (depth > limits.depth) throw new Error('its parts are nested too deeply');
	if (typeof value !== 'object' || value === null) return;
	for (const [key, inner] of Object.entries(value)) {
		if (key === 'Regex' && !(typeof inner === 'string' && isSafePattern(inner)))
			throw new Error('a pattern is not valid or could run for ever');
		checkPatterns(inner, depth + 1);
	}
}

function isId(value: unknown): boolean {
	return typeof value === 'number' && Number.isInteger(value) && value >= 0 && value < limits.tokens;
}

export function isObject(value: unknown): value is Json {
	return typeof value === 'object' && value !== null && !Array.isArray(value);
}
