import { sha256Hex } from './hash.ts';

/** What is kept together under one name: a model's files, an adapter's, or those of an adapter's attribution index. */
export interface ItemLabel {
	/** Stable name, the same in every tab: `hf:owner/repo@revision/dtype`, `bundled:nano`, `adapter:<sha256>`. */
	id: string;
	kind: 'model' | 'adapter' | 'index';
	/** For people. */
	name: string;
	/** Where it came from; empty for what was made or imported here. */
	source: string;
	/** Commit or version at the source. */
	revision?: string;
	/** Facts of the owning room, kept as they are; small. */
	about?: unknown;
}

/** The label alone, without what the store added. */
export function labelOf({ id, kind, name, source, revision, about }: ItemLabel): ItemLabel {
	return { id, kind, name, source, revision, about };
}

export interface ItemFile {
	/** Path inside the item, as at its source: `onnx/model_q4.onnx`. */
	path: string;
	/** Bytes. */
	size: number;
	/** Lower-case hex; also the file's name in the store. */
	sha256: string;
}

export interface Item extends ItemLabel {
	files: ItemFile[];
	/** Milliseconds since the epoch. */
	added: number;
	lastUsed: number;
}

/** A file that an item needs, and what is known of it beforehand. */
export interface WantedFile {
	path: string;
	size?: number;
	sha256?: string;
	/** Git's SHA-1 of the blob: what the Hub tells of files outside LFS. Needs `size`. */
	gitSha1?: string;
}

/** An item whose files are still coming; survives a closed tab. */
export interface PendingItem extends ItemLabel {
	wanted: WantedFile[];
	/** Files that have arrived and are verified. */
	have: ItemFile[];
	/** Milliseconds since the epoch. */
	started: number;
	/** True when the rest can be fetched later; otherwise it is dropped when its tab is gone. */
	resumable: boolean;
}

/** Name of the unfinished file: its content where known, so that two items share one download. */
export async function partKey(itemId: string, file: WantedFile): Promise<string> {
	if (file.sha256) return file.sha256;
	if (file.gitSha1) return `git-${file.gitSha1}`;
	return `named-${await sha256Hex(new TextEncoder().encode(`${itemId}\n${file.path}`))}`;
}
