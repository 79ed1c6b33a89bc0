import { CONFIG_FILE, INDEX_FILE, MANIFEST_FILE, WEIGHTS_FILE } from '#workers/adapters/lora-adapter.ts';
import { MAX_ADAPTER_BYTES } from '#workers/adapters/read-adapter.ts';
import { OpenLedgerError } from '#workers/errors.ts';

const KNOWN = [CONFIG_FILE, WEIGHTS_FILE, MANIFEST_FILE, INDEX_FILE];

/**
 * The adapter's files among what a person picked or dropped; others (README.md, optimizer.pt) are left out.
 * @throws OpenLedgerError `adapter/too-large` before anything is read, `adapter/malformed` for two files of one name
 */
export async function adapterFiles(picked: readonly File[]): Promise<Map<string, Uint8Array>> {
	const files = new Map<string, Uint8Array>();
	for (const file of picked) {
		if (!KNOWN.includes(file.name)) continue;
		if (files.has(file.name))
			throw new OpenLedgerError('adapter/malformed', `There are two files named ${file.name}.`, {
				remedy: 'Choose the folder of one adapter.',
				details: { file: file.name }
			});
		if (file.size > MAX_ADAPTER_BYTES)
			throw new OpenLedgerError('adapter/too-large', `${file.name} has ${file.size} bytes.`, {
				remedy: `Adapters up to ${MAX_ADAPTER_BYTES} bytes can be used here.`,
				details: { bytes: file.size, maxBytes: MAX_ADAPTER_BYTES }
			});
		files.set(file.name, new Uint8Array(await file.arrayBuffer()));
	}
	return files;
}
