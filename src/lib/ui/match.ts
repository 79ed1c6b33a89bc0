/**
 * How well an entry of a list answers what was typed: 0 hides it. Every word must occur; a label that starts with the
 * query comes first. The shape is what bits-ui's Command asks for: `keywords` holds the label, then other text.
 */
export function match(_value: string, query: string, keywords: string[] = []): number {
	const [label = ''] = keywords;
	const words = query.toLowerCase().split(/\s+/).filter(Boolean);
	const all = keywords.join(' ').toLowerCase();
	if (!words.every((word) => all.includes(word))) return 0;
	const head = label.toLowerCase();
	return head.startsWith(query.trim().toLowerCase())
		? 1
		: words.every((word) => head.includes(word))
			? 0.8
			: 0.5;
}
