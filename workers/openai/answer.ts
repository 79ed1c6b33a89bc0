import type {
	AdapterEntry,
	Completion,
	GenerateEvent,
	GenerateRequest,
	LoadedModel
} from '#workers/protocol.ts';
import { readChatCall, type ChatCall } from './chat-request.ts';
import { ApiError, asApiError } from './error.ts';
import { findServed, servedModels, type ServedModel } from './models.ts';

/** What answers: the engine, wherever it runs. */
export interface ApiEngine {
	loaded(): Promise<LoadedModel | undefined>;
	adapters(): Promise<AdapterEntry[]>;
	generate(request: GenerateRequest, onEvent: (event: GenerateEvent) => void): Promise<Completion>;
	cancel(id: string): Promise<void>;
}

export interface ApiRequest {
	method: string;
	/** Behind the app's address: `v1/models`. */
	path: string;
	body: string;
}

/** One answer, its body in pieces as they come. */
export interface ApiResponse {
	status: number;
	type: 'application/json' | 'text/event-stream';
	body: AsyncIterable<string>;
}

/** OpenAI's `finish_reason` for each way a reply can end. */
const reasons: Record<Completion['finish'], 'stop' | 'length'> = {
	stop: 'stop',
	length: 'length',
	context: 'length',
	cancelled: 'stop'
};

/**
 * Answers one call of the OpenAI API (platform.openai.com/docs/api-reference): `GET /v1/models`, `GET /v1/models/ID` and
 * `POST /v1/chat/completions`. Never throws: a failure is an answer in OpenAI's shape.
 * @param signal the caller has gone; replies under way stop within a token
 */
export async function answer(
	engine: ApiEngine,
	request: ApiRequest,
	signal: AbortSignal
): Promise<ApiResponse> {
	try {
		return await route(engine, request, signal);
	} catch (thrown) {
		return refuse(asApiError(thrown));
	}
}

/** A refusal as an answer. */
export function refuse(error: ApiError): ApiResponse {
	return json(error.body, error.status);
}

async function route(engine: ApiEngine, { method, path, body }: ApiRequest, signal: AbortSignal) {
	const [, resource = '', rest] = /^v1\/(models|chat\/completions)(?:\/(.+))?$/.exec(path) ?? [];
	const wanted = resource === 'models' ? 'GET' : 'POST';
	if (!resource || (resource !== 'models' && rest !== undefined))
		throw new ApiError(404, `There is no '/${path}' here, only /v1/models and /v1/chat/completions.`, {
			code: 'unknown_url'
		});
	if (method !== wanted) throw new ApiError(405, `/${path} is asked with ${wanted}, not ${method}.`);
	if (resource === 'models') {
		const models = (await served(engine)).map(describe);
		if (rest === undefined) return json({ object: 'list', data: models });
		return json(describe(findServed(await served(engine), decodeURIComponent(rest))));
	}
	const call = readChatCall(parse(body));
	const model = findServed(await served(engine), call.model);
	const chat = new Chat(engine, call, model, signal);
	return call.stream ? chat.stream() : chat.whole();
}

async function served(engine: ApiEngine): Promise<ServedModel[]> {
	const [loaded, adapters] = [await engine.loaded(), await engine.adapters()];
	if (!loaded)
		throw new ApiError(503, 'No model is loaded. Open OpenLedger and choose one.', {
			code: 'engine/not-loaded'
		});
	return servedModels(loaded, adapters);
}

function describe({ id, ownedBy }: ServedModel) {
	return { id, object: 'model', created: 0, owned_by: ownedBy };
}

/** One chat completion: as many replies as were asked for, side by side. */
class Chat {
	readonly #engine: ApiEngine;
	readonly #call: ChatCall;
	readonly #model: ServedModel;
	readonly #signal: AbortSignal;
	readonly #id = `chatcmpl-${crypto.randomUUID().replaceAll('-', '')}`;
	readonly #failed = new AbortController();
	readonly #created = Math.floor(Date.now() / 1000);

	constructor(engine: ApiEngine, call: ChatCall, model: ServedModel, signal: AbortSignal) {
		this.#engine = engine;
		this.#call = call;
		this.#model = model;
		this.#signal = signal;
	}

