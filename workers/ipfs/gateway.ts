import { fetchBytes } from '#workers/models/download/fetch-bytes.ts';
import type { RetryPolicy } from '#workers/models/download/retry.ts';
import { OpenLedgerError } from '#workers/errors.ts';
import { isWebPage, webPage } from '#workers/formats/web-page.ts';
import { checkBlock, inlined, MAX_BLOCK, type Blocks } from './blocks.ts';

const RAW = 'application/vnd.ipld.raw';

/**
 * Blocks from an HTTP gateway that need not be trusted: each is asked for raw (specs.ipfs.tech/http-gateways/trustless-gateway)
 * and checked against its CID. The gateway learns which are asked for, and can refuse, but can change nothing.
 * @param gateway its address, such as https://trustless-gateway.link
 */
export function gatewayBlocks(gateway: string, policy?: RetryPolicy): Blocks {
	const base = gateway.replace(/\/+$/, '');
	return async (cid, signal) => {
		const here = inlined(cid);
		if (here) return here;
		const remote = { url: `${base}/ipfs/${cid}?format=raw`, headers: { Accept: RAW } };
		const { bytes } = await fetchBytes(remote, { most: MAX_BLOCK, tooMany, signal, policy });
		try {
			return await checkBlock(cid, bytes);
		} catch (error) {
			// A page that was put on IPFS is a block like any other.
			throw isWebPage(bytes) ? webPage('ipfs/wrong-block', remote.url) : error;
		}
	};
}

function tooMany(bytes: number): OpenLedgerError {
	return new OpenLedgerError('ipfs/wrong-block', 'The gateway sends more than a block of IPFS can hold.', {
		remedy: 'Choose a gateway that hands out raw blocks, in the settings.',
		details: { bytes, maxBytes: MAX_BLOCK }
	});
}
