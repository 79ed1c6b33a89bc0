/**
 * A client for pages of any address: asks the models of an OpenLedger app that stands in a frame of the page, or in a window that
 * it opened. One file without imports: it is served with the app (`/client/openledger.js`) and may be copied.
 *
 *     const ledger = await OpenLedger.connect({ app: 'https://app.example', container: document.body });
 *     for await (const chunk of ledger.stream({ model: 'Anatomy', messages: [{ role: 'user', content: 'What is the heart?' }] }))
 *       console.log(chunk.choices[0]?.delta.content);
 *
 * The person sees the page's address in the frame and has to allow it, once.
 */

export interface ConnectOptions {
	/** Address of the app: `https://app.example/`. */
	app: string;
	/** A frame or window of the app that is there already: what `window.open` gave, which is null where the browser opened none. */
	target?: HTMLIFrameElement | Window | null;
	/** Where a frame is put otherwise. It must be seen until the person has allowed the page. */
	container?: Element;
	/** What stands behind `#` of a link to an adapter: the frame opens on it. */
	adapter?: string;
	/** Gives up. */
	signal?: AbortSignal;
	/** Told when the person is being asked. */
	onasking?: () => void;
}

export interface Message {
	role: 'system' | 'developer' | 'user' | 'assistant';
	content: string;
}

/** As `POST /v1/chat/completions` takes it (platform.openai.com/docs/api-reference/chat/create); docs/api.md says which fields are honoured. */
export interface ChatRequest {
	/** An id of `models()`, or an adapter's name alone. */
	model: string;
	messages: Message[];
	max_completion_tokens?: number;
	temperature?: number;
	top_p?: number;
	seed?: number;
	stop?: string | string[];
	n?: number;
	logprobs?: boolean;
	top_logprobs?: number;
	response_format?: { type: 'text' | 'json_object' };
	/** Waits until the reply has been measured, and says whose knowledge is in it. */
	attribution?: boolean;
}

export interface Model {
	id: string;
	owned_by: string;
}

/** Whose knowledge is in a reply; shares add up to 1. */
export interface Attribution {
	/** Id of the receipt. */
	receipt: string;
	base: number;
	contributors: number;
	unattributed: number;
	/** Why nothing was measured; null where it was. */
	unmeasured: string | null;
	people: { name: string | null; address: string | null; share: number }[];
	rows: { id: string; text: string | null; licence: string | null; share: number }[];
}

export interface Usage {
	prompt_tokens: number;
	completion_tokens: number;
	total_tokens: number;
}

/** Our own field of a reply. */
export interface Provenance {
	base?: unknown;
	adapters?: unknown;
	/** So many of the oldest messages had no room in the model's context and were left out. */
	trimmed?: number;
	attribution?: (Attribution | null)[];
}

export interface ChatReply {
	id: string;
	model: string;
	choices: {
		index: number;
		message: { role: 'assistant'; content: string };
		finish_reason: 'stop' | 'length';
	}[];
	usage: Usage;
	openledger?: Provenance;
}

export interface ChatChunk {
	id: string;
	model: string;
	choices: { index: number; delta: { content?: string }; finish_reason: 'stop' | 'length' | null }[];
	usage?: Usage | null;
	openledger?: Provenance;
}

/** What the app refuses, as OpenAI's clients know it, and `engine_gone`, `not_allowed`, `storage_blocked`, `window_blocked`. */
export class OpenLedgerApiError extends Error {
	override readonly name = 'OpenLedgerApiError';
	/** As HTTP has it; 0 where no answer came. */
	readonly status: number;
	readonly code: string | null;
	readonly param: string | null;

	constructor(message: string, status = 0, code: string | null = null, param: string | null = null) {
		super(message);
		[this.status, this.code, this.param] = [status, code, param];
	}
}

/** Version of what follows: what page and app say to each other. */
export const PROTOCOL = 1;
/** Between page and app, before there is a port. The page knocks until the app, once it is up, says that it is ready. */
export type Greeting = { openledger: 'knock' | 'ready' | 'hello'; version: number };
/** On the port, from the page. `body` is JSON. */
export type FromPage =
	| { id: string; method: string; path: string; body: string }
	| { id: string; abort: true }
	| { ping: number }
	/** The page is done with this connection, or leaves. */
	| { bye: true };
