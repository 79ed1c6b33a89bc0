import { http, type HttpTransport } from 'viem';
import { webPage } from '#workers/formats/web-page.ts';

/** Milliseconds that a node may take for an answer. */
const PATIENCE = 10_000;

/** A node by its address. A web page in place of its answer is said to be one: viem would pass on what the parser of JSON makes of it. */
export function nodeAt(rpc: string): HttpTransport {
	return http(rpc, {
		timeout: PATIENCE,
		retryCount: 1,
		onFetchResponse: ({ ok, headers }) => {
			if (ok && headers.get('Content-Type')?.startsWith('text/html')) throw webPage('chain/malformed', rpc);
		}
	});
}
