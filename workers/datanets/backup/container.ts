import { damaged } from '../bundle/records.ts';
import { isRecord } from '../formats/items.ts';

/** Several files in one: a line of JSON that names them and their sizes, then their bytes one after another. */
export interface Entry {
	name: string;
	content: Blob;
}

const FORMAT = 'openledger-backup';
/** Far above what the line of a thousand entries needs. */
const LONGEST_HEAD = 1_000_000;

export function packEntries(entries: readonly Entry[]): Blob {
	const head = {
		format: FORMAT,
		version: 1,
		entries: entries.map(({ name, content }) => ({ name, size: content.size }))
	};
	return new Blob([`${JSON.stringify(head)}\n`, ...entries.map((entry) => entry.content)]);
}

/** Throws `datanet/malformed`. The entries are slices: nothing is read before it is asked for. */
export async function unpackEntries(file: Blob): Promise<Entry[]> {
	const start = new Uint8Array(await file.slice(0, LONGEST_HEAD).arrayBuffer());
	const end = start.indexOf(10);
	const head = end < 0 ? undefined : parsed(new TextDecoder().decode(start.subarray(0, end)));
	if (!isRecord(head) || head.format !== FORMAT || head.version !== 1 || !Array.isArray(head.entries))
		throw damaged('it is no backup');
	let at = end + 1;
	const entries = head.entries.map((entry: unknown) => {
		if (
			!isRecord(entry) ||
			typeof entry.name !== 'string' ||
			typeof entry.size !== 'number' ||
			entry.size < 0
		)
			throw damaged('its list of contents cannot be read');
		const content = file.slice(at, at + entry.size);
		at += entry.size;
		return { name: entry.name, content };
	});
	if (at !== file.size) throw damaged('it ends too early');
	return entries;
}

function parsed(text: string): unknown {
	try {
		return JSON.parse(text);
	} catch {
		return undefined;
	}
}
