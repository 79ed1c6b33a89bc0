import { open, seal } from './envelope.ts';
import { nextId, readMessage, writeMessage, type Message } from './json-rpc.ts';
import type { Relay } from './relay.ts';

/**
 * Kinds of messages: how the relay counts a question and its answer (tag), and for how many seconds it keeps them.
 * https://specs.walletconnect.com/2.0/specs/clients/sign/rpc-methods
 */
const KINDS = {
	wc_sessionPropose: { tag: 1100, ttl: 300, prompt: true },
	wc_sessionSettle: { tag: 1102, ttl: 300, prompt: false },
	wc_sessionUpdate: { tag: 1104, ttl: 86_400, prompt: false },
	wc_sessionExtend: { tag: 1106, ttl: 86_400, prompt: false },
	wc_sessionRequest: { tag: 1108, ttl: 300, prompt: true },
	wc_sessionEvent: { tag: 1110, ttl: 300, prompt: false },
	wc_sessionDelete: { tag: 1112, ttl: 86_400, prompt: false },
	wc_sessionPing: { tag: 1114, ttl: 30, prompt: false }
};
type Method = keyof typeof KINDS;

/** What the wallet asks. */
export interface Question {
	method: Method;
	/** Grows from question to question of a wallet, being its clock. */
	id: bigint;
	params: unknown;
}

/** The wallet's no, or whatever else it answered instead. */
export interface WalletError {
	code: number;
	message: string;
}

/** JSON-RPC with the wallet under one topic. What is not sealed with its key is not heard. */
export class Channel {
	readonly #topic: string;
	readonly #key: string;
	readonly #relay: Relay;
	readonly #asked: (question: Question) => true | WalletError | undefined;
	#waiting = new Map<string, { resolve(result: unknown): void; reject(error: unknown): void }>();

	/** @param asked answers a question of the wallet, at once; undefined where it deserves no answer */
	constructor(
		relay: Relay,
		topic: string,
		key: string,
		asked: (question: Question) => true | WalletError | undefined
	) {
		this.#topic = topic;
		this.#key = key;
		this.#relay = relay;
		this.#asked = asked;
	}

	/** Hears the wallet from now on. Throws as the relay's `subscribe`. */
	listen(): Promise<void> {
		return this.#relay.subscribe(this.#topic, (message) => this.#hear(message));
	}

	leave(): void {
		this.#relay.leave(this.#topic);
	}

	/**
	 * Asks the wallet and waits for its answer. Rejects with its `WalletError`, with the signal's reason, or with what the relay throws.
	 */
	async ask(method: Method, params: unknown, signal: AbortSignal): Promise<unknown> {
		signal.throwIfAborted();
		const id = nextId();
		const answer = new Promise<unknown>((resolve, reject) => {
			this.#waiting.set(id, { resolve, reject });
			signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
		});
		// Heard below; until the question is out nobody listens.
		answer.catch(() => undefined);
		try {
			await this.#send(id, method, params);
			return await answer;
		} finally {
			this.#waiting.delete(id);
		}
	}

	/** Says something without waiting for an answer. */
	tell(method: Method, params: unknown): Promise<void> {
		return this.#send(nextId(), method, params);
	}

	async #send(id: string, method: Method, params: unknown): Promise<void> {
		const { tag, ttl, prompt } = KINDS[method];
		await this.#relay.publish(
			this.#topic,
			seal(this.#key, writeMessage({ id, method, params })),
			ttl,
			tag,
			prompt
		);
	}

	#hear(sealed: string): void {
		const text = open(this.#key, sealed);
		const message = text === undefined ? undefined : readMessage(text);
		if (!message) return;
		if (message.method !== undefined) return this.#question(message);
		const waiting = this.#waiting.get(message.id);
		if (message.error) waiting?.reject(walletError(message.error));
		else waiting?.resolve(message.result);
	}

	#question({ id, method, params }: Message): void {
		if (!method || !isMethod(method) || !/^\d+$/.test(id)) return;
		const answer = this.#asked({ method, id: BigInt(id), params });
		if (answer === undefined) return;
		const { tag, ttl } = KINDS[method];
		const reply: Message = answer === true ? { id, result: true } : { id, error: answer };
		// The wallet asks again where this is lost.
		this.#relay
			.publish(this.#topic, seal(this.#key, writeMessage(reply)), ttl, tag + 1)
			.catch(() => undefined);
	}
}

function isMethod(method: string): method is Method {
	return Object.hasOwn(KINDS, method);
}

function walletError({ code, message }: { code?: unknown; message?: unknown }): WalletError {
	return {
		code: typeof code === 'number' && Number.isSafeInteger(code) ? code : 0,
		message: typeof message === 'string' ? message.slice(0, 300) : ''
	};
}
