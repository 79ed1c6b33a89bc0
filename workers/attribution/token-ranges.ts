/**
 * Tokens behind parts of a text.
 *
 * @param decode ids to text; `reply` decoded should be `text`
 * @param ranges where the parts begin and end in `text` (UTF-16 units)
 * @returns [first token, token behind the last) of each; a token belongs to the part it ends in, so a blank goes with its word
 */
export function tokenRanges(
	decode: (ids: number[]) => string,
	reply: readonly number[],
	text: string,
	ranges: readonly [start: number, end: number][]
): [from: number, to: number][] {
	// Where each token ends: how far the text agrees with the tokens up to it. Half characters agree once they are whole.
	const ends: number[] = [];
	let at = 0;
	for (let i = 1; i <= reply.length; i++) {
		const before = decode(reply.slice(0, i));
		if (before.length >= at && text.startsWith(before)) at = before.length;
		ends.push(at);
	}
	const tokenAt = (place: number) => {
		const found = ends.findIndex((end) => end > place);
		return found < 0 ? reply.length : found;
	};
	return ranges.map(([start, end]) => [tokenAt(start), tokenAt(end)]);
}
