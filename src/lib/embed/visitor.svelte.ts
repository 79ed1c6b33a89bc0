import { answer, refuse } from '#workers/openai/answer.ts';
import { tooManyCalls } from '#workers/openai/error.ts';
import type { Engine } from '../engine/engine.svelte.ts';
import { PROTOCOL, type FromApp, type FromPage, type Greeting } from '../api/client.ts';
import { apiEngine } from '../api/serve.ts';

const STORED = 'openledger-pages';
/** So many connections of a page are kept, and so many of its calls are taken at once: the person's own chat has to have its turn. */
const MOST = { links: 16, calls: 16 };

/** One connection of the page, and its calls under way. */
interface Link {
	port: MessagePort;
	calls: Map<string, AbortController>;
}

/**
 * The page that this one stands in, or that has opened it, and what it may do. It is named by the address that the browser gives, and
 * asks nothing before the person has allowed that address. Whatever it then asks may cost the person nothing, and it sees replies,
 * names of models and attribution, never what is said in the chat here.
 */
export class Visitor {
	/** Its address; undefined until it has asked to be let in. */
	origin = $state<string>();
	access = $state<'asking' | 'allowed' | 'refused' | 'blocked'>('asking');
	readonly #engine: Engine;
	/** The oldest first. */
	readonly #links = new Set<Link>();

	constructor(engine: Engine) {
		this.#engine = engine;
	}

	/** Listens until what it returns is called. */
	listen(): () => void {
		const host: unknown = window.parent === window ? window.opener : window.parent;
		const hear = ({ source, origin, data, ports: [port] }: MessageEvent<Partial<Greeting> | null>) => {
			// Pages without an address of their own ('null': sandboxed, local files) cannot be told from each other.
			if (source === null || source !== host || !/^https?:\/\//.test(origin) || data?.version !== PROTOCOL)
				return;
			if (data.openledger === 'knock')
				(source as Window).postMessage({ openledger: 'ready', version: PROTOCOL } satisfies Greeting, origin);
			if (data.openledger === 'hello' && port) this.#meet(origin, port);
		};
		const leave = () => this.#tell('closing');
		addEventListener('message', hear);
		addEventListener('pagehide', leave);
		return () => {
			removeEventListener('message', hear);
			removeEventListener('pagehide', leave);
			leave();
			this.#hangUp();
		};
	}

	/** Nothing can be kept here, so nothing can be answered. */
	block(): void {
		this.#settle('blocked');
	}

	allow(): void {
		if (!this.origin) return;
		remember(this.origin, true);
		this.#settle('allowed');
	}

	/** Also takes back what was allowed: what is being written stops. */
	refuse(): void {
		if (!this.origin) return;
		remember(this.origin, false);
		this.#settle('refused');
		this.#hangUp();
	}

	#meet(origin: string, port: MessagePort) {
		// What opened this window has gone on to another address.
		if (origin !== this.origin) this.#hangUp();
		const [oldest] = this.#links;
		if (oldest && this.#links.size >= MOST.links) {
			post(oldest, { access: 'crowded' });
			this.#end(oldest);
		}
		const link: Link = { port, calls: new Map() };
		this.#links.add(link);
		this.origin = origin;
		port.onmessage = ({ data }: MessageEvent<FromPage>) => this.#take(data, link);
		// A page that crashes says nothing; some browsers do.
		port.addEventListener('close', () => this.#end(link));
		if (this.access !== 'blocked') this.access = allowed().includes(origin) ? 'allowed' : 'asking';
		post(link, { access: this.access });
	}

	#take(message: FromPage | null, link: Link) {
		if (typeof message !== 'object' || message === null) return;
		if ('ping' in message) return post(link, { pong: message.ping });
		if ('bye' in message) return this.#end(link);
		if ('abort' in message) return link.calls.get(message.id)?.abort();
		if (this.access === 'allowed' && this.#links.has(link) && isCall(message))
			void this.#answer(message, link);
	}

	async #answer({ id, ...request }: Extract<FromPage, { body: string }>, link: Link) {
		const { calls } = link;
		if (calls.has(id)) return;
		const under = [...this.#links].reduce((sum, { calls }) => sum + calls.size, 0);
		const caller = new AbortController();
		calls.set(id, caller);
		const say = (message: FromApp) => !caller.signal.aborted && post(link, message);
		const work = async () => {
			const { status, type, body } =
				under < MOST.calls
					? await answer(apiEngine(this.#engine, false), request, caller.signal)
					: refuse(tooManyCalls(MOST.calls));
			say({ id, head: { status, type } });
			for await (const piece of body) say({ id, piece });
			say({ id, end: true });
		};
		// An update of the app waits for replies, whoever asked for them.
		const written = navigator.locks.request(`openledger-reply-page-${crypto.randomUUID()}`, work);
		await written.finally(() => calls.delete(id));
	}

	#settle(access: Visitor['access']) {
		this.access = access;
		this.#tell(access);
	}

	#tell(access: Extract<FromApp, { access: unknown }>['access']) {
		for (const link of this.#links) post(link, { access });
	}

	#end(link: Link) {
		for (const call of link.calls.values()) call.abort();
		link.port.close();
		this.#links.delete(link);
	}

	#hangUp() {
		for (const link of this.#links) this.#end(link);
	}
}

/** A page may post anything, also what cannot be made a text. */
function isCall({ id, method, path, body }: Extract<FromPage, { body: string }>): boolean {
	return [id, method, path, body].every((part) => typeof part === 'string');
}

function post({ port }: Link, message: FromApp) {
	port.postMessage(message);
}

/** Addresses that were allowed; kept where this page keeps things, which in a frame is apart for every site it stands in. */
function allowed(): string[] {
	try {
		const kept: unknown = JSON.parse(localStorage.getItem(STORED) ?? '[]');
		return Array.isArray(kept) ? kept.filter((origin) => typeof origin === 'string') : [];
	} catch {
		return [];
	}
}

function remember(origin: string, isAllowed: boolean) {
	const others = allowed().filter((other) => other !== origin);
	try {
		localStorage.setItem(STORED, JSON.stringify(isAllowed ? [...others, origin] : others));
	} catch {
		// Storage blocked or full: it is asked again next time.
	}
}
