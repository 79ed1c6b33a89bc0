import { decode, type PBLink } from '@ipld/dag-pb';
import { UnixFS } from 'ipfs-unixfs';
import type { CID } from 'multiformats/cid';
import { OpenLedgerError } from '#workers/errors.ts';
import type { Blocks } from './blocks.ts';

/** Codecs of CIDs (github.com/multiformats/multicodec). */
const DAG_PB = 0x70;
const RAW = 0x55;
/** Blocks of one file that are on their way at once. */
const AHEAD = 6;
/** A file is at most so deep, and has at most so many blocks: what is honest needs a handful of levels, 4 blocks a MiB. */
const MAX_DEPTH = 16;
const MAX_BLOCKS = 20_000;

/** A node of UnixFS (specs.ipfs.tech/unixfs): a leaf's bytes, or a file or folder with links. */
interface Node {
	kind: 'file' | 'folder';
	/** Bytes that stand in the node itself. */
	data: Uint8Array;
	links: PBLink[];
	/** Bytes of the whole file, as the node states them. */
	size: number;
}

interface ReadOptions {
	/** Bytes at most; the error that more of them are. */
	most: number;
	tooMany: (bytes: number) => Error;
	signal?: AbortSignal;
	/** Told after each block: bytes so far, and of the block. */
	onBytes?: (done: number, received: number) => void;
}

/**
 * What a folder holds, by name; undefined where the path below `root` leads to none.
 * @throws OpenLedgerError `ipfs/*`, `hub/*`
 */
export async function listFolder(
	blocks: Blocks,
	root: CID,
	path: string,
	signal?: AbortSignal
): Promise<ReadonlyMap<string, CID> | undefined> {
	const [next, ...rest] = path.split('/').filter(Boolean);
	const node = readNode(root, await blocks(root, signal));
	if (node.kind !== 'folder') return undefined;
	const entries = new Map(node.links.map(({ Name, Hash }) => [Name ?? '', Hash as CID]));
	if (next === undefined) return entries;
	const below = entries.get(next);
	return below && listFolder(blocks, below, rest.join('/'), signal);
}

/** Bytes of a file, as its first block states them; `readFile` holds it to that. */
export async function fileSize(blocks: Blocks, cid: CID, signal?: AbortSignal): Promise<number> {
	return fileNode(cid, await blocks(cid, signal)).size;
}

/**
 * A whole file, block by block in its order.
 * @throws OpenLedgerError `ipfs/*`, `hub/*`, `aborted`, or what `tooMany` makes
 */
export async function readFile(
	blocks: Blocks,
	cid: CID,
	{ most, tooMany, signal, onBytes }: ReadOptions
): Promise<Uint8Array<ArrayBuffer>> {
	const pieces: Uint8Array[] = [];
	let [done, count] = [0, 0];
	const load = async (next: CID) => {
		if (++count > MAX_BLOCKS) throw malformed('it has more blocks than a file of this size needs');
		return fileNode(next, await blocks(next, signal));
	};
	async function collect(node: Node, depth: number): Promise<void> {
		if (depth > MAX_DEPTH) throw malformed('it is nested too deep');
		const before = done;
		if (node.size > most) throw tooMany(node.size);
		if (node.data.length) {
			done += node.data.length;
			if (done > most) throw tooMany(done);
			pieces.push(node.data);
			onBytes?.(done, node.data.length);
		}
		const waiting: Promise<Node>[] = [];
		for (let i = 0; i < node.links.length || waiting.length > 0;) {
			while (waiting.length < AHEAD && i < node.links.length) {
				const next = load((node.links[i++] as PBLink).Hash as CID);
				// Of several that fail the first says why.
				next.catch(() => undefined);
				waiting.push(next);
			}
			await collect(await (waiting.shift() as Promise<Node>), depth + 1);
		}
		if (done - before !== node.size) throw malformed('its parts are not as long as it says');
	}
	await collect(await load(cid), 0);
	return new Uint8Array(await new Blob(pieces as Uint8Array<ArrayBuffer>[]).arrayBuffer());
}

function fileNode(cid: CID, bytes: Uint8Array): Node {
	const node = readNode(cid, bytes);
	if (node.kind === 'folder') throw malformed('a folder stands where a file should');
	return node;
}

function readNode(cid: CID, bytes: Uint8Array): Node {
	if (cid.code === RAW) return { kind: 'file', data: bytes, links: [], size: bytes.length };
	if (cid.code !== DAG_PB) throw malformed('it is no file of IPFS');
	let node: { links: PBLink[]; entry: UnixFS };
	try {
		const { Data, Links } = decode(bytes);
		node = { links: Links, entry: UnixFS.unmarshal(Data ?? new Uint8Array()) };
	} catch (cause) {
		throw malformed('a block is no part of a file', cause);
	}
	const { links, entry } = node;
	if (entry.type === 'directory') return { kind: 'folder', data: new Uint8Array(), links, size: 0 };
	if (entry.type === 'hamt-sharded-directory')
		throw new OpenLedgerError('ipfs/unsupported', 'This folder of IPFS is split into several blocks.', {
			remedy: 'Put the files of the adapter into a folder of their own.'
		});
	if (entry.type !== 'file' && entry.type !== 'raw') throw malformed(`it is a ${entry.type}`);
	const data = entry.data ?? new Uint8Array();
	return { kind: 'file', data, links, size: Number(entry.fileSize()) };
}

function malformed(reason: string, cause?: unknown): OpenLedgerError {
	return new OpenLedgerError('ipfs/malformed', `What the CID leads to cannot be used: ${reason}.`, {
		remedy: 'Ask whoever sent it; it must be a folder with the files of an adapter.',
		cause
	});
}