	async whole(): Promise<ApiResponse> {
		const replies = await Promise.all(this.#indices().map((index) => this.#reply(index, () => undefined)));
		const choices = replies.map(({ text, finish }, index) => ({
			index,
			message: { role: 'assistant', content: text, refusal: null },
			logprobs: null,
			finish_reason: reasons[finish]
		}));
		return json({
			...this.#head('chat.completion'),
			choices,
			usage: usage(replies),
			...this.#about(replies)
		});
	}

	/** Server-sent events. Nothing is sent before the first reply has begun, so that a refusal keeps its status. */
	async stream(): Promise<ApiResponse> {
		const lines = new Lines();
		const begun = Promise.withResolvers<void>();
		const send = (choices: object[], more: object = {}) => {
			const usageLater = this.#call.includeUsage ? { usage: null } : {};
			lines.push({ ...this.#head('chat.completion.chunk'), choices, ...usageLater, ...more });
			begun.resolve();
		};
		const chunk = (index: number, delta: object, finish: string | null = null) =>
			send([{ index, delta, logprobs: null, finish_reason: finish }]);
		const replies = this.#indices().map(async (index) => {
			let first = true;
			const completion = await this.#reply(index, (event) => {
				if (event.type !== 'text') return;
				chunk(index, { ...(first && { role: 'assistant' }), content: event.delta });
				first = false;
			});
			if (first) chunk(index, { role: 'assistant', content: '' });
			chunk(index, {}, reasons[completion.finish]);
			return completion;
		});
		const all = Promise.all(replies).then(
			(completions) => {
				if (this.#call.includeUsage) send([], { usage: usage(completions), ...this.#about(completions) });
				lines.end('[DONE]');
			},
			(thrown: unknown) => {
				begun.reject(thrown);
				lines.push(asApiError(thrown).body);
				lines.end();
			}
		);
		await Promise.race([begun.promise, all.then(() => begun.promise)]);
		return { status: 200, type: 'text/event-stream', body: lines };
	}

	#indices(): number[] {
		return Array.from({ length: this.#call.n }, (_, index) => index);
	}

	async #reply(index: number, onEvent: (event: GenerateEvent) => void): Promise<Completion> {
		const { generate } = this.#call;
		const id = `${this.#id}-${index}`;
		const { seed } = generate.sampling;
		const stop = () => void this.#engine.cancel(id).catch(() => undefined);
		const signal = AbortSignal.any([this.#signal, this.#failed.signal]);
		signal.throwIfAborted();
		signal.addEventListener('abort', stop, { once: true });
		try {
			return await this.#engine.generate(
				{
					...generate,
					id,
					// Calls that go on with a conversation find its cache by what it began with.
					conversation: `openai-${index}`,
					adapters: this.#model.adapters,
					// Several replies to one question are to differ, and to be the same again with the same seed.
					sampling: { ...generate.sampling, ...(seed !== undefined && { seed: (seed + index) >>> 0 }) }
				},
				onEvent
			);
		} catch (thrown) {
			// Nobody is told of the others any more.
			this.#failed.abort();
			throw thrown;
		} finally {
			signal.removeEventListener('abort', stop);
		}
	}

	#head(object: string) {
		return { id: this.#id, object, created: this.#created, model: this.#model.id, system_fingerprint: null };
	}

	/** What OpenAI has no field for. */
	#about(replies: readonly Completion[]) {
		const adapters = this.#model.adapters.map(({ id }) => id);
		const [first] = replies;
		return { openledger: { base: first?.model, adapters, provider: first?.provider, seed: first?.seed } };
	}
}

/** Prompt tokens count once, as OpenAI counts them for several replies. */
function usage(replies: readonly Completion[]) {
	const prompt = replies[0]?.tokens.prompt ?? 0;
	const completion = replies.reduce((sum, { tokens }) => sum + tokens.completion, 0);
	return {
		prompt_tokens: prompt,
		completion_tokens: completion,
		total_tokens: prompt + completion,
		prompt_tokens_details: { cached_tokens: replies[0]?.tokens.reused ?? 0 }
	};
}

/** Server-sent events (html.spec.whatwg.org/multipage/server-sent-events.html) that are read while they are written. */
class Lines implements AsyncIterable<string> {
	#waiting: string[] = [];
	#ended = false;
	#wake = Promise.withResolvers<void>();

	push(data: object): void {
		this.#add(JSON.stringify(data));
	}

	end(last?: string): void {
		if (last !== undefined) this.#add(last);
		this.#ended = true;
		this.#wake.resolve();
	}

	#add(data: string) {
		this.#waiting.push(`data: ${data}\n\n`);
		this.#wake.resolve();
	}

	async *[Symbol.asyncIterator]() {
		for (;;) {
			const ready = this.#waiting.splice(0);
			if (ready.length > 0) yield ready.join('');
			else if (this.#ended) return;
			else {
				await this.#wake.promise;
				this.#wake = Promise.withResolvers<void>();
			}
		}
	}
}

function parse(body: string): unknown {
	try {
		return JSON.parse(body);
	} catch (cause) {
		throw new ApiError(400, `The body of the request is not JSON: ${String(cause)}.`);
	}
}

function json(value: object, status = 200): ApiResponse {
	const text = JSON.stringify(value);
	return {
		status,
		type: 'application/json',
		body: (async function* () {
			yield await Promise.resolve(text);
		})()
	};
}
