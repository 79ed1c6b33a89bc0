import {
	contentHash,
	makeContribution,
	textOf,
	type Content,
	type ContributionInput
} from '#workers/datanets/contribution.ts';
import { isAddress, type Hex } from '#workers/datanets/hash.ts';
import { parseContent, parseContribution } from '#workers/datanets/parse.ts';
import { OpenLedgerError } from '#workers/errors.ts';
import { isJsonObject } from '#workers/formats/strict-json.ts';

/** Name of the file beside an index: the rows that it was made of, so that they can be shown and indexed again. */
export const ROWS_FILE = 'attribution.rows';

const FORMAT = 'openledger-rows/1';
const MAX_BYTES = 512 * 2 ** 20;

/** Somebody whose rows are indexed. Their number in the index is their place here, from 1 on. */
export interface Person {
	/** Of the key that signed, lower case; absent for rows that were pasted. */
	address?: Hex;
	name?: string;
}

/** One row as it was learnt. */
export interface LearntRow {
	/** The contribution's id; of a pasted row the hash of its content. */
	id: Hex;
	/** Contributor id in the index, from 1 on. */
	contributor: number;
	/** Number of its Datanet in the file. */
	datanet: number;
	content: Content;
	/** Absent for pasted rows. */
	licence?: string;
	source?: string;
	/** What else the id is made of. */
	header?: Omit<ContributionInput, 'content' | 'licence' | 'source'>;
}

export interface LearntRows {
	people: Person[];
	datanets: { name: string; id?: string; root?: string }[];
	rows: LearntRow[];
}

/** Gzipped JSON Lines: people and Datanets, then one row a line in the index's order. */
export async function writeRows({ people, datanets, rows }: LearntRows): Promise<Uint8Array<ArrayBuffer>> {
	const lines = [
		JSON.stringify({ format: FORMAT, people, datanets }),
		// The id follows from the rest.
		...rows.map(({ id, ...row }) => JSON.stringify(row))
	];
	const packed = new Blob([`${lines.join('\n')}\n`]).stream().pipeThrough(new CompressionStream('gzip'));
	return new Uint8Array(await new Response(packed).arrayBuffer());
}

/**
 * Reads what `writeRows` wrote, from anywhere; every row gets the id that it really has, so that an index shows nothing under a foreign
 * name. Throws `rows/malformed`.
 */
export async function readRows(bytes: Uint8Array): Promise<LearntRows> {
	try {
		const [first = '', ...lines] = (await unpack(bytes)).trimEnd().split('\n');
		const head: unknown = JSON.parse(first);
		if (!isJsonObject(head) || head.format !== FORMAT) throw new Error(`its format is not ${FORMAT}`);
		const { people, datanets } = head as unknown as LearntRows;
		const isPerson = ({ address, name }: Person) =>
			(address === undefined || isAddress(address)) && (name === undefined || isText(name));
		if (!Array.isArray(people) || !people.every((person) => isJsonObject(person) && isPerson(person)))
			throw new Error('its contributors cannot be read');
		if (
			!Array.isArray(datanets) ||
			!datanets.every((datanet) => isJsonObject(datanet) && isText(datanet.name))
		)
			throw new Error('its Datanets cannot be read');
		return { people, datanets, rows: lines.map((line) => readRow(line, people, datanets.length)) };
	} catch (cause) {
		const reason = cause instanceof Error ? cause.message.replace(/\.$/, '') : String(cause);
		throw new OpenLedgerError('rows/malformed', `These rows cannot be used: ${reason}.`, {
			remedy: 'Get the adapter again from where it comes from, or build its index from the Datanet.',
			cause
		});
	}
}

/** The first words of a row, for a list. */
export function excerptOf(content: Content, most = 240): string {
	const text = content.kind === 'pair' ? `${content.prompt} — ${content.response}` : textOf(content);
	const line = text.replace(/\s+/g, ' ').trim();
	return line.length <= most ? line : `${line.slice(0, most - 2).replace(/\s+\S*$/, '')} …`;
}

/** What a row says in its own words: a span's source. Its question is the form of many. */
export function learntText(content: Content): string {
	return content.kind === 'pair' ? content.response : textOf(content);
}

function readRow(line: string, people: readonly Person[], datanets: number): LearntRow {
	const value: unknown = JSON.parse(line);
	if (!isJsonObject(value)) throw new Error('a row is no record');
	const { contributor, datanet, content, licence, source, header } = value as unknown as LearntRow;
	const person = Number.isInteger(contributor) ? people[contributor - 1] : undefined;
	if (!person || !(Number.isInteger(datanet) && datanet >= 0 && datanet < datanets))
		throw new Error('a row names nobody or no Datanet');
	if (header === undefined) {
		const pasted = parseContent(content);
		return { id: contentHash(pasted), contributor, datanet, content: pasted };
	}
	const made = makeContribution({ ...header, content, licence: licence ?? '', source: source ?? '' });
	const row = parseContribution(made);
	if (person.address !== row.contributor)
		throw new Error('a row is credited to another than its contributor');
	const { id } = row;
	return { id, contributor, datanet, content: row.content, licence: row.licence, source: row.source, header };
}

async function unpack(bytes: Uint8Array): Promise<string> {
	const stream = new Blob([new Uint8Array(bytes)]).stream().pipeThrough(new DecompressionStream('gzip'));
	const decoder = new TextDecoder('utf-8', { fatal: true });
	let [text, size] = ['', 0];
	for await (const chunk of stream) {
		size += chunk.byteLength;
		if (size > MAX_BYTES) throw new Error('it is too large');
		text += decoder.decode(chunk, { stream: true });
	}
	return text + decoder.decode();
}

function isText(value: unknown): value is string {
	return typeof value === 'string' && value.length > 0 && value.length <= 500;
}
