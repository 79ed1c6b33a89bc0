import { OpenLedgerError } from '../../errors.ts';
import { GROUP, isRecord, LONGEST_RECORD, type Item, type Items } from './items.ts';
import { linesOf } from './lines.ts';

export const TOO_LONG = `longer than ${LONGEST_RECORD.toLocaleString('en')} characters`;

/** JSON Lines: one object a line. Empty lines are nothing; a bad line is reported and the next one read. */
export async function* readJsonLines(pieces: AsyncIterable<string>): Items {
	for await (const lines of linesOf(pieces)) {
		const items: Item[] = [];
		for (const { at, text } of lines) {
			if (text === undefined) items.push({ at, problem: TOO_LONG });
			else if (text.trim() !== '') items.push(parseRecord(at, text));
		}
		yield items;
	}
}

/**
 * One JSON document: an array of objects, at the top or as a field (`{"data": […]}`, the longest one), read element by
 * element, so that a large file is never in memory whole. Throws `import/malformed` where there is no such array.
 */
export async function* readJson(pieces: AsyncIterable<string>): Items {
	let group: Item[] = [];
	let at = 0;
	for await (const text of elementsOf(pieces)) {
		at++;
		group.push(text === undefined ? { at, problem: TOO_LONG } : parseRecord(at, text));
		if (group.length === GROUP) {
			yield group;
			group = [];
		}
	}
	if (at === 0)
		throw new OpenLedgerError('import/malformed', 'There is no list of records in this JSON file.', {
			remedy: 'Use a file that holds an array of objects, or one object on each line.'
		});
	yield group;
}

function parseRecord(at: number, text: string): Item {
	try {
		const value: unknown = JSON.parse(text);
		return isRecord(value) ? { at, record: value } : { at, problem: 'not an object with named fields' };
	} catch (error) {
		return { at, problem: `not valid JSON (${reasonOf(error)})` };
	}
}

/** V8's messages quote the text; the part before says enough. */
function reasonOf(error: unknown): string {
	return String(error instanceof Error ? error.message : error)
		.replace(/, "?\.{0,3}.*$/s, '')
		.slice(0, 100);
}

/** The objects in the outermost arrays that hold any, as text; undefined for one that is too long. */
async function* elementsOf(pieces: AsyncIterable<string>): AsyncGenerator<string | undefined> {
	let depth = 0;
	let elementDepth = -1;
	let inText = false;
	let escaped = false;
	let started = false;
	let element = '';
	let tooLong = false;
	for await (const piece of pieces) {
		let from = started ? 0 : -1;
		for (let i = 0; i < piece.length; i++) {
			const code = piece.charCodeAt(i);
			if (inText) {
				if (escaped) escaped = false;
				else if (code === 92) escaped = true;
				else if (code === 34) inText = false;
			} else if (code === 34) inText = true;
			else if (code === 91 && elementDepth < 0) {
				depth++;
				elementDepth = depth;
			} else if (code === 123 || code === 91) {
				depth++;
				if (depth === elementDepth + 1 && code === 123) {
					started = true;
					from = i;
				}
			} else if (code === 125 || code === 93) {
				if (started && depth === elementDepth + 1) {
					yield tooLong ? undefined : element + piece.slice(from, i + 1);
					element = '';
					started = tooLong = false;
					from = -1;
				} else if (depth === elementDepth && code === 93) elementDepth = -1;
				depth--;
			}
		}
		if (!started || from < 0) continue;
		if (!tooLong) element += piece.slice(from);
		if (element.length > LONGEST_RECORD) {
			tooLong = true;
			element = '';
		}
	}
}
