const protocols = new Set(['http:', 'https:', 'mailto:']);

/**
 * An absolute link that may be followed, and where it leads in words that cannot be faked by its text.
 * Undefined for scripts, data, relative addresses and whatever does not parse.
 */
export function safeLink(href: string): { href: string; target: string } | undefined {
	let url: URL;
	try {
		url = new URL(href);
	} catch {
		return undefined;
	}
	if (!protocols.has(url.protocol)) return undefined;
	// A name before the host (`https://bank.example@evil.example`) only ever misleads.
	url.username = '';
	url.password = '';
	return { href: url.href, target: url.protocol === 'mailto:' ? url.pathname : url.host };
}
