import type { GenerateRequest } from '#workers/protocol.ts';
import { ApiError } from './error.ts';

/** What the engine is asked for one reply; the model, its adapters and the names are the answer's. */
export type Ask = Pick<
	GenerateRequest,
	'messages' | 'prompt' | 'sampling' | 'maxNewTokens' | 'stop' | 'logProbs' | 'json'
>;

/** One call for replies, as the engine understands it. */
export interface Call {
	/** As the caller names it. */
	model: string;
	/** One for each reply, in the order of the answer's choices: `n` for each prompt. Seeds follow one another. */
	asks: Ask[];
	n: number;
	stream: boolean;
	includeUsage: boolean;
	/** Each reply's attribution is waited for. */
	attribution: boolean;
}

/** Most replies to one call, most stop strings, and most alternatives to a token: OpenAI's own limits where it has one. */
const LIMITS = { replies: 16, stop: 4 };

/** These would change any reply and cannot be honoured, so that leaving them out would be a lie. */
const unsupported: Record<string, (value: unknown) => boolean> = {
	logit_bias: (value) => typeof value === 'object' && value !== null && Object.keys(value).length > 0,
	frequency_penalty: (value) => value !== 0,
	presence_penalty: (value) => value !== 0
};

/** The fields of a request. Those without an effect on the reply are ignored; `null` is as good as absent. */
export class Fields {
	readonly #fields: Record<string, unknown>;

	/**
	 * @param refused the fields that this kind of call cannot honour, and when they ask for something
	 * @throws ApiError 400
	 */
	constructor(body: unknown, refused: Record<string, (value: unknown) => boolean>) {
		if (typeof body !== 'object' || body === null || Array.isArray(body))
			throw new ApiError(400, 'The body of the request is not a JSON object.');
		this.#fields = body as Record<string, unknown>;
		for (const [param, asks] of Object.entries({ ...unsupported, ...refused })) {
			const value = this.get(param);
			if (value !== undefined && asks(value))
				throw new ApiError(400, `'${param}' is not supported by the models on this device.`, {
					code: 'unsupported_parameter',
					param
				});
		}
	}

	/** Undefined where it is absent or null. */
	get(param: string): unknown {
		return this.#fields[param] ?? undefined;
	}

	number(param: string, fallback: number, low: number, high: number): number {
		const value = this.get(param) ?? fallback;
		if (typeof value === 'number' && value >= low && value <= high) return value;
		throw invalid(param, `must be a number from ${low} to ${high}`);
	}

	integer(param: string, fallback: number, low: number, high: number): number {
		const value = this.number(param, fallback, low, high);
		if (!Number.isInteger(value)) throw invalid(param, 'must be an integer');
		return value;
	}

	flag(param: string): boolean {
		const value = this.get(param) ?? false;
		if (typeof value === 'boolean') return value;
		throw invalid(param, 'must be true or false');
	}

	/** @returns a number in [0, 2³²); undefined where none is given */
	get seed(): number | undefined {
		const most = Number.MAX_SAFE_INTEGER;
		return this.get('seed') === undefined ? undefined : this.integer('seed', 0, -most, most) >>> 0;
	}

	get stop(): string[] {
		const value = this.get('stop');
		const stops: unknown[] = value === undefined ? [] : Array.isArray(value) ? value : [value];
		if (stops.length > LIMITS.stop || !stops.every((stop) => typeof stop === 'string' && stop !== ''))
			throw invalid('stop', `must be a text or a list of at most ${LIMITS.stop}`);
		return stops as string[];
	}

	/**
	 * The call for `n` replies to each of `asked`. `top_k`, `min_p` and `repetition_penalty` are taken as other local servers take them;
	 * `attribution` is our own.
	 * @param newTokens the field that says how many tokens a reply may have, and what holds without it
	 */
	call(asked: Pick<Ask, 'messages' | 'prompt' | 'logProbs' | 'json'>[], newTokens: [string, number]): Call {
		const model = this.get('model');
		if (typeof model !== 'string' || model === '')
			throw invalid('model', 'must name a model; GET /v1/models lists them');
		const { seed, stop } = this;
		const sampling = {
			temperature: this.number('temperature', 1, 0, 2),
			topK: this.integer('top_k', 0, 0, 1000),
			topP: this.number('top_p', 1, 0, 1),
			minP: this.number('min_p', 0, 0, 1),
			repetitionPenalty: this.number('repetition_penalty', 1, 0.1, 10)
		};
		const maxNewTokens = this.integer(...newTokens, 1, Number.MAX_SAFE_INTEGER);
		const n = this.integer('n', 1, 1, Math.floor(LIMITS.replies / asked.length));
		const asks = asked
			.flatMap((one) => Array.from({ length: n }, () => one))
			.map((one, index) => ({
				...one,
				// Several replies to one question are to differ, and to be the same again with the same seed.
				sampling: { ...sampling, ...(seed !== undefined && { seed: (seed + index) >>> 0 }) },
				maxNewTokens,
				stop
			}));
		const includeUsage = field(this.get('stream_options'), 'include_usage') === true;
		return {
			model,
			asks,
			n,
			stream: this.flag('stream'),
			includeUsage,
			attribution: this.flag('attribution')
		};
	}
}

export function invalid(param: string, rule: string): ApiError {
	return new ApiError(400, `'${param}' ${rule}.`, { code: 'invalid_value', param });
}

export function field(value: unknown, name: string): unknown {
	return typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[name] : undefined;
}
