import { answer } from '#workers/openai/answer.ts';
import type { Engine } from '../engine/engine.svelte.ts';
import { PROTOCOL, type FromApp, type FromPage, type Greeting } from '../api/client.ts';
import { apiEngine } from '../api/serve.ts';

const STORED = 'openledger-pages';

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
	#port: MessagePort | undefined;
	#calls = new Map<string, AbortController>();

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
		const leave = () => this.#send({ access: 'closing' });
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
		// One page at a time: it has reloaded, or connects again.
		this.#hangUp();
		this.#port = port;
		this.origin = origin;
		port.onmessage = ({ data }: MessageEvent<FromPage>) => this.#take(data, port);
		if (this.access === 'blocked') this.#settle('blocked');
		else this.#settle(allowed().includes(origin) ? 'allowed' : 'asking');
	}

	#take(message: FromPage | null, port: MessagePort) {
		if (typeof message !== 'object' || message === null) return;
		if ('ping' in message) return this.#send({ pong: message.ping });
		if ('abort' in message) return this.#calls.get(message.id)?.abort();
		if (this.access !== 'allowed' || port !== this.#port) return;
		void this.#answer(message);
	}

	async #answer({ id, method, path, body }: Extract<FromPage, { body: string }>) {
		if (this.#calls.has(String(id))) return;
		const caller = new AbortController();
		this.#calls.set(String(id), caller);
		const request = { method: String(method), path: String(path), body: String(body) };
		const say = (message: FromApp) => !caller.signal.aborted && this.#send(message);
		const work = async () => {
			const { status, type, body } = await answer(apiEngine(this.#engine, false), request, caller.signal);
			say({ id, head: { status, type } });
			for await (const piece of body) say({ id, piece });
			say({ id, end: true });
		};
		// An update of the app waits for replies, whoever asked for them.
		await navigator.locks.request(`openledger-reply-page-${crypto.randomUUID()}`, work);
		this.#calls.delete(String(id));
	}

	#settle(access: Visitor['access']) {
		this.access = access;
		this.#send({ access });
	}

	#send(message: FromApp) {
		this.#port?.postMessage(message);
	}

	#hangUp() {
		for (const call of this.#calls.values()) call.abort();
		this.#calls.clear();
		this.#port?.close();
		this.#port = undefined;
	}
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
