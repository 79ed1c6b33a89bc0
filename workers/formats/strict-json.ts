/** What a strict reader minds in JSON that `JSON.parse` lets pass. */
interface JsonLimits {
	/** Objects and arrays within one another. */
	maxDepth: number;
}

/**
 * Parses JSON (text, or bytes in UTF-8), refusing what `JSON.parse` would hide: a key given twice in one object (the last
 * silently wins), nesting deeper than `maxDepth`, and bytes that are not UTF-8.
 *
 * Throws a SyntaxError or TypeError with the reason.
 */
export function parseStrictJson(json: string | Uint8Array, { maxDepth }: JsonLimits): unknown {
	const text = typeof json === 'string' ? json : new TextDecoder('utf-8', { fatal: true }).decode(json);
	const value: unknown = JSON.parse(text);
	// The text is valid JSON from here on, so the scan need only know strings, braces and colons.
	const keysOf: (Set<string> | undefined)[] = [];
	let lastString = '';
	for (let i = 0; i < text.length; i++) {
		const c = text.charCodeAt(i);
		if (c === 0x22) {
			const start = i;
			do {
				i = text.indexOf('"', i + 1);
			} while (isEscaped(text, i));
			lastString = text.slice(start, i + 1);
		} else if (c === 0x3a) {
			const key = lastString.includes('\\') ? (JSON.parse(lastString) as string) : lastString.slice(1, -1);
			const keys = keysOf.at(-1);
			if (keys?.has(key)) throw new SyntaxError(`the key "${key.slice(0, 80)}" appears twice`);
			keys?.add(key);
		} else if (c === 0x7b || c === 0x5b) {
			keysOf.push(c === 0x7b ? new Set() : undefined);
			if (keysOf.length > maxDepth) throw new SyntaxError(`nested more than ${maxDepth} deep`);
		} else if (c === 0x7d || c === 0x5d) keysOf.pop();
	}
	return value;
}

/** A JSON object: no list, no null. */
export function isJsonObject(value: unknown): value is Record<string, unknown> {
	return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isEscaped(text: string, quote: number): boolean {
	let backslashes = 0;
	while (text.charCodeAt(quote - 1 - backslashes) === 0x5c) backslashes++;
	return backslashes % 2 === 1;
}
