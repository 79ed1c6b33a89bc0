import { existsSync } from 'node:fs';
import { resolve } from 'node:path';

/**
 * The path of a file or folder of the shared test data, which lies beside the repository and is no part of it.
 *
 * Returns undefined where it is absent: such a test is to skip and say why.
 */
export function sharedPath(relative: string): string | undefined {
	const path = resolve(import.meta.dirname, '../../../shared', relative);
	return existsSync(path) ? path : undefined;
}
