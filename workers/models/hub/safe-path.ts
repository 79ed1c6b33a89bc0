/** A relative path that stays inside its folder: names come from servers and manifests. */
export function isSafePath(path: unknown): path is string {
	if (typeof path !== 'string' || path.length === 0 || path.length > 500) return false;
	if (/[\\\u0000-\u001f]/.test(path)) return false;
	return path.split('/').every((part) => part !== '' && part !== '.' && part !== '..');
}