/** On the port, from the app: whether the page may ask; answers as one head, any number of pieces, one end. */
export type FromApp =
	| { access: 'asking' | 'allowed' | 'refused' | 'blocked' | 'closing' | 'crowded' }
	| { id: string; head: { status: number; type: string } }
	| { id: string; piece: string }
	| { id: string; end: true }
	| { pong: number };

/** Milliseconds between knocks, and until nobody is thought to be there. */
const KNOCK = 200;
const NOBODY = 30_000;
/** A frame that is taken away and a window that is closed say nothing: it is looked so often whether they are there. */
const LOOK = 500;
/** The app is asked so often whether it is there; so many times without an answer, and it is gone. */
const PING = 2_000;
const MISSED = 4;

interface Call {
	head(head: { status: number; type: string }): void;
	piece(text: string): void;
	end(): void;
	fail(error: Error): void;
}

/** A connection to an app that the person has allowed. */
export class OpenLedger {
	/** The frame that the app stands in, where this client has made it. */
	readonly frame: HTMLIFrameElement | undefined;
	/** Resolves, with a reason, when the app is gone: closed, reloaded, or dead. */
	readonly gone: Promise<string>;
	readonly #port: MessagePort;
	readonly #calls = new Map<string, Call>();
	#lost: string | undefined;
	#leave: (reason: string) => void = () => undefined;
	readonly #ended = new AbortController();
	#missed = 0;
	#pings = 0;

