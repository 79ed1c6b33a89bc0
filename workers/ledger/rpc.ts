import { OpenLedgerError } from '../errors.ts';
import { isWebPage, webPage } from '../formats/web-page.ts';

/**
 * One JSON-RPC call, as a wallet or a chain in the tab takes it too (EIP-1193). `most`: bytes beyond which the answer is not wanted;
 * where it comes over HTTP it is then not read to its end, and an RpcError says so.
 */
export type RpcRequest = (call: { method: string; params?: unknown; most?: number }) => Promise<unknown>;

/** The node answered with an error of its own. */
export class RpcError extends Error {
	override readonly name = 'RpcError';
	readonly code: number;

	constructor(code: number, message: string) {
		super(message);
		this.code = code;
	}
}

/** Milliseconds after which a node that says nothing is given up. */
const PATIENCE = 20_000;
const TRIES = 3;
/** Bytes that no answer needs: a block of 60 million gas has less than 16 MB of logs. */
const MOST = 2 ** 27;
/** EIP-1474: an answer that exceeds a limit. */
const LIMIT_EXCEEDED = -32_005;

export function unreachable(cause?: unknown): OpenLedgerError {
	return new OpenLedgerError('ledger/unreachable', 'The network does not answer.', {
		remedy:
			'Check the connection. What is owed is kept here and nothing is lost; it goes on when the network is back.',
		cause
	});
}

/** What came from a node and cannot be true. `what` names it. */
export function nonsense(what: string, details?: Record<string, string | number>): OpenLedgerError {
	return new OpenLedgerError(
		'ledger/malformed',
		`The network sent something that cannot be right: ${what}.`,
		{
			remedy: 'Try again later or choose another RPC address. Nothing was changed.',
			details
		}
	);
}

/**
 * JSON-RPC over HTTP. Silence and broken connections are tried three times, then `ledger/unreachable`; what is no
 * JSON-RPC answer is `ledger/malformed`; the node's own errors come through as RpcError.
 * @param patience milliseconds that one answer may take
 */
export function httpRpc(url: string, signal?: AbortSignal, patience = PATIENCE): RpcRequest {
	let id = 0;
	const once = async (body: string, most: number): Promise<unknown> => {
		const late = AbortSignal.timeout(patience);
		const response = await fetch(url, {
			method: 'POST',
			headers: { 'content-type': 'application/json' },
			body,
			signal: signal ? AbortSignal.any([signal, late]) : late
		});
		if (response.status === 429 || response.status >= 500) throw new Error(`status ${response.status}`);
		const text = await readText(response, most);
		try {
			return JSON.parse(text);
		} catch {
			throw isWebPage(text) ? webPage('ledger/malformed', url) : nonsense('an answer that is no JSON');
		}
	};
	return async ({ method, params, most = MOST }) => {
		const body = JSON.stringify({ jsonrpc: '2.0', id: ++id, method, params: params ?? [] });
		for (let attempt = 1; ; attempt++) {
			try {
				return readAnswer(await once(body, most));
			} catch (error) {
				signal?.throwIfAborted();
				if (error instanceof RpcError || error instanceof OpenLedgerError) throw error;
				if (attempt === TRIES) throw unreachable(error);
				await new Promise((resolve) => setTimeout(resolve, 250 * 4 ** (attempt - 1)));
			}
		}
	};
}

/** A body of at most `most` bytes; of a longer one no more is read, so that no node can fill the memory. */
async function readText(response: Response, most: number): Promise<string> {
	const decoder = new TextDecoder();
	let text = '';
	let length = 0;
	for await (const chunk of chunksOf(response)) {
		length += chunk.length;
		if (length > most) throw new RpcError(LIMIT_EXCEEDED, `the answer has more than ${most} bytes`);
		text += decoder.decode(chunk, { stream: true });
	}
	return text + decoder.decode();
}

async function* chunksOf({ body }: Response): AsyncGenerator<Uint8Array> {
	const reader = body?.getReader();
	if (!reader) return;
	try {
		for (let next = await reader.read(); !next.done; next = await reader.read()) yield next.value;
	} finally {
		await reader.cancel().catch(() => undefined);
	}
}

function readAnswer(answer: unknown): unknown {
	if (typeof answer !== 'object' || answer === null) throw nonsense('an answer that is no object');
	if ('error' in answer && answer.error) {
		const { code, message } = answer.error as { code?: unknown; message?: unknown };
		throw new RpcError(Number(code), String(message));
	}
	if (!('result' in answer)) throw nonsense('an answer without a result');
	return answer.result;
}

/** A number below 2^53 out of a JSON-RPC quantity. */
export function readQuantity(value: unknown, what: string): number {
	if (typeof value !== 'string' || !/^0x[0-9a-f]{1,14}$/i.test(value)) throw nonsense(what);
	return Number.parseInt(value, 16);
}

export interface Head {
	number: number;
	hash: string;
	/** Seconds since the epoch. */
	time: number;
}

/** A block's number, hash and time; undefined where the node does not have it. */
export async function readBlock(request: RpcRequest, block: number | 'latest'): Promise<Head | undefined> {
	const tag = typeof block === 'number' ? `0x${block.toString(16)}` : block;
	const found = (await request({ method: 'eth_getBlockByNumber', params: [tag, false] })) as Record<
		string,
		unknown
	> | null;
	if (!found) return undefined;
	if (typeof found.hash !== 'string') throw nonsense('a block without a hash');
	return {
		number: readQuantity(found.number, 'a block without a number'),
		hash: found.hash,
		time: readQuantity(found.timestamp, 'a block without a time')
	};
}
