import { sha256Hex } from '#workers/models/store/hash.ts';
import { CONFIG_FILE, WEIGHTS_FILE } from './lora-adapter.ts';

/**
 * An adapter's identity: SHA-256 over the SHA-256 of its weights and of its configuration, both as hex, one a line. The same
 * matrices with another alpha or rank pattern compute something else, so they are another adapter.
 */
export function adapterId(hashes: Record<typeof WEIGHTS_FILE | typeof CONFIG_FILE, string>): Promise<string> {
	const lines = `${hashes[WEIGHTS_FILE]}\n${hashes[CONFIG_FILE]}\n`;
	return sha256Hex(new TextEncoder().encode(lines));
}