	private constructor(port: MessagePort, frame: HTMLIFrameElement | undefined) {
		this.#port = port;
		this.frame = frame;
		const { promise, resolve } = Promise.withResolvers<string>();
		this.gone = promise;
		this.#leave = (reason) => {
			if (this.#lost !== undefined) return;
			this.#lost = reason;
			this.#ended.abort();
			this.#send({ bye: true });
			port.close();
			for (const call of this.#calls.values()) call.fail(engineGone(reason));
			this.#calls.clear();
			resolve(reason);
		};
	}

	/**
	 * Connects. Resolves once the person has allowed this page. Several connections to one frame are served side by side.
	 * @throws OpenLedgerApiError `not_allowed`, `storage_blocked`, `window_blocked`, `engine_gone`; what `signal` says
	 */
	static async connect(options: ConnectOptions): Promise<OpenLedger> {
		options.signal?.throwIfAborted();
		if (options.target === null)
			throw new OpenLedgerApiError(
				'The browser opened no window. Call window.open while a click is handled, and connect to what it gives.',
				0,
				'window_blocked'
			);
		const address = new URL(options.app.replace(/\/*$/, '/'));
		const made = options.target ? undefined : makeFrame(address, options);
		const target = options.target ?? (made as HTMLIFrameElement);
		const { port1: port, port2 } = new MessageChannel();
		const ledger = new OpenLedger(port, made);
		const { signal } = ledger.#ended;
		ledger.#stayBy(target);
		const given = options.signal ? AbortSignal.any([options.signal, signal]) : signal;
		const gone = ledger.gone.then((reason) => Promise.reject(engineGone(reason)));
		gone.catch(() => undefined);
		try {
			await Promise.race([greet(target, address.origin, port2, given), gone]);
			await Promise.race([ledger.#allowed(options), gone]);
		} catch (error) {
			ledger.close();
			throw error;
		}
		ledger.#watch();
		return ledger;
	}

	/** What can be asked now. */
	async models(): Promise<Model[]> {
		const { data } = (await this.#json('GET', 'v1/models', '')) as { data: Model[] };
		return data;
	}

	/** A whole reply. @throws OpenLedgerApiError; what `signal` says: the model then stops within a token */
	async chat(request: ChatRequest, { signal }: { signal?: AbortSignal } = {}): Promise<ChatReply> {
		return (await this.#json('POST', 'v1/chat/completions', JSON.stringify(request), signal)) as ChatReply;
	}

	/** A reply in pieces as they are written. To leave the loop stops the model. @throws as `chat` */
	async *stream(
		request: ChatRequest,
		{ signal }: { signal?: AbortSignal } = {}
	): AsyncGenerator<ChatChunk, void, undefined> {
		const body = JSON.stringify({ ...request, stream: true, stream_options: { include_usage: true } });
		let text = '';
		for await (const piece of this.#ask('POST', 'v1/chat/completions', body, signal)) {
			text += piece;
			// Server-sent events: one `data:` line each.
			for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n')) {
				const data = text.slice(0, end).replace(/^data: /, '');
				text = text.slice(end + 2);
				if (data === '[DONE]') return;
				const chunk = JSON.parse(data) as ChatChunk & { error?: ErrorBody };
				if (chunk.error) throw asError(chunk.error, 500);
				yield chunk;
			}
		}
	}

	/** Ends the connection; the frame that this client has made is taken away. */
	close(): void {
		this.#leave('This page has closed the connection.');
		this.frame?.remove();
	}

	async #json(method: string, path: string, body: string, signal?: AbortSignal): Promise<unknown> {
		let text = '';
		for await (const piece of this.#ask(method, path, body, signal)) text += piece;
		return JSON.parse(text) as unknown;
	}

	async *#ask(method: string, path: string, body: string, signal?: AbortSignal): AsyncGenerator<string> {
		signal?.throwIfAborted();
		if (this.#lost !== undefined) throw engineGone(this.#lost);
		const id = crypto.randomUUID();
		const pieces: string[] = [];
		let [status, isOver] = [0, false];
		let failure: Error | undefined;
		let wake = () => undefined as void;
		const told = () => wake();
		this.#calls.set(id, {
			head: (head) => void (status = head.status),
			piece: (text) => void (pieces.push(text), told()),
			end: () => void ((isOver = true), told()),
			fail: (error) => void ((failure = error), told())
		});
		const abort = () => this.#calls.get(id)?.fail(signal?.reason as Error);
		signal?.addEventListener('abort', abort, { once: true });
		this.#send({ id, method, path, body });
		let error = '';
		try {
			while (!failure) {
				const piece = pieces.shift();
				if (piece === undefined) {
					if (isOver) break;
					await new Promise<void>((resolve) => (wake = resolve));
				} else if (status < 400) yield piece;
				else error += piece;
			}
			if (failure) throw failure;
			if (status >= 400) throw asError((JSON.parse(error) as { error: ErrorBody }).error, status);
		} finally {
			signal?.removeEventListener('abort', abort);
			this.#calls.delete(id);
			if (!isOver && this.#lost === undefined) this.#send({ id, abort: true });
		}
	}

	#send(message: FromPage) {
		this.#port.postMessage(message);
	}

	#allowed({ signal, onasking }: ConnectOptions): Promise<void> {
		return new Promise((resolve, reject) => {
			const giveUp = () => reject(signal?.reason as Error);
			if (signal?.aborted) giveUp();
			signal?.addEventListener('abort', giveUp, { once: true });
			this.#port.onmessage = ({ data }: MessageEvent<FromApp>) => {
				if ('access' in data) {
					if (data.access === 'asking') onasking?.();
					if (data.access === 'allowed') resolve();
					if (data.access === 'refused') {
						reject(new OpenLedgerApiError('The person does not let this page ask.', 403, 'not_allowed'));
						this.#leave('The person does not let this page ask any more.');
					}
					if (data.access === 'blocked')
						reject(
							new OpenLedgerApiError(
								'This browser lets frames of other sites keep nothing. Open OpenLedger in a window instead.',
								403,
								'storage_blocked'
							)
						);
					if (data.access === 'closing') this.#leave('OpenLedger was closed or reloaded.');
					if (data.access === 'crowded')
						this.#leave('This page has made more connections to OpenLedger than are kept.');
				} else if ('pong' in data) this.#missed = 0;
				else {
					const call = this.#calls.get(data.id);
					if ('head' in data) call?.head(data.head);
					else if ('piece' in data) call?.piece(data.piece);
					else call?.end();
				}
			};
		});
	}

	/** Frames and windows end without a word when they are taken away. */
	#stayBy(target: HTMLIFrameElement | Window) {
		this.#every(LOOK, () => {
			if (isFrame(target) ? !target.isConnected : target.closed)
				this.#leave(isFrame(target) ? NO_FRAME : NO_WINDOW);
		});
		const leave = () => this.#leave('This page was left.');
		addEventListener('pagehide', leave, { signal: this.#ended.signal });
	}

	/** And when they crash. */
	#watch() {
		this.#every(PING, () => {
			if (++this.#missed > MISSED) return this.#leave('OpenLedger does not answer any more.');
			this.#send({ ping: ++this.#pings });
		});
	}

	#every(milliseconds: number, look: () => void) {
		const timer = setInterval(look, milliseconds);
		this.#ended.signal.addEventListener('abort', () => clearInterval(timer));
	}
}

