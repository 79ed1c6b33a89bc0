import { CONFIG_FILE, MANIFEST_FILE, WEIGHTS_FILE } from '#workers/adapters/lora-adapter.ts';
import { OpenLedgerError } from '#workers/errors.ts';

/** Folders under static/adapters/. */
export const ADAPTERS = ['anatomy', 'finance'];

/** Every example adapter that ships with the app: its files, and the folder they are served from. @throws OpenLedgerError `hub/unreachable` */
export async function* bundledAdapters(
	appUrl: string
): AsyncGenerator<{ folder: string; files: Map<string, Uint8Array> }> {
	for (const name of ADAPTERS) {
		const folder = new URL(`adapters/${name}/`, appUrl);
		const files = new Map<string, Uint8Array>();
		for (const file of [CONFIG_FILE, WEIGHTS_FILE, MANIFEST_FILE])
			files.set(file, await fetchOwn(new URL(file, folder)));
		yield { folder: folder.href, files };
	}
}

export async function fetchOwn(url: URL): Promise<Uint8Array> {
	let cause: unknown;
	try {
		const response = await fetch(url);
		if (response.ok) return new Uint8Array(await response.arrayBuffer());
		cause = response.status;
	} catch (error) {
		cause = error;
	}
	throw new OpenLedgerError('hub/unreachable', 'A file of the app could not be fetched.', {
		remedy: 'Go online once, so that the app can be stored on this device.',
		details: { url: url.pathname },
		cause
	});
}
