import { OpenLedgerError, type ErrorCode } from '#workers/errors.ts';

/** Bytes that a page's first tag stands in. */
const HEAD = 1024;

/** Is this HTML? By its first tag (WHATWG MIME Sniffing, 7.1): a page often comes under the type of what was asked for. */
export function isWebPage(content: string | Uint8Array): boolean {
	const head = typeof content === 'string' ? content : new TextDecoder().decode(content.subarray(0, HEAD));
	return /^\uFEFF?\s*<(!doctype html|html|head|body|script|iframe|title|meta|!--)[\s>]/i.test(
		head.slice(0, HEAD)
	);
}

/** A web page in place of data: hosts answer so for addresses that they do not have, networks that want a sign-in for any. */
export function webPage(code: ErrorCode, url: string): OpenLedgerError {
	return new OpenLedgerError(code, 'A web page came where data was expected.', {
		remedy:
			'Check the address. If this network wants you to sign in first, as in hotels and trains, do that and try again.',
		details: { url }
	});
}
