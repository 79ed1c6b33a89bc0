import { OpenLedgerError } from '#workers/errors.ts';
import { fetchJson } from '#workers/models/download/fetch-json.ts';
import type { DownloadOptions, DownloadPlan } from '#workers/models/download/download-item.ts';
import type { ItemLabel } from '#workers/models/store/item.ts';
import { isSafePath } from './safe-path.ts';

/** What else a manifest tells: as the builder wrote it, checked by whoever uses it. */
export interface ManifestPlan extends DownloadPlan {
	config: unknown;
	parameters: unknown;
	dtype: unknown;
}

/**
 * The plan of what a `manifest.json` beside the files lists (path, size, sha256): how the app's own model is described.
 * @param folderUrl with a trailing slash
 * @throws OpenLedgerError `hub/*`, `aborted`
 */
export async function planManifest(
	folderUrl: string,
	label: ItemLabel,
	options: Pick<DownloadOptions, 'signal' | 'policy'> = {}
): Promise<ManifestPlan> {
	const { json } = await fetchJson({ url: new URL('manifest.json', folderUrl).href }, options);
	const { files: entries, config, parameters, dtype } = (json ?? {}) as Record<string, unknown>;
	if (!Array.isArray(entries) || entries.length === 0) throw malformed('it lists no files');
	const files = entries.map((entry: unknown) => {
		const { path, size, sha256 } = (entry ?? {}) as Record<string, unknown>;
		if (!isSafePath(path)) throw malformed('a path leaves the folder');
		if (typeof size !== 'number' || !Number.isSafeInteger(size) || size < 0)
			throw malformed(`${path} has no size`);
		if (typeof sha256 !== 'string' || !/^[0-9a-f]{64}$/.test(sha256))
			throw malformed(`${path} has no SHA-256`);
		return { path, size, sha256, remote: { url: new URL(path, folderUrl).href } };
	});
	return { label, files, config, parameters, dtype };
}

function malformed(reason: string): OpenLedgerError {
	return new OpenLedgerError('hub/wrong-bytes', `The list of the model's files cannot be used: ${reason}.`, {
		remedy: 'Reload the page; if it happens again, the app was not installed completely on its host.'
	});
}
