import { CarWriter } from '@ipld/car';
import { fixedSize } from 'ipfs-unixfs-importer/chunker';
import { importer } from 'ipfs-unixfs-importer';
import type { CID } from 'multiformats/cid';

/** Bytes of one leaf: what `ipfs add` takes by default, so that the CID is the one others get. */
const CHUNK = 262_144;

/**
 * A CARv1 archive that holds one file, or a folder of several, as UnixFS (CIDv1, raw leaves, SHA-256), and its CID: what
 * a pinning service or `ipfs dag import` takes.
 * @param files each with its path where it belongs into a folder
 */
export async function carOf(
	files: readonly { path?: string; content: Blob }[]
): Promise<{ car: Blob; cid: string }> {
	const blocks: { cid: CID; bytes: Uint8Array }[] = [];
	const store = {
		put(cid: CID, bytes: Uint8Array) {
			blocks.push({ cid, bytes });
			return cid;
		}
	};
	let root: CID | undefined;
	const source = files.map(({ path, content }) => ({ path, content: chunksOf(content) }));
	const options = {
		cidVersion: 1 as const,
		rawLeaves: true,
		chunker: fixedSize({ chunkSize: CHUNK }),
		wrapWithDirectory: files.some(({ path }) => path !== undefined)
	};
	// The root comes last.
	for await (const entry of importer(source, store, options)) root = entry.cid;
	if (!root) throw new Error('the importer gave no root');
	const { writer, out } = CarWriter.create([root]);
	const writing = (async () => {
		for (const block of blocks) await writer.put(block);
		await writer.close();
	})();
	const parts: Uint8Array<ArrayBuffer>[] = [];
	for await (const part of out) parts.push(new Uint8Array(part));
	await writing;
	return { car: new Blob(parts, { type: 'application/vnd.ipld.car' }), cid: root.toString() };
}

async function* chunksOf(file: Blob): AsyncGenerator<Uint8Array> {
	for (let at = 0; at < file.size; at += CHUNK)
		yield new Uint8Array(await file.slice(at, at + CHUNK).arrayBuffer());
}
