import type {
	AdapterEntry,
	Completion,
	GenerateEvent,
	GenerateRequest,
	LoadedModel
} from '#workers/protocol.ts';
import type { Call } from './call.ts';
import { readChatCall } from './chat-request.ts';
import { ApiError, asApiError } from './error.ts';
import { findServed, servedModels, type ServedModel } from './models.ts';
import { chatShape, textShape, type Shape } from './shapes.ts';
import { readTextCall } from './text-request.ts';

/** What answers: the engine, wherever it runs. */
export interface ApiEngine {
	loaded(): Promise<LoadedModel | undefined>;
	adapters(): Promise<AdapterEntry[]>;
	/** Before they are generated: all of them may be, or it throws why not, or what the signal says. */
	admit(requests: readonly GenerateRequest[], signal: AbortSignal): Promise<void>;
	generate(request: GenerateRequest, onEvent: (event: GenerateEvent) => void): Promise<Completion>;
	cancel(id: string): Promise<void>;
	/** Settles when the reply with this id has been measured; with undefined where nobody is to be thanked: the base wrote it alone. */
	attribution(id: string): Promise<ReplyAttribution | undefined>;
}

/** Whose knowledge is in a reply. Shares are of the whole reply and add up to 1, but for rounding. */
export interface ReplyAttribution {
	/** Id of its receipt. */
	receipt: string;
	base: number;
	contributors: number;
	unattributed: number;
	/** Why nothing was measured; null where it was. */
	unmeasured: string | null;
	people: { name: string | null; address: string | null; share: number }[];
	/** Rows of Datanets, the greatest share first. */
	rows: { id: string; text: string | null; licence: string | null; share: number }[];
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

/** The calls for replies: how they are read, and how their answers are written. */
const kinds: Record<string, { read: (body: unknown) => Call; shape: Shape }> = {
	'chat/completions': { read: readChatCall, shape: chatShape },
	completions: { read: readTextCall, shape: textShape }
};

/**
 * Answers one call of the OpenAI API (platform.openai.com/docs/api-reference): `GET /v1/models`, `GET /v1/models/ID`,
 * `POST /v1/chat/completions` and `POST /v1/completions`. Never throws: a failure is an answer in OpenAI's shape.
 * @param signal the caller has gone; replies under way stop within a token
 * @param begun called once all of a whole answer stands in the engine's queue: it can no more be refused, only fail
 */
export async function answer(
	engine: ApiEngine,
	request: ApiRequest,
	signal: AbortSignal,
	begun: () => void = () => undefined
): Promise<ApiResponse> {
	try {
		return await route(engine, request, signal, begun);
	} catch (thrown) {
		return refuse(asApiError(thrown));
	}
}

/** A refusal as an answer. */
export function refuse(error: ApiError): ApiResponse {
	return json(error.body, error.status);
}

async function route(
	engine: ApiEngine,
	{ method, path, body }: ApiRequest,
	signal: AbortSignal,
	begun: () => void
) {
	const [, resource = '', id] = /^v1\/(models(?=$|\/)|(?:chat\/)?completions$)(?:\/(.+))?$/.exec(path) ?? [];
	if (!resource)
		throw new ApiError(
			404,
			`There is no '/${path}' here, only /v1/models, /v1/chat/completions and /v1/completions.`,
			{ code: 'unknown_url' }
		);
	const kind = kinds[resource];
	const wanted = kind ? 'POST' : 'GET';
	if (method !== wanted) throw new ApiError(405, `/${path} is asked with ${wanted}, not ${method}.`);
	if (!kind) {
		const models = await served(engine);
		if (id !== undefined) return json(describe(findServed(models, decoded(id))));
		return json({ object: 'list', data: models.map(describe) });
	}
	const call = kind.read(parse(body));
	const model = findServed(await served(engine), call.model);
	const replies = new Replies(engine, call, kind.shape, model, signal);
	return call.stream ? replies.stream() : replies.whole(begun);
}

/** As it stands where it is no well-formed part of an address: then nothing has that name. */
function decoded(id: string): string {
	try {
		return decodeURIComponent(id);
	} catch {
		return id;
	}
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

/** Conversations that replies are being written in. */
const seats = new Set<number>();

/**
 * The first conversation that is free: calls at once are written side by side, and one that goes on with the call before finds its
 * cache.
 */
function takeSeat(): number {
	let seat = 0;
	while (seats.has(seat)) seat++;
	seats.add(seat);
	return seat;
}

/** The answer to one call: as many replies as were asked for, side by side. */
class Replies {
	readonly #engine: ApiEngine;
	readonly #call: Call;
	readonly #shape: Shape;
	readonly #model: ServedModel;
	readonly #signal: AbortSignal;
	readonly #id: string;
	readonly #failed = new AbortController();
	/** Messages that the context had no room for. */
	#trimmed = 0;
	readonly #created = Math.floor(Date.now() / 1000);

	constructor(engine: ApiEngine, call: Call, shape: Shape, model: ServedModel, signal: AbortSignal) {
		this.#engine = engine;
		this.#call = call;
		this.#shape = shape;
		this.#model = model;
		this.#signal = signal;
		this.#id = `${shape.prefix}${crypto.randomUUID().replaceAll('-', '')}`;
	}

	async whole(begun: () => void): Promise<ApiResponse> {
		const requests = await this.#admitted();
		const outside = new Set(requests);
		const replies = await Promise.all(
			requests.map((request) =>
				this.#reply(request, ({ type }) => {
					// That is told before it is known whether the rest fits.
					if (type === 'trimmed') return;
					outside.delete(request);
					if (outside.size === 0) begun();
				})
			)
		);
		return json({
			...this.#head(this.#shape.object),
			choices: replies.map((reply, index) => this.#shape.choice(index, reply)),
			usage: this.#usage(replies),
			...(await this.#about(replies))
		});
	}

	/** Server-sent events. Nothing is sent before the first reply has begun, so that a refusal keeps its status. */
	async stream(): Promise<ApiResponse> {
		const lines = new Lines();
		const begun = Promise.withResolvers<void>();
		const send = (choices: object[], more: object = {}) => {
			const usageLater = this.#call.includeUsage ? { usage: null } : {};
			lines.push({ ...this.#head(this.#shape.chunk), choices, ...usageLater, ...more });
			begun.resolve();
		};
		const replies = (await this.#admitted()).map(async (request, index) => {
			let first = true;
			let told = 0;
			const reply = await this.#reply(request, (event) => {
				if (event.type !== 'text') return;
				const tokens = request.logProbs === undefined ? undefined : (event.tokens ?? []);
				send([this.#shape.piece(index, event.delta, tokens, first)]);
				told += tokens?.length ?? 0;
				first = false;
			});
			if (first) send([this.#shape.piece(index, '', reply.logProbs && [], first)]);
			send([this.#shape.end(index, reply, reply.logProbs?.slice(told))]);
			return reply;
		});
		const finish = async (completions: Completion[]) => {
			const { includeUsage, attribution } = this.#call;
			const usage = includeUsage ? { usage: this.#usage(completions) } : {};
			if (includeUsage || attribution) send([], { ...usage, ...(await this.#about(completions)) });
			lines.end('[DONE]');
		};
		const all = Promise.all(replies)
			.then(finish)
			.catch((thrown: unknown) => {
				begun.reject(thrown);
				lines.push(asApiError(thrown).body);
				lines.end();
			});
		await Promise.race([begun.promise, all.then(() => begun.promise)]);
		return { status: 200, type: 'text/event-stream', body: lines };
	}

	/** All or none, before any begins: what has begun has a status. */
	async #admitted(): Promise<GenerateRequest[]> {
		const { adapters } = this.#model;
		const requests = this.#call.asks.map((ask, index) => ({
			...ask,
			id: this.#idOf(index),
			conversation: '',
			adapters
		}));
		await this.#engine.admit(requests, this.#signal);
		return requests;
	}

	async #reply(request: GenerateRequest, onEvent: (event: GenerateEvent) => void): Promise<Completion> {
		const { id } = request;
		const stop = () => void this.#engine.cancel(id).catch(() => undefined);
		const signal = AbortSignal.any([this.#signal, this.#failed.signal]);
		signal.throwIfAborted();
		signal.addEventListener('abort', stop, { once: true });
		const seat = takeSeat();
		try {
			return await this.#engine.generate({ ...request, conversation: `openai-${seat}` }, (event) => {
				if (event.type === 'trimmed') this.#trimmed = event.turns;
				onEvent(event);
			});
		} catch (thrown) {
			// Nobody is told of the others any more.
			this.#failed.abort();
			throw thrown;
		} finally {
			signal.removeEventListener('abort', stop);
			seats.delete(seat);
		}
	}

	#head(object: string) {
		return { id: this.#id, object, created: this.#created, model: this.#model.id, system_fingerprint: null };
	}

	/** What OpenAI has no field for. */
	async #about(replies: readonly Completion[]) {
		const adapters = this.#model.adapters.map(({ id }) => id);
		const [first] = replies;
		const about = {
			base: first?.model,
			adapters,
			provider: first?.provider,
			seed: first?.seed,
			...(this.#trimmed > 0 && { trimmed: this.#trimmed })
		};
		if (!this.#call.attribution) return { openledger: about };
		const gone = new Promise<never>((_, reject) =>
			this.#signal.addEventListener('abort', () => reject(this.#signal.reason), { once: true })
		);
		const measured = replies.map((_, index) => this.#engine.attribution(this.#idOf(index)));
		const all = await Promise.race([Promise.all(measured), gone]);
		return { openledger: { ...about, attribution: all.map((one) => one ?? null) } };
	}

	#idOf(index: number): string {
		return `${this.#id}-${index}`;
	}

	/** The tokens of a prompt count once, as OpenAI counts them for several replies to it. */
	#usage(replies: readonly Completion[]) {
		const { n } = this.#call;
		const sum = (count: (reply: Completion, index: number) => number) =>
			replies.reduce((total, reply, index) => total + count(reply, index), 0);
		const prompt = sum(({ tokens }, index) => (index % n === 0 ? tokens.prompt : 0));
		const completion = sum(({ tokens }) => tokens.completion);
		return {
			prompt_tokens: prompt,
			completion_tokens: completion,
			total_tokens: prompt + completion,
			prompt_tokens_details: { cached_tokens: replies[0]?.tokens.reused ?? 0 }
		};
	}
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
