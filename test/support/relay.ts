import { createPublicKey, verify } from 'node:crypto';
import type { AddressInfo } from 'node:net';
import { base58btc } from 'multiformats/bases/base58';
import { WebSocketServer, type WebSocket } from 'ws';

interface Kept {
	topic: string;
	message: string;
	publishedAt: number;
	tag: number;
}

/** All that clients send, whatever they ask. */
interface Params {
	topic: string;
	topics: string[];
	message: string;
	tag: number;
	pairingTopic: string;
	sessionTopic: string;
	sessionProposalResponse: string;
	sessionSettlementRequest: string;
}

/**
 * A relay of WalletConnect on this machine: the part of its protocol that clients use (JSON-RPC `irn_…` over WebSocket). It lets in
 * whoever shows a valid pass for its address and the right project id. It keeps every message and hands all of a topic, the asker's
 * own too, to whoever fetches: more trying than the real one.
 */
export class LocalRelay {
	readonly projectId = 'a'.repeat(32);
	/** True: takes everything and says nothing. */
	mute = false;
	/** Everything that was published. */
	readonly kept: Kept[] = [];
	#server: WebSocketServer | undefined;
	#port = 0;
	#listeners = new Map<WebSocket, Set<string>>();
	#wallets = new WeakSet<WebSocket>();
	#id = 0;

	static async start(): Promise<LocalRelay> {
		const relay = new LocalRelay();
		await relay.open();
		return relay;
	}

	get url(): string {
		return `ws://127.0.0.1:${this.#port}`;
	}

	/** Connections that are open now. */
	get clients(): number {
		return this.#listeners.size;
	}

	/** Opens, again where it was before. */
	async open(): Promise<void> {
		const server = new WebSocketServer({ host: '127.0.0.1', port: this.#port });
		this.#server = server;
		await new Promise<void>((resolve, reject) => {
			server.once('listening', resolve);
			server.once('error', reject);
		});
		this.#port = (server.address() as AddressInfo).port;
		server.on('connection', (socket, { url }) => {
			const query = new URL(url ?? '', this.url).searchParams;
			if (query.get('projectId') !== this.projectId || !isPass(query.get('auth') ?? '', this.url)) {
				socket.close(3000, 'Unauthorized: invalid key');
				return;
			}
			this.#listeners.set(socket, new Set());
			// So does the wallet's client, and only it, name itself.
			if (query.has('ua')) this.#wallets.add(socket);
			socket.on('close', () => this.#listeners.delete(socket));
			socket.on('message', (data) => this.#receive(socket, `${data as Buffer}`));
		});
	}

	/** Gone, with every connection. */
	async close(): Promise<void> {
		for (const socket of this.#server?.clients ?? []) socket.terminate();
		await new Promise((resolve) => this.#server?.close(resolve));
	}

	/** Cuts the page's connections. */
	cut(): void {
		for (const socket of this.#listeners.keys()) if (!this.#wallets.has(socket)) socket.terminate();
	}

	/** Publishes something to the page, as whoever knows the topic may. The wallet does not hear it. */
	plant(topic: string, message: string): void {
		for (const [socket, topics] of this.#listeners)
			if (topics.has(topic) && !this.#wallets.has(socket))
				this.#send(socket, { topic, message, publishedAt: Date.now(), tag: 0 });
	}

	#publish(topic: string, message: string, tag: number, from: WebSocket): void {
		const data = { topic, message, publishedAt: Date.now(), tag };
		this.kept.push(data);
		for (const [socket, topics] of this.#listeners)
			if (socket !== from && topics.has(topic)) this.#send(socket, data);
	}

	/** A number of 19 digits, as the real relay counts: more than a double holds. */
	#send(socket: WebSocket, data: Kept): void {
		if (this.mute) return;
		const params = JSON.stringify({ id: data.topic, data });
		const id = `${BigInt(Date.now()) * 1_000_000n + BigInt(++this.#id)}`;
		socket.send(`{"id":${id},"jsonrpc":"2.0","method":"irn_subscription","params":${params}}`);
	}

	#receive(socket: WebSocket, text: string): void {
		const { id, method, params } = JSON.parse(text) as {
			id: unknown;
			method?: string;
			params: Params;
		};
		if (!method || this.mute) return;
		const topics = this.#listeners.get(socket) ?? new Set();
		const answer = (): unknown => {
			switch (method) {
				case 'irn_subscribe':
					return this.#subscribe(socket, topics, [params.topic])[0];
				case 'irn_batchSubscribe':
					return this.#subscribe(socket, topics, params.topics);
				case 'irn_unsubscribe':
					return topics.delete(params.topic);
				case 'irn_publish':
					this.#publish(params.topic, params.message, params.tag, socket);
					return true;
				// Two messages at once, as newer wallets approve.
				case 'wc_approveSession':
					this.#publish(params.pairingTopic, params.sessionProposalResponse, 1101, socket);
					this.#publish(params.sessionTopic, params.sessionSettlementRequest, 1102, socket);
					this.#subscribe(socket, topics, [params.sessionTopic]);
					return true;
				case 'irn_batchFetchMessages': {
					const wanted = params.topics;
					return { messages: this.kept.filter(({ topic }) => wanted.includes(topic)), hasMore: false };
				}
				default:
					return undefined;
			}
		};
		const result = answer();
		const outcome = result === undefined ? { error: { code: -32601, message: `no ${method}` } } : { result };
		socket.send(JSON.stringify({ id, jsonrpc: '2.0', ...outcome }));
	}

	#subscribe(socket: WebSocket, topics: Set<string>, more: string[]): string[] {
		for (const topic of more) topics.add(topic);
		// What waited comes by itself to the wallet; the page has to fetch it.
		if (!this.#wallets.has(socket)) return more;
		setTimeout(
			() => this.kept.filter(({ topic }) => more.includes(topic)).forEach((data) => this.#send(socket, data)),
			5
		);
		return more;
	}
}

/** Checks a pass by Node's own Ed25519: it names its key, is meant for this relay and holds now. */
function isPass(token: string, audience: string): boolean {
	const [head = '', body = '', signature = ''] = token.split('.');
	const { iss, aud, sub, iat, exp } = JSON.parse(Buffer.from(body, 'base64url').toString() || '{}') as Record<
		string,
		unknown
	>;
	const raw = base58btc.decode(String(iss).replace('did:key:', '') as `z${string}`);
	if (raw[0] !== 0xed || raw[1] !== 0x01 || raw.length !== 34) return false;
	const key = createPublicKey({
		key: { kty: 'OKP', crv: 'Ed25519', x: Buffer.from(raw.subarray(2)).toString('base64url') },
		format: 'jwk'
	});
	const now = Date.now() / 1000;
	return (
		aud === audience &&
		/^[\da-f]{64}$/.test(String(sub)) &&
		Number(iat) <= now + 5 &&
		Number(exp) > now &&
		verify(null, Buffer.from(`${head}.${body}`), key, Buffer.from(signature, 'base64url'))
	);
}
