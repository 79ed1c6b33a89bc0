import { fromBase64, toBase64 } from '#workers/datanets/bundle/base64.ts';
import { OpenLedgerError } from '#workers/errors.ts';

/** Longest bundle that a link carries: what a QR code of its link still holds (version 40, low correction). */
export const LONGEST_LINK = 2_100;

/**
 * A link that carries a small bundle, or the address of a larger one, after `#`: no host learns of it.
 * `#bundle=` base64url · `#from=` an https address.
 */
export function linkTo(base: string, bundle: Uint8Array): string {
	const text = toBase64(bundle).replace(/\+/g, '-').replace(/\//g, '_').replace(/=+$/, '');
	return `${base}#bundle=${text}`;
}

/** The bundle that a link carries or points to; undefined for a link with neither. Throws `datanet/malformed`, `hub/*`. */
export async function fileFromLink(hash: string): Promise<File | undefined> {
	const parameters = new URLSearchParams(hash.replace(/^#/, ''));
	const inline = parameters.get('bundle');
	if (inline !== null) {
		const bytes = fromBase64(inline.replace(/-/g, '+').replace(/_/g, '/'));
		if (!bytes)
			throw new OpenLedgerError('datanet/malformed', 'This link is damaged.', {
				remedy: 'Copy the whole link, or ask for the file.'
			});
		return new File([bytes], 'link.datanet');
	}
	const from = parameters.get('from');
	if (from === null) return undefined;
	const url = URL.parse(from);
	if (url?.protocol !== 'https:' && url?.hostname !== 'localhost' && url?.hostname !== '127.0.0.1')
		throw new OpenLedgerError('datanet/malformed', 'This link points to no https address.', {
			remedy: 'Ask for the file, or for a link that begins with https://.'
		});
	const response = await fetch(url).catch((cause: unknown) => {
		throw new OpenLedgerError('hub/unreachable', 'The file that this link points to cannot be fetched.', {
			remedy: 'Download it yourself and open it here: its host may not allow other pages to read it.',
			cause
		});
	});
	if (!response.ok)
		throw new OpenLedgerError('hub/not-found', 'The file that this link points to is not there.', {
			remedy: 'Ask for a new link.',
			details: { status: response.status }
		});
	return new File([await response.blob()], 'link.datanet');
}
