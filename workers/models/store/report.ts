import { sizeOf, unclaimed } from './blobs.ts';
import type { Folder } from './folder.ts';
import { partKey, type Item, type PendingItem } from './item.ts';
import type { StoreIndex } from './store-index.ts';

/** What the storage page shows. Bytes throughout. */
export interface StoreReport {
	items: Item[];
	/** Unfinished items, with what has arrived of them. */
	pending: (PendingItem & { bytesDone: number })[];
	/** Files that no item names, left by damage: `FileStore.cleanUp` frees them. */
	unclaimed: number;
	/** Of the whole origin. */
	space?: { used: number; quota: number };
	/** False: everything is gone with this window. */
	lasting: boolean;
}

export async function reportOf(folder: Folder, index: StoreIndex): Promise<StoreReport> {
	const { items, pending } = await index.read((state) => ({
		items: [...state.items.values()],
		pending: [...state.pending.values()]
	}));
	const { blobs, parts } = await unclaimed(folder, index);
	const paths = [...blobs.map((name) => `blobs/${name}`), ...parts.map((name) => `parts/${name}`)];
	return {
		items,
		pending: await Promise.all(
			pending.map(async (item) => ({ ...item, bytesDone: await bytesDone(folder, item) }))
		),
		unclaimed: sum(await Promise.all(paths.map((path) => sizeOf(folder, path)))),
		space: await folder.space(),
		lasting: folder.lasting
	};
}

async function bytesDone(folder: Folder, { id, wanted, have }: PendingItem): Promise<number> {
	const missing = wanted.filter(({ path }) => !have.some((file) => file.path === path));
	const parts = missing.map(async (file) => sizeOf(folder, `parts/${await partKey(id, file)}`));
	return sum([...have.map(({ size }) => size), ...(await Promise.all(parts))]);
}

function sum(values: (number | undefined)[]): number {
	return values.reduce<number>((total, value) => total + (value ?? 0), 0);
}
