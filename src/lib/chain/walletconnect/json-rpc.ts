/** One message of JSON-RPC 2.0. Its number stays text: some wallets and relays count with 19 digits, more than a double holds. */
export interface Message {
	id: string;
	method?: string;
	params?: unknown;
	result?: unknown;
	error?: { code?: unknown; message?: unknown };
}

let last = 0;

/** A number that was not used before: microseconds since 1970, as every client counts. */
export function nextId(): string {
	last = Math.max(last + 1, Date.now() * 1000 + Math.floor(Math.random() * 1000));
	return `${last}`;
}

/** A message as it was sent; undefined where it is none. */
export function readMessage(text: string): Message | undefined {
	try {
		// Quotes inside of strings are escaped, so only keys match.
		const read: unknown = JSON.parse(text.replace(/"id"\s*:\s*(\d{1,20})\b/g, '"id":"$1"'));
		if (typeof read !== 'object' || read === null) return undefined;
		const { id, method, params, result, error } = read as Record<string, unknown>;
		if (typeof id !== 'string' || !/^[\w-]{1,64}$/.test(id)) return undefined;
		if (typeof method === 'string') return { id, method, params };
		if (typeof error === 'object' && error !== null) return { id, error };
		return 'result' in (read as object) ? { id, result } : undefined;
	} catch {
		return undefined;
	}
}

/** JSON of a message, its number as it came. */
export function writeMessage({ id, ...rest }: Message): string {
	const number = /^(0|[1-9]\d{0,19})$/.test(id) ? id : JSON.stringify(id);
	return `{"id":${number},"jsonrpc":"2.0",${JSON.stringify(rest).slice(1)}`;
}
