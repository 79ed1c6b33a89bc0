import { CID } from 'multiformats/cid';
import { OpenLedgerError } from '#workers/errors.ts';
import { toHex } from '#workers/datanets/hash.ts';
import { sha256Hex } from '#workers/models/store/hash.ts';

/** Gives the bytes of a block, checked against its CID. Throws `hub/*`, `ipfs/*`, `aborted`. */
export type Blocks = (cid: CID, signal?: AbortSignal) => Promise<Uint8Array>;

/** Bytes of a block at most: what IPFS itself passes on (specs.ipfs.tech/bitswap-protocol). */
export const MAX_BLOCK = 2 << 20;

/** Multihash codes (github.com/multiformats/multicodec). */
const SHA2_256 = 0x12;
const IDENTITY = 0x00;

/** Reads a CID that a person gave. @throws OpenLedgerError `link/malformed` */
export function parseCid(text: string): CID {
	try {
		return CID.parse(text);
	} catch (cause) {
		throw new OpenLedgerError('link/malformed', 'This is no content identifier of IPFS (CID).', {
			remedy: 'Ask for the link again; a CID begins with bafy, bafkrei or Qm.',
			cause
		});
	}
}

/** What the CID itself holds, for the small blocks that are written into it. */
export function inlined({ multihash }: CID): Uint8Array | undefined {
	return multihash.code === IDENTITY ? multihash.digest : undefined;
}

/**
 * Lets bytes pass that are those a CID names.
 * @throws OpenLedgerError `ipfs/wrong-block`, `ipfs/unsupported`
 */
export async function checkBlock(cid: CID, bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>> {
	const { code, digest } = cid.multihash;
	if (code !== SHA2_256)
		throw new OpenLedgerError('ipfs/unsupported', 'This CID names its bytes by another hash than SHA-256.', {
			remedy: 'Add the files to IPFS again with its default hash.',
			details: { cid: String(cid), code }
		});
	if (`0x${await sha256Hex(bytes)}` === toHex(digest)) return bytes;
	throw new OpenLedgerError('ipfs/wrong-block', 'What came is not what the CID names.', {
		remedy: 'Nothing of it was kept. Choose another gateway in the settings, or get the file again.',
		details: { cid: String(cid) }
	});
}
