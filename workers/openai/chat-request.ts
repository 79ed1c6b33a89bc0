import type { ChatMessage, GenerateRequest } from '#workers/protocol.ts';
import { ApiError } from './error.ts';

/** One call of `POST /v1/chat/completions`, as the engine understands it. */
export interface ChatCall {
	/** As the caller names it. */
	model: string;
	generate: Pick<GenerateRequest, 'messages' | 'sampling' | 'maxNewTokens' | 'stop'>;
	/** Replies asked for. */
	n: number;
	stream: boolean;
	includeUsage: boolean;
}

/** Most replies to one call, and most stop strings: OpenAI's own limits where it has one. */
const LIMITS = { n: 16, stop: 4 };
/** What a caller who names none gets, as far as the context allows. */
const DEFAULT_NEW_TOKENS = 1024;

/** These would change the reply and cannot be honoured, so that leaving them out would be a lie. */
const unsupported: Record<string, (value: unknown) => boolean> = {
	tools: (value) => Array.isArray(value) && value.length > 0,
	functions: (value) => Array.isArray(value) && value.length > 0,
	logprobs: (value) => value === true,
	logit_bias: (value) => typeof value === 'object' && value !== null && Object.keys(value).length > 0,
	frequency_penalty: (value) => value !== 0,
	presence_penalty: (value) => value !== 0,
	audio: () => true,
	prediction: () => true,
	web_search_options: () => true,
	response_format: (value) => field(value, 'type') !== 'text',
	modalities: (value) => !(Array.isArray(value) && value.every((kind) => kind === 'text'))
};

/**
 * Reads the body of a chat completion (platform.openai.com/docs/api-reference/chat/create). Fields without an effect on
 * the reply are ignored; `null` is as good as absent. `top_k`, `min_p` and `repetition_penalty` are taken as other local
 * servers take them.
 * @throws ApiError 400 that names the field
 */
export function readChatCall(body: unknown): ChatCall {
	if (typeof body !== 'object' || body === null || Array.isArray(body))
		throw new ApiError(400, 'The body of the request is not a JSON object.');
	const fields = body as Record<string, unknown>;
	for (const [param, asks] of Object.entries(unsupported)) {
		const value = fields[param] ?? undefined;
		if (value !== undefined && asks(value))
			throw new ApiError(400, `'${param}' is not supported by the models on this device.`, {
				code: 'unsupported_parameter',
				param
			});
	}
	const number = (param: string, fallback: number, low: number, high: number): number => {
		const value = fields[param] ?? fallback;
		if (typeof value === 'number' && value >= low && value <= high) return value;
		throw invalid(param, `must be a number from ${low} to ${high}`);
	};
	const integer = (param: string, fallback: number, low: number, high: number): number => {
		const value = number(param, fallback, low, high);
		if (!Number.isInteger(value)) throw invalid(param, 'must be an integer');
		return value;
	};
	const flag = (param: string): boolean => {
		const value = fields[param] ?? false;
		if (typeof value === 'boolean') return value;
		throw invalid(param, 'must be true or false');
	};
	const newTokens = fields.max_completion_tokens == null ? 'max_tokens' : 'max_completion_tokens';
	const most = Number.MAX_SAFE_INTEGER;
	const seed = fields.seed == null ? undefined : integer('seed', 0, -most, most);
	const includeUsage = field(fields.stream_options, 'include_usage') === true;
	if (typeof fields.model !== 'string' || fields.model === '')
		throw invalid('model', 'must name a model; GET /v1/models lists them');
	return {
		model: fields.model,
		generate: {
			messages: readMessages(fields.messages),
			sampling: {
				temperature: number('temperature', 1, 0, 2),
				topK: integer('top_k', 0, 0, 1000),
				topP: number('top_p', 1, 0, 1),
				minP: number('min_p', 0, 0, 1),
				repetitionPenalty: number('repetition_penalty', 1, 0.1, 10),
				...(seed !== undefined && { seed: seed >>> 0 })
			},
			maxNewTokens: integer(newTokens, DEFAULT_NEW_TOKENS, 1, most),
			stop: readStop(fields.stop)
		},
		n: integer('n', 1, 1, LIMITS.n),
		stream: flag('stream'),
		includeUsage
	};
}

function readMessages(value: unknown): ChatMessage[] {
	if (!Array.isArray(value) || value.length === 0) throw invalid('messages', 'must be a list of messages');
	const messages = value.map((message: unknown, index): ChatMessage => {
		const at = `messages[${index}]`;
		const role = field(message, 'role') === 'developer' ? 'system' : field(message, 'role');
		if (role !== 'system' && role !== 'user' && role !== 'assistant')
			throw invalid(`${at}.role`, "must be 'system', 'developer', 'user' or 'assistant'");
		return { role, content: readContent(field(message, 'content'), `${at}.content`) };
	});
	if (!messages.some(({ role }) => role === 'user'))
		throw invalid('messages', 'must hold a message of the user');
	return messages;
}

/** Text, or a list of parts that are all text. */
function readContent(value: unknown, at: string): string {
	if (typeof value === 'string') return value;
	if (!Array.isArray(value)) throw invalid(at, 'must be text');
	return value
		.map((part: unknown, index) => {
			const text = field(part, 'type') === 'text' ? field(part, 'text') : undefined;
			if (typeof text === 'string') return text;
			throw invalid(`${at}[${index}]`, 'must be text: the models on this device read nothing else');
		})
		.join('');
}

function readStop(value: unknown): string[] {
	const stops: unknown[] = value == null ? [] : Array.isArray(value) ? value : [value];
	if (stops.length > LIMITS.stop || !stops.every((stop) => typeof stop === 'string' && stop !== ''))
		throw invalid('stop', `must be a text or a list of at most ${LIMITS.stop}`);
	return stops as string[];
}

function invalid(param: string, rule: string): ApiError {
	return new ApiError(400, `'${param}' ${rule}.`, { code: 'invalid_value', param });
}

function field(value: unknown, name: string): unknown {
	return typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[name] : undefined;
}
