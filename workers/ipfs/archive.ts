import { CarBlockIterator } from '@ipld/car';
import type { CID } from 'multiformats/cid';
import { OpenLedgerError } from '#workers/errors.ts';
import { checkBlock, inlined, type Blocks } from './blocks.ts';

/**
 * Opens a CAR archive (CARv1; ipld.io/specs/transport/car): its root, and its blocks, each checked against its CID when
 * it is asked for.
 * @throws OpenLedgerError `ipfs/malformed`
 */
export async function openArchive(bytes: Uint8Array): Promise<{ root: CID; blocks: Blocks }> {
	const found = new Map<string, Uint8Array>();
	const roots = await CarBlockIterator.fromBytes(bytes)
		.then(async (archive) => {
			for await (const { cid, bytes } of archive) found.set(String(cid), bytes);
			return archive.getRoots();
		})
		.catch((cause: unknown) => {
			throw malformed('it is damaged', cause);
		});
	const [root] = roots;
	if (!root || roots.length > 1) throw malformed('it holds no single thing');
	return {
		root,
		async blocks(cid) {
			const block = inlined(cid) ?? found.get(String(cid));
			if (!block) throw malformed('a part is missing');
			return inlined(cid) ?? (await checkBlock(cid, new Uint8Array(block)));
		}
	};
}

function malformed(reason: string, cause?: unknown): OpenLedgerError {
	return new OpenLedgerError('ipfs/malformed', `This CAR archive cannot be read: ${reason}.`, {
		remedy: 'Get the file again, whole.',
		cause
	});
}