/** Also of a window that this page's own header has cut off nothing is seen any more. */
const NO_WINDOW =
	'The window of OpenLedger was closed, or the Cross-Origin-Opener-Policy of this page keeps it from being reached.';
const NO_FRAME = 'The frame of OpenLedger is not in the page.';

interface ErrorBody {
	message: string;
	code: string | null;
	param: string | null;
}

function asError({ message, code, param }: ErrorBody, status: number): OpenLedgerApiError {
	return new OpenLedgerApiError(message, status, code, param);
}

function engineGone(reason: string): OpenLedgerApiError {
	const again = 'Connect again, to a new frame or window where that one is gone.';
	return new OpenLedgerApiError(`${reason} ${again}`, 503, 'engine_gone');
}

/** What the app needs of a frame: to run, to store, to open itself in a window of its own. */
function makeFrame(app: URL, { container, adapter }: ConnectOptions): HTMLIFrameElement {
	const frame = document.createElement('iframe');
	frame.src = new URL(`embed${adapter ? `#${adapter}` : ''}`, app).href;
	frame.title = 'OpenLedger';
	for (const may of ['scripts', 'same-origin', 'forms', 'popups', 'popups-to-escape-sandbox'])
		frame.sandbox.add(`allow-${may}`);
	frame.allow = 'cross-origin-isolated; clipboard-write';
	frame.style.cssText = 'width: 100%; height: 32rem; border: 0';
	(container ?? document.body).append(frame);
	return frame;
}

/** Of a window of another address nothing may be asked but this. */
function isFrame(target: HTMLIFrameElement | Window): target is HTMLIFrameElement {
	return target instanceof HTMLIFrameElement;
}

/** Knocks until the app is up, then hands it the port. */
function greet(
	target: HTMLIFrameElement | Window,
	origin: string,
	port: MessagePort,
	signal: AbortSignal
): Promise<void> {
	const theirs = () => (isFrame(target) ? target.contentWindow : target);
	return new Promise((resolve, reject) => {
		const since = Date.now();
		const done = () => {
			clearInterval(timer);
			removeEventListener('message', hear);
		};
		const say = (word: 'knock' | 'hello', ports: MessagePort[] = []) => {
			const greeting: Greeting = { openledger: word, version: PROTOCOL };
			theirs()?.postMessage(greeting, origin, ports);
		};
		const hear = ({ source, origin: from, data }: MessageEvent<Partial<Greeting> | null>) => {
			if (source !== theirs() || from !== origin || data?.openledger !== 'ready') return;
			done();
			say('hello', [port]);
			resolve();
		};
		const timer = setInterval(() => {
			if (signal.aborted) return void (done(), reject(signal.reason as Error));
			if (Date.now() - since > NOBODY)
				return void (done(), reject(engineGone('OpenLedger did not open in its frame.')));
			// Before it has loaded, a frame still has this page's own address, and the browser says so in the console.
			say('knock');
		}, KNOCK);
		addEventListener('message', hear);
	});
}
