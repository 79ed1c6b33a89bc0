import { ed25519 } from '@noble/curves/ed25519';
import { base58btc } from 'multiformats/bases/base58';
import { OpenLedgerError } from '#workers/errors.ts';
import { toBase64 } from '#workers/datanets/bundle/base64.ts';
import { randomKey } from './envelope.ts';
import { nextId, readMessage, writeMessage, type Message } from './json-rpc.ts';

/** Milliseconds. */
const PATIENCE = 10_000;
/** Milliseconds between attempts to come back: at first, at most. */
const RETRY = 1_000;
const RETRY_MOST = 30_000;
/** Messages remembered so that a repeated one is not heard twice. */
const REMEMBERED = 500;
/** How a relay says that it does not know the project (a close code of its own). */
const REFUSED = 3_000;

interface Waiting {
	resolve(result: unknown): void;
	reject(error: unknown): void;
}

/**
 * The post office between page and wallet: it carries sealed messages by topic and keeps them for whoever is away. It cannot read
 * or forge them; what it can do is lose, delay or repeat them. Comes back by itself while there are topics to hear.
 * Protocol: https://specs.walletconnect.com/2.0/specs/servers/relay
 */
export class Relay {
	readonly #url: string;
	readonly #projectId: string;
	#socket: Promise<WebSocket> | undefined;
	#topics = new Map<string, (message: string) => void>();
	#waiting = new Map<string, Waiting>();
	#heard = new Set<string>();
	#retry = RETRY;
	#timer: ReturnType<typeof setTimeout> | undefined;
	#closed = false;
	readonly #patience: number;

	/** @param patience milliseconds that the relay may take to let one in, and for an answer */
	constructor(url: string, projectId: string, patience = PATIENCE) {
		this.#url = url;
		this.#patience = patience;
		this.#projectId = projectId;
	}

	/**
	 * Hears a topic from now on, and what was kept for it: each message once, however often it comes.
	 * Throws `wallet/disconnected` while the relay cannot be had; it goes on trying.
	 */
	async subscribe(topic: string, hear: (message: string) => void): Promise<void> {
		this.#topics.set(topic, hear);
		await this.#listen([topic]);
	}

	/** Hears a topic no more. */
	leave(topic: string): void {
		this.#topics.delete(topic);
	}

	/**
	 * Hands over a message.
	 * @param ttl seconds for which it is kept
	 * @param tag what kind it is, by which the relay counts
	 * @param prompt whether the wallet should be woken
	 */
	async publish(topic: string, message: string, ttl: number, tag: number, prompt = false): Promise<void> {
		await this.#request('irn_publish', { topic, message, ttl, tag, prompt });
	}

	close(): void {
		this.#closed = true;
		clearTimeout(this.#timer);
		this.#topics.clear();
		void this.#socket?.then(
			(socket) => socket.close(),
			() => undefined
		);
	}

	async #listen(topics: string[]): Promise<void> {
		await this.#request('irn_batchSubscribe', { topics });
		const kept = (await this.#request('irn_batchFetchMessages', { topics })) as { messages?: unknown } | null;
		if (Array.isArray(kept?.messages)) for (const data of kept.messages) this.#deliver(data);
	}

	async #request(method: string, params: unknown): Promise<unknown> {
		const socket = await this.#open();
		const id = nextId();
		const answer = new Promise<unknown>((resolve, reject) => this.#waiting.set(id, { resolve, reject }));
		socket.send(writeMessage({ id, method, params }));
		// Half-open connections look alive.
		const timer = setTimeout(() => this.#lost(socket, silent()), this.#patience);
		try {
			return await answer;
		} finally {
			clearTimeout(timer);
			this.#waiting.delete(id);
		}
	}

	#open(): Promise<WebSocket> {
		this.#socket ??= this.#connect();
		return this.#socket;
	}

