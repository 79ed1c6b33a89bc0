import type { ByteSource } from '#workers/bytes.ts';
import { OpenLedgerError } from '#workers/errors.ts';
import { readSafetensors, writeSafetensors, type SafetensorsFile } from '#workers/formats/safetensors.ts';

/**
 * Where the words of a Datanet's rows stand: all of them, and a suffix array over them. At most six bytes a word: two for the
 * word, four for its suffix, less for the last words of a row, whose suffixes are too short to be found.
 *
 * A word is its rank by frequency, from 1 on. Ranks below LEAD are one 16-bit unit; of the others the unit says the upper half
 * (LEAD and above) and a second one the lower half. Rows end with a 0.
 */
export interface SpanIndex {
	units: Uint16Array;
	/** Offsets in `units` of words with at least MIN_WORDS to the end of their row, in the order of what follows them. */
	order: Uint32Array;
	/** Offset of each row's first unit. */
	rowStarts: Uint32Array;
	/** Words by rank − 1, and how often each stands in the rows. */
	vocabulary: string[];
	counts: Uint32Array;
	/** Words in all rows. */
	total: number;
}

/** Fewer words than this are no evidence. */
export const MIN_WORDS = 4;

const LEAD = 65_024;
const FORMAT = 'openledger-spans/1';

/** Highest rank that two units can say. */
export const MAX_RANK = LEAD + (65_536 - LEAD) * 65_536 - 1;

/** Rank of the word at a unit offset, 0 at the end of a row. */
export function rankAt(units: Uint16Array, offset: number): number {
	const unit = units[offset] ?? 0;
	return unit < LEAD ? unit : LEAD + (unit - LEAD) * 65_536 + (units[offset + 1] ?? 0);
}

/** Units that a rank takes. */
export function unitsOf(rank: number): 1 | 2 {
	return rank < LEAD ? 1 : 2;
}

/** Writes a rank at a unit offset; returns the offset after it. */
export function putRank(units: Uint16Array, offset: number, rank: number): number {
	if (rank < LEAD) {
		units[offset] = rank;
		return offset + 1;
	}
	units[offset] = LEAD + ((rank - LEAD) >>> 16);
	units[offset + 1] = (rank - LEAD) & 0xffff;
	return offset + 2;
}

/** Row that a unit offset stands in. */
export function rowAt({ rowStarts }: SpanIndex, offset: number): number {
	let low = 0;
	let high = rowStarts.length - 1;
	while (low < high) {
		const middle = (low + high + 1) >>> 1;
		if ((rowStarts[middle] ?? 0) <= offset) low = middle;
		else high = middle - 1;
	}
	return low;
}

/** The rows' beginnings and the counts follow from the units, so they are not written. */
export function writeSpanIndex(index: SpanIndex): Uint8Array<ArrayBuffer> {
	const { units, order } = index;
	const vocabulary = new TextEncoder().encode(index.vocabulary.join('\n'));
	return writeSafetensors(
		new Map([
			['units', { dtype: 'U16', shape: [units.length], data: units }],
			['order', { dtype: 'U32', shape: [order.length], data: order }],
			['vocabulary', { dtype: 'U8', shape: [vocabulary.length], data: vocabulary }]
		]),
		{ format: FORMAT }
	);
}

/** Reads what `writeSpanIndex` wrote. Throws `spans/malformed`. */
export function readSpanIndex(source: ByteSource): SpanIndex {
	try {
		const file = readSafetensors(source);
		if (file.metadata.format !== FORMAT) throw new Error(`its format is not ${FORMAT}`);
		const units = new Uint16Array(tensorBytes(file, 'units', 'U16'));
		const order = new Uint32Array(tensorBytes(file, 'order', 'U32'));
		const text = new TextDecoder().decode(tensorBytes(file, 'vocabulary', 'U8'));
		const vocabulary = text === '' ? [] : text.split('\n');
		if (order.some((offset) => offset >= units.length)) throw new Error('it points beyond its rows');
		return { units, order, vocabulary, ...readRows(units, vocabulary.length) };
	} catch (cause) {
		const reason = cause instanceof Error ? cause.message : String(cause);
		throw new OpenLedgerError('spans/malformed', `This index of words cannot be used: ${reason}.`, {
			remedy: 'Build it again from the Datanet.',
			cause
		});
	}
}

function readRows(units: Uint16Array, words: number): Pick<SpanIndex, 'rowStarts' | 'counts' | 'total'> {
	const counts = new Uint32Array(words);
	const rowStarts: number[] = [];
	let total = 0;
	for (let at = 0, start = 0; at < units.length;) {
		const rank = rankAt(units, at);
		if (rank > words) throw new Error('it holds a word that has no name');
		at += unitsOf(rank);
		if (rank === 0) {
			rowStarts.push(start);
			start = at;
		} else {
			counts[rank - 1] = (counts[rank - 1] ?? 0) + 1;
			total++;
		}
	}
	if (units.length > 0 && units.at(-1) !== 0) throw new Error('its last row has no end');
	return { rowStarts: Uint32Array.from(rowStarts), counts, total };
}

/** A copy of one tensor's bytes, aligned for any element type. */
function tensorBytes(file: SafetensorsFile, name: string, dtype: string): ArrayBuffer {
	const info = file.tensors.get(name);
	if (info?.dtype !== dtype) throw new Error(`it has no ${dtype} tensor "${name}"`);
	return new Uint8Array(file.source.read(info.offset, info.length)).buffer;
}
