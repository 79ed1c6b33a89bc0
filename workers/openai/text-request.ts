import { field, Fields, invalid, type Call } from './call.ts';

/** OpenAI's own for this call. */
const DEFAULT_NEW_TOKENS = 16;
const MOST_LIKELIEST = 5;
const MOST_PROMPTS = 16;

/** These would change the answer and cannot be honoured. */
const unsupported: Record<string, (value: unknown) => boolean> = {
	echo: (value) => value === true,
	suffix: (value) => value !== '',
	best_of: (value) => value !== 1,
	response_format: (value) => field(value, 'type') !== 'text'
};

/**
 * Reads the body of a completion of text (platform.openai.com/docs/api-reference/completions/create): every prompt is read as it stands,
 * without the model's template.
 * @throws ApiError 400 that names the field
 */
export function readTextCall(body: unknown): Call {
	const fields = new Fields(body, unsupported);
	const value = fields.get('prompt');
	const prompts: unknown[] = Array.isArray(value) ? value : [value];
	const texts = prompts.filter((prompt) => typeof prompt === 'string').filter((prompt) => prompt !== '');
	if (texts.length === 0 || texts.length < prompts.length || texts.length > MOST_PROMPTS)
		throw invalid('prompt', `must be a text or a list of at most ${MOST_PROMPTS} texts, none of them empty`);
	const logProbs =
		fields.get('logprobs') === undefined ? undefined : fields.integer('logprobs', 0, 0, MOST_LIKELIEST);
	return fields.call(
		texts.map((prompt) => ({ messages: [], prompt, logProbs })),
		['max_tokens', DEFAULT_NEW_TOKENS]
	);
}
