import { sizeOf } from '#workers/models/store/blobs.ts';
import type { Folder } from '#workers/models/store/folder.ts';

/** Where indexes of words lie, each as `ADAPTER.ROWS.HASH` (span-store.ts). */
export const SPANS = 'spans';

/** Bytes of each adapter's indexes of words. */
export async function spanSizes(folder: Folder): Promise<Map<string, number>> {
	const sizes = new Map<string, number>();
	for (const name of await folder.names(SPANS)) {
		const adapter = name.slice(0, name.indexOf('.'));
		sizes.set(adapter, (sizes.get(adapter) ?? 0) + ((await sizeOf(folder, `${SPANS}/${name}`)) ?? 0));
	}
	return sizes;
}

/** They are built again when somebody asks for them. */
export async function removeSpans(folder: Folder, adapter: string): Promise<void> {
	for (const name of await folder.names(SPANS))
		if (name.startsWith(`${adapter}.`)) await folder.remove(`${SPANS}/${name}`);
}
