import { OpenLedgerError } from '#workers/errors.ts';
import { asRetry, connect, type Remote } from './request.ts';
import { patient, Retry, withRetries, type RetryPolicy } from './retry.ts';

/** A tree of 1,000 files is about 200 kB. */
const maxBytes = 16 << 20;

/**
 * Fetches a small JSON document, with retries.
 * @throws OpenLedgerError `hub/*` (also when the answer is no JSON), `aborted`
 */
export async function fetchJson(
	remote: Remote,
	{ signal, policy = patient }: { signal?: AbortSignal; policy?: RetryPolicy } = {}
): Promise<{ json: unknown; headers: Headers }> {
	return withRetries(
		async () => {
			const connection = await connect(remote, { stallMs: policy.stallMs, signal });
			try {
				const text = await readText(connection.response, connection.alive);
				return { json: JSON.parse(text) as unknown, headers: connection.response.headers };
			} catch (error) {
				if (error instanceof SyntaxError) throw noJson(remote.url, error);
				throw asRetry(error, connection.signal);
			} finally {
				connection.close();
			}
		},
		{ signal, policy }
	);
}

async function readText({ body, url }: Response, alive: () => void): Promise<string> {
	const decoder = new TextDecoder();
	const reader = body?.getReader();
	if (!reader) throw new Retry('the answer is empty');
	let text = '';
	for (let piece = await reader.read(); !piece.done; piece = await reader.read()) {
		alive();
		text += decoder.decode(piece.value, { stream: true });
		if (text.length > maxBytes) throw noJson(url, new Error(`more than ${maxBytes} bytes`));
	}
	return text + decoder.decode();
}

function noJson(url: string, cause: Error): OpenLedgerError {
	return new OpenLedgerError('hub/wrong-bytes', 'The source’s answer cannot be read.', {
		remedy: 'Check the address of the source in the settings: it must be a Hub.',
		details: { url },
		cause
	});
}
