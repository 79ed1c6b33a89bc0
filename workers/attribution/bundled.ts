import { CONFIG_FILE, MANIFEST_FILE, WEIGHTS_FILE } from '#workers/adapters/lora-adapter.ts';
import { parseManifest } from '#workers/adapters/manifest.ts';
import { ADAPTERS, fetchOwn } from '#workers/engine/bundled.ts';
import type { AdapterEntry } from '#workers/protocol.ts';
import { INDEX_FILE } from '#workers/adapters/lora-adapter.ts';
import { ROWS_FILE } from './index/rows-file.ts';

/**
 * Index and rows of an example adapter, from the app's own files; undefined for any other adapter.
 * @throws OpenLedgerError `hub/unreachable`
 */
export async function bundledIndex(
	appUrl: string,
	files: AdapterEntry['files']
): Promise<{ index: Uint8Array; rows: Uint8Array } | undefined> {
	for (const name of ADAPTERS) {
		const own = (file: string) => fetchOwn(new URL(`adapters/${name}/${file}`, appUrl));
		const manifest = parseManifest(await own(MANIFEST_FILE));
		if (manifest.files[WEIGHTS_FILE] !== files.weights || manifest.files[CONFIG_FILE] !== files.config)
			continue;
		return { index: await own(INDEX_FILE), rows: await own(ROWS_FILE) };
	}
	return undefined;
}
