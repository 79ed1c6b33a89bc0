import { OpenLedgerError } from '#workers/errors.ts';
import { isWebPage, webPage } from '#workers/formats/web-page.ts';
import { fetchBytes } from './fetch-bytes.ts';
import type { Remote } from './request.ts';
import type { RetryPolicy } from './retry.ts';

/** A tree of 1,000 files is about 200 kB. */
const most = 16 << 20;

/**
 * Fetches a small JSON document, with retries.
 * @throws OpenLedgerError `hub/*` (also when the answer is no JSON), `aborted`
 */
export async function fetchJson(
	remote: Remote,
	options: { signal?: AbortSignal; policy?: RetryPolicy } = {}
): Promise<{ json: unknown; headers: Headers }> {
	const tooMany = () => noJson(remote.url, new Error(`more than ${most} bytes`));
	const { bytes, headers } = await fetchBytes(remote, { ...options, most, tooMany });
	try {
		return { json: JSON.parse(new TextDecoder().decode(bytes)) as unknown, headers };
	} catch (error) {
		if (isWebPage(bytes)) throw webPage('hub/wrong-bytes', remote.url);
		throw noJson(remote.url, error as Error);
	}
}

function noJson(url: string, cause: Error): OpenLedgerError {
	return new OpenLedgerError('hub/wrong-bytes', 'The source’s answer cannot be read.', {
		remedy: 'Check the address of the source in the settings: it must be a Hub.',
		details: { url },
		cause
	});
}
