import { LONGEST_RECORD } from './items.ts';

/** A line without its end, and its number from 1; `text` is undefined where the line is too long to be looked at. */
export interface Line {
	at: number;
	text: string | undefined;
}

/**
 * Cuts text into lines (\n, \r\n), in groups as they become complete. A line of any length costs at most `longest`
 * characters of memory.
 */
export async function* linesOf(
	pieces: AsyncIterable<string>,
	longest = LONGEST_RECORD
): AsyncGenerator<Line[]> {
	let rest = '';
	let tooLong = false;
	let at = 1;
	for await (const piece of pieces) {
		const group: Line[] = [];
		let start = 0;
		for (let end = piece.indexOf('\n'); end >= 0; end = piece.indexOf('\n', start)) {
			const text = rest + piece.slice(start, end);
			group.push({
				at: at++,
				text: tooLong || text.length > longest ? undefined : withoutReturn(text)
			});
			rest = '';
			tooLong = false;
			start = end + 1;
		}
		if (!tooLong) rest += piece.slice(start);
		if (rest.length > longest) {
			tooLong = true;
			rest = '';
		}
		if (group.length > 0) yield group;
	}
	if (rest !== '' || tooLong) yield [{ at, text: tooLong ? undefined : withoutReturn(rest) }];
}

function withoutReturn(line: string): string {
	return line.endsWith('\r') ? line.slice(0, -1) : line;
}
