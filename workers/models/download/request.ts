import { OpenLedgerError } from '#workers/errors.ts';
import { Retry, retryAfterMs } from './retry.ts';

export interface Remote {
	url: string;
	headers?: Record<string, string>;
}

/** One GET with a watch: `alive` postpones the end that silence brings. `close` must be called. */
export interface Connection {
	response: Response;
	/** Aborted by the watch or the person; its reason says which. */
	signal: AbortSignal;
	alive(): void;
	close(): void;
}

/**
 * Asks once. A status that means failure becomes a Retry or an OpenLedgerError (`hub/not-found`, `hub/unauthorised`,
 * `hub/unreachable`); 416 is returned.
 * @param range first byte wanted, when not the whole
 */
export async function connect(
	{ url, headers }: Remote,
	{ range, stallMs, signal }: { range?: number; stallMs: number; signal?: AbortSignal }
): Promise<Connection> {
	const controller = new AbortController();
	const stop = () => controller.abort(signal?.reason);
	signal?.addEventListener('abort', stop, { once: true });
	if (signal?.aborted) stop();
	let timer: ReturnType<typeof setTimeout> | undefined;
	const alive = () => {
		clearTimeout(timer);
		timer = setTimeout(() => controller.abort(new Retry('nothing has come for a while')), stallMs);
	};
	const close = () => {
		clearTimeout(timer);
		signal?.removeEventListener('abort', stop);
		controller.abort();
	};
	alive();
	try {
		const response = await fetch(url, {
			headers: range === undefined ? headers : { ...headers, Range: `bytes=${range}-` },
			signal: controller.signal,
			// The store is the cache; a second copy of a gigabyte helps nobody.
			cache: 'no-store'
		});
		checkStatus(response, url);
		return { response, signal: controller.signal, alive, close };
	} catch (error) {
		close();
		throw asRetry(error, controller.signal);
	}
}

/** A failed fetch or read: what the watch said, or the network's own error. */
export function asRetry(error: unknown, signal?: AbortSignal): unknown {
	if (error instanceof OpenLedgerError || error instanceof Retry) return error;
	if (signal?.reason instanceof Retry) return signal.reason;
	return new Retry('the connection failed', { cause: error });
}

function checkStatus({ status, headers }: Response, url: string): void {
	if ([200, 206, 416].includes(status)) return;
	const details = { url, status };
	if (status === 404 || status === 410)
		throw new OpenLedgerError('hub/not-found', 'The source has no such model or file.', {
			remedy: 'Check the name and the revision.',
			details
		});
	if (status === 401 || status === 403)
		throw new OpenLedgerError('hub/unauthorised', 'The source asks for permission.', {
			remedy:
				'Check the name (the Hub answers so for unknown ones too), or accept the licence on the model’s page.',
			details
		});
	if (status === 408 || status === 425 || status === 429 || status >= 500)
		throw new Retry(`status ${status}`, { waitMs: retryAfterMs(headers.get('Retry-After')) });
	throw new OpenLedgerError('hub/unreachable', `The source answered with status ${status}.`, {
		remedy: 'Try again later, or use another source.',
		details
	});
}
