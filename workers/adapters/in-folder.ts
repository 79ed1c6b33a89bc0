import type { CID } from 'multiformats/cid';
import type { Blocks } from '#workers/ipfs/blocks.ts';
import { fileSize, listFolder, readFile } from '#workers/ipfs/unixfs.ts';
import { noAdapter, type Located } from './locate.ts';
import { WEIGHTS_FILE } from './lora-adapter.ts';

/**
 * An adapter in a folder of IPFS.
 * @param folder path below `root`
 * @throws OpenLedgerError `hub/not-found`, `ipfs/*`, `hub/*`
 */
export async function inFolder(
	blocks: Blocks,
	root: CID,
	folder: string,
	signal?: AbortSignal
): Promise<Pick<Located, 'read' | 'bytes' | 'sizeOf'>> {
	const files = await listFolder(blocks, root, folder, signal);
	const weights = files?.get(WEIGHTS_FILE);
	if (!weights) throw noAdapter(`There is no ${WEIGHTS_FILE} behind this CID.`);
	return {
		bytes: await fileSize(blocks, weights, signal),
		async sizeOf(file) {
			const cid = files?.get(file);
			return cid ? fileSize(blocks, cid, signal) : 0;
		},
		async read(file, options) {
			const cid = files?.get(file);
			if (!cid) throw noAdapter(`There is no ${file} behind this CID.`);
			return readFile(blocks, cid, options);
		}
	};
}