	async #connect(): Promise<WebSocket> {
		clearTimeout(this.#timer);
		const address = new URL(this.#url);
		address.searchParams.set('projectId', this.#projectId);
		address.searchParams.set('auth', pass(this.#url));
		const socket = new WebSocket(address);
		socket.onmessage = ({ data }) => this.#receive(socket, data);
		try {
			await new Promise<void>((resolve, reject) => {
				const timer = setTimeout(() => reject(silent()), this.#patience);
				socket.onopen = () => {
					clearTimeout(timer);
					resolve();
				};
				socket.onclose = ({ code }) => {
					clearTimeout(timer);
					reject(code === REFUSED ? refused() : unreachable());
				};
			});
		} catch (error) {
			this.#lost(socket, unreachable());
			throw error;
		}
		socket.onclose = ({ code }) => this.#lost(socket, code === REFUSED ? refused() : unreachable());
		this.#retry = RETRY;
		return socket;
	}

	/** The connection is gone: whoever waits for the relay is told; it comes back while there is something to hear. */
	#lost(socket: WebSocket, reason: OpenLedgerError): void {
		socket.onclose = null;
		socket.onmessage = null;
		socket.close();
		this.#socket = undefined;
		for (const { reject } of this.#waiting.values()) reject(reason);
		clearTimeout(this.#timer);
		if (this.#closed || this.#topics.size === 0) return;
		this.#timer = setTimeout(() => {
			this.#listen([...this.#topics.keys()]).catch(() => undefined);
		}, this.#retry);
		this.#retry = Math.min(this.#retry * 2, RETRY_MOST);
	}

	#receive(socket: WebSocket, data: unknown): void {
		const message = typeof data === 'string' ? readMessage(data) : undefined;
		if (!message) return;
		if (message.method === undefined) return this.#answer(message);
		if (message.method !== 'irn_subscription') return;
		socket.send(writeMessage({ id: message.id, result: true }));
		this.#deliver((message.params as { data?: unknown } | null)?.data);
	}

	#answer({ id, result, error }: Message): void {
		const waiting = this.#waiting.get(id);
		if (error)
			waiting?.reject(
				new OpenLedgerError('wallet/disconnected', 'The relay between page and wallet refused this.', {
					remedy: 'Check the project id in the settings, then try again.',
					details: { answer: `${String(error.message)}`.slice(0, 300) }
				})
			);
		else waiting?.resolve(result);
	}

	#deliver(data: unknown): void {
		const { topic, message } = (data ?? {}) as { topic?: unknown; message?: unknown };
		const hear = typeof topic === 'string' ? this.#topics.get(topic) : undefined;
		if (!hear || typeof message !== 'string' || this.#heard.has(message)) return;
		this.#heard.add(message);
		for (const oldest of this.#heard) {
			if (this.#heard.size <= REMEMBERED) break;
			this.#heard.delete(oldest);
		}
		hear(message);
	}
}

/**
 * What lets a client in: a JWT (RFC 7519, EdDSA) for the relay's address, signed by the key that it names (did:key). A fresh key for
 * every connection, so that the relay learns nothing by it.
 */
function pass(url: string): string {
	const secret = ed25519.utils.randomPrivateKey();
	// 0xed 0x01: an Ed25519 key (multicodec).
	const issuer = `did:key:${base58btc.encode(Uint8Array.of(0xed, 0x01, ...ed25519.getPublicKey(secret)))}`;
	const now = Math.floor(Date.now() / 1000);
	const claims = { iss: issuer, sub: randomKey(), aud: new URL(url).origin, iat: now, exp: now + 86_400 };
	const encoder = new TextEncoder();
	const text = [{ alg: 'EdDSA', typ: 'JWT' }, claims]
		.map((part) => base64url(encoder.encode(JSON.stringify(part))))
		.join('.');
	return `${text}.${base64url(ed25519.sign(encoder.encode(text), secret))}`;
}

function base64url(bytes: Uint8Array): string {
	return toBase64(bytes).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
}

function unreachable(): OpenLedgerError {
	return new OpenLedgerError('wallet/disconnected', 'The relay between page and wallet cannot be reached.', {
		remedy: 'Check the connection and the relay’s address in the settings, then try again.'
	});
}

function silent(): OpenLedgerError {
	return new OpenLedgerError('wallet/disconnected', 'The relay between page and wallet does not answer.', {
		remedy: 'Check the connection, then try again.'
	});
}

function refused(): OpenLedgerError {
	return new OpenLedgerError('wallet/disconnected', 'The relay does not know this project id.', {
		remedy: 'Check the project id in the settings.'
	});
}
