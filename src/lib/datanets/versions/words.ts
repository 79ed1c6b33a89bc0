/** A stretch of text that stayed, went or came. */
export interface Change {
	kind: 'same' | 'gone' | 'new';
	text: string;
}

/** Longer texts are shown as gone and come: the table below grows with the product of both. */
const MOST_WORDS = 600;

/** What changed between two texts, word by word (longest common subsequence). */
export function changedWords(before: string, after: string): Change[] {
	const a = before.split(/(\s+)/);
	const b = after.split(/(\s+)/);
	if (a.length > MOST_WORDS || b.length > MOST_WORDS)
		return [
			{ kind: 'gone', text: before },
			{ kind: 'new', text: after }
		];
	const width = b.length + 1;
	const longest = new Uint16Array((a.length + 1) * width);
	const at = (i: number, j: number) => longest[i * width + j] ?? 0;
	for (let i = a.length - 1; i >= 0; i--)
		for (let j = b.length - 1; j >= 0; j--)
			longest[i * width + j] = a[i] === b[j] ? at(i + 1, j + 1) + 1 : Math.max(at(i + 1, j), at(i, j + 1));
	const changes: Change[] = [];
	const push = (kind: Change['kind'], text = '') => {
		const last = changes.at(-1);
		if (last?.kind === kind) last.text += text;
		else if (text !== '') changes.push({ kind, text });
	};
	let i = 0;
	let j = 0;
	while (i < a.length || j < b.length) {
		if (i < a.length && j < b.length && a[i] === b[j]) {
			push('same', a[i++]);
			j++;
		} else if (j === b.length || (i < a.length && at(i + 1, j) >= at(i, j + 1))) push('gone', a[i++]);
		else push('new', b[j++]);
	}
	return changes;
}
