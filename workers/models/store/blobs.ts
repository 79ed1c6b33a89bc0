import type { Folder } from './folder.ts';
import { sha256Of } from './hash.ts';
import type { ItemFile, PendingItem } from './item.ts';
import { partKey } from './item.ts';
import { takeLock } from './lock.ts';
import type { IndexState, StoreIndex } from './store-index.ts';

/** An unfinished download that nobody went on with for so long is removed at the next start. */
const staleMs = 30 * 24 * 3600 * 1000;

export const blobPath = (sha256: string) => `blobs/${sha256}`;
export const blobLock = (folder: Folder, sha256: string) => `${folder.name}/blob/${sha256}`;
export const partLock = (folder: Folder, key: string) => `${folder.name}/part/${key}`;
export const itemLock = (folder: Folder, id: string) => `${folder.name}/item/${id}`;

/** Bytes of a file, undefined when there is none. */
export async function sizeOf(folder: Folder, path: string): Promise<number | undefined> {
	const file = await folder.openToRead(path);
	file?.close();
	return file?.size;
}

/** Is the file there in its full length, and with `deep`, are its bytes the right ones? */
export async function isWhole(folder: Folder, { sha256, size }: ItemFile, deep = false): Promise<boolean> {
	const file = await folder.openToRead(blobPath(sha256));
	if (!file) return false;
	try {
		if (file.size !== size || !deep) return file.size === size;
		return (await sha256Of(file)) === sha256;
	} finally {
		file.close();
	}
}

/** Removes those of the files that no item but `except` names and nobody reads now. Returns the bytes freed. */
export async function removeBlobs(
	folder: Folder,
	index: StoreIndex,
	files: { sha256: string }[],
	except?: string
): Promise<number> {
	return index.read(async (state) => {
		const named = namedBlobs(state, except);
		let freed = 0;
		for (const sha256 of new Set(files.map((file) => file.sha256)))
			if (!named.has(sha256))
				freed += await removeUnlessHeld(folder, [blobPath(sha256)], blobLock(folder, sha256));
		return freed;
	});
}

/** Blobs and parts that no item names. */
export async function unclaimed(
	folder: Folder,
	index: StoreIndex
): Promise<{ blobs: string[]; parts: string[] }> {
	return index.read((state) => unclaimedIn(folder, state));
}

/** Removes what crashes and removals left behind; leaves all in doubt. Returns the bytes freed. */
export async function sweep(folder: Folder, index: StoreIndex): Promise<number> {
	const pending = await index.read((state) => [...state.pending.values()]);
	for (const item of pending) if (await isDead(folder, item)) await index.change(() => [{ drop: item.id }]);
	return index.read(async (state) => {
		if (state.doubt) return 0;
		const { blobs, parts } = await unclaimedIn(folder, state);
		let freed = 0;
		for (const sha256 of blobs)
			freed += await removeUnlessHeld(folder, [blobPath(sha256)], blobLock(folder, sha256));
		for (const key of parts)
			freed += await removeUnlessHeld(folder, [`parts/${key}.log`, `parts/${key}`], partLock(folder, key));
		return freed;
	});
}

async function isDead(folder: Folder, item: PendingItem): Promise<boolean> {
	if (item.resumable && Date.now() - item.started < staleMs) return false;
	const release = await takeLock(itemLock(folder, item.id), { ifAvailable: true });
	await release?.();
	return release !== undefined;
}

async function unclaimedIn(folder: Folder, state: IndexState): Promise<{ blobs: string[]; parts: string[] }> {
	const named = namedBlobs(state);
	const keys = new Set<string>();
	for (const item of state.pending.values())
		for (const file of item.wanted) keys.add(await partKey(item.id, file));
	const parts = (await folder.names('parts')).map((name) => name.replace(/\.log$/, ''));
	return {
		blobs: (await folder.names('blobs')).filter((sha256) => !named.has(sha256)),
		parts: [...new Set(parts)].filter((key) => !keys.has(key))
	};
}

/** SHA-256 of all files that items, complete or not, name. */
export function namedBlobs(state: IndexState, except?: string): Set<string> {
	const named = new Set<string>();
	for (const { id, files } of state.items.values())
		if (id !== except) for (const { sha256 } of files) named.add(sha256);
	for (const { id, have } of state.pending.values())
		if (id !== except) for (const { sha256 } of have) named.add(sha256);
	return named;
}

async function removeUnlessHeld(folder: Folder, paths: string[], lock: string): Promise<number> {
	const release = await takeLock(lock, { ifAvailable: true });
	if (!release) return 0;
	try {
		let freed = 0;
		for (const path of paths) {
			freed += (await sizeOf(folder, path)) ?? 0;
			await folder.remove(path);
		}
		return freed;
	} finally {
		await release();
	}
}
