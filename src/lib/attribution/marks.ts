/**
 * Marks in the text of replies, drawn by the browser over what is there (CSS Custom Highlight API): no element is added, so nothing
 * moves. `same-words`: stands verbatim in rows. `pointed`: the passage that a person points at or asks about.
 */
export type Mark = 'same-words' | 'pointed';

/** Whether this browser can draw marks; where it cannot, the panel beside still says it all. */
const canMark = typeof CSS !== 'undefined' && 'highlights' in CSS;

/** Draws a mark over ranges until the returned function is called. */
export function mark(kind: Mark, ranges: readonly Range[]): () => void {
	if (!canMark || ranges.length === 0) return () => undefined;
	const name = `reply-${kind}`;
	let highlight = CSS.highlights.get(name);
	if (!highlight) CSS.highlights.set(name, (highlight = new Highlight()));
	for (const range of ranges) highlight.add(range);
	return () => {
		for (const range of ranges) highlight.delete(range);
	};
}
