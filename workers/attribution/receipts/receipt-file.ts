import { OpenLedgerError } from '#workers/errors.ts';
import { fromBase64, toBase64 } from '#workers/datanets/bundle/base64.ts';
import { isHash } from '#workers/datanets/hash.ts';
import { isJsonObject, parseStrictJson } from '#workers/formats/strict-json.ts';
import { RECEIPT_FORMAT, UNMEASURED, type Receipt, type Transcript } from './receipt.ts';
import { faultOfEntries, type Entry, type Weight } from './shares.ts';

const MAX_BYTES = 4 << 20;

type Check = (value: unknown) => boolean;
const isUint =
	(below: number): Check =>
	(value) =>
		Number.isInteger(value) && (value as number) >= 0 && (value as number) < below;
const isUint32 = isUint(2 ** 32);
const isSha256: Check = (value) => typeof value === 'string' && /^[0-9a-f]{64}$/.test(value);
const isWei: Check = (value) => typeof value === 'string' && /^(0|[1-9]\d{0,28})$/.test(value);
const isIds: Check = (value) => Array.isArray(value) && value.length < 2 ** 20 && value.every(isUint32);
const nullOr =
	(check: Check): Check =>
	(value) =>
		value === null || check(value);
/** An object of exactly these fields: an unknown one could say what nobody checks. */
const exactly =
	(fields: Record<string, Check>): Check =>
	(value) =>
		isJsonObject(value) &&
		Object.keys(value).length === Object.keys(fields).length &&
		Object.entries(fields).every(([field, check]) => check(value[field]));

const RECEIPT: Record<keyof Receipt, Check> = {
	format: (value) => value === RECEIPT_FORMAT,
	id: isHash,
	rules: isUint32,
	base: isSha256,
	adapter: nullOr(exactly({ config: isSha256, weights: isSha256 })),
	index: nullOr(exactly({ root: isHash, description: isHash })),
	unmeasured: nullOr((value) => (UNMEASURED as readonly unknown[]).includes(value)),
	prompt: isHash,
	reply: isHash,
	query: isHash,
	entries: isHash,
	tokens: exactly({ prompt: isUint32, reply: isUint32 }),
	lift: (value) => Number.isSafeInteger(value) && !Object.is(value, -0),
	support: isUint32,
	unattributed: isUint32,
	weights: isWeights,
	host: isUint32,
	price: isWei,
	time: isUint(2 ** 40)
};

const TRANSCRIPT: Record<keyof Transcript, Check> = {
	salt: isHash,
	prompt: isIds,
	reply: isIds,
	query: (value) => typeof value === 'string' && fromBase64(value) !== undefined,
	entries: isEntries
};

/** A receipt, and the transcript that opens it where its owner gives it along. */
export interface ReceiptFile {
	receipt: Receipt;
	transcript?: Transcript;
}

/** JSON of a receipt for keeping or handing on. With the transcript it tells what was asked and answered. */
export function formatReceipt({ receipt, transcript }: ReceiptFile): string {
	const opened = transcript && {
		...transcript,
		query: toBase64(
			new Uint8Array(transcript.query.buffer, transcript.query.byteOffset, transcript.query.length)
		),
		entries: transcript.entries.map(({ contributor, row, score }) => [contributor, row, score])
	};
	return `${JSON.stringify({ receipt, transcript: opened }, null, '\t')}\n`;
}

/**
 * Reads what `formatReceipt` wrote, from anywhere. Says whether it is a receipt, not whether it is true (verify.ts).
 *
 * Throws `receipt/malformed` with the field that is wrong.
 */
export function parseReceipt(json: string | Uint8Array): ReceiptFile {
	if (json.length > MAX_BYTES) throw malformed(`it is larger than ${MAX_BYTES} bytes`);
	let file: unknown;
	try {
		file = parseStrictJson(json, { maxDepth: 6 });
	} catch (cause) {
		throw malformed(cause instanceof Error ? cause.message : String(cause), cause);
	}
	if (!isJsonObject(file)) throw malformed('it is not a JSON object');
	const { receipt, transcript, ...others } = file;
	if (Object.keys(others).length > 0) throw malformed('it holds more than a receipt and its transcript');
	checkFields(receipt, RECEIPT, 'receipt');
	if (transcript === undefined) return { receipt: receipt as unknown as Receipt };
	checkFields(transcript, TRANSCRIPT, 'transcript');
	const { query, entries } = transcript;
	return {
		receipt: receipt as unknown as Receipt,
		transcript: {
			...(transcript as unknown as Transcript),
			query: new Int8Array(fromBase64(query as string) ?? []),
			entries: readEntries(entries)
		}
	};
}

function checkFields(
	value: unknown,
	fields: Record<string, Check>,
	what: string
): asserts value is Record<string, unknown> {
	if (!isJsonObject(value)) throw malformed(`it has no ${what}`);
	const unknown = Object.keys(value).find((field) => !Object.hasOwn(fields, field));
	if (unknown !== undefined) throw malformed(`its ${what} has an unknown field ${JSON.stringify(unknown)}`);
	for (const [field, check] of Object.entries(fields))
		if (!check(value[field])) throw malformed(`the field "${field}" of its ${what} is missing or wrong`);
}

function isWeights(value: unknown): boolean {
	if (!Array.isArray(value) || value.length === 0 || value.length > 64) return false;
	const isWeight = exactly({ id: isUint32, weight: isUint(2 ** 16) });
	return value.every(isWeight) && (value as Weight[]).every(({ id }, i) => i === 0 || id > value[i - 1].id);
}

function isEntries(value: unknown): boolean {
	const isTriple: Check = (item) => Array.isArray(item) && item.length === 3;
	return Array.isArray(value) && value.every(isTriple) && faultOfEntries(readEntries(value)) === undefined;
}

function readEntries(value: unknown): Entry[] {
	return (value as [number, number, number][]).map(([contributor, row, score]) => ({
		contributor,
		row,
		score
	}));
}

function malformed(reason: string, cause?: unknown): OpenLedgerError {
	return new OpenLedgerError('receipt/malformed', `This file is no receipt: ${reason}.`, {
		remedy: 'Ask for the receipt again, as it was downloaded.',
		cause
	});
}
