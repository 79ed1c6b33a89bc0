import { keccak_256 } from '@noble/hashes/sha3.js';
import { concatBytes } from '@noble/hashes/utils.js';
import { fromHex, hashJson, toHex, type Hex } from '#workers/datanets/hash.ts';
import { encodeEntries, RULES, sharesOf, unattributedScore, type Entry, type Weight } from './shares.ts';

export const RECEIPT_FORMAT = 'openledger-receipt/2';

/** Why nothing of a reply is attributed to rows, though it was asked for. */
export const UNMEASURED = [
	'no-adapter',
	/** Several adapters, or one in part: an index knows one as it is. */
	'blended',
	'no-index',
	'wrong-index',
	'empty-reply',
	'too-long',
	'failed'
] as const;
export type Unmeasured = (typeof UNMEASURED)[number];

/**
 * What one reply owes to whom, without a word of it. Everything is an integer or a hash. It stands for itself: whoever has it and
 * the transcript can compute all of it anew (verify.ts). A settled batch commits to it (`recordOf`).
 */
export interface Receipt {
	format: typeof RECEIPT_FORMAT;
	/** keccak256 of the canonical JSON of all other fields: the receipt's identity. */
	id: Hex;
	/** Version of the attribution rules (shares.ts). */
	rules: number;
	/** SHA-256 (hex) of the base model's file that computed the reply. */
	base: string;
	/** SHA-256 (hex) of the adapter's two PEFT files; null for a reply of the base alone. */
	adapter: { config: string; weights: string } | null;
	/** Attribution index: its Merkle root and the keccak256 of its description; null where none was used. */
	index: { root: Hex; description: Hex } | null;
	/** Null: measured. Otherwise nothing is attributed, and this is why. */
	unmeasured: Unmeasured | null;
	/** Salted hashes of the token ids (`hashTokens`). */
	prompt: Hex;
	reply: Hex;
	/** keccak256 of the int8 query vector, one byte an element. */
	query: Hex;
	/** keccak256 of the entries (`encodeEntries`). */
	entries: Hex;
	tokens: { prompt: number; reply: number };
	/** ln p(reply) with the adapter less without it, in millionths of a nat, rounded. */
	lift: number;
	/** How strongly the rows speak for the reply, in millionths of how they do for one of their own (support.ts). */
	support: number;
	/** What of the reply belongs to no row, in units of score (`unattributedScore`). */
	unattributed: number;
	/** Weights (0 to 65,535) by contributor id, ascending, together 65,535; id 0 is unattributed (`sharesOf`). */
	weights: Weight[];
	/** Contributor id of who computed the reply; 0: the payer's own device. */
	host: number;
	/** Wei for 1,000 reply tokens, as decimal digits. */
	price: string;
	/** When the reply was finished, Unix time in seconds. */
	time: number;
}

/** What stays with the person: it opens the receipt's hashes. */
export interface Transcript {
	/** 32 random bytes, new for each reply. */
	salt: Hex;
	/** Token ids. */
	prompt: number[];
	reply: number[];
	/** The int8 query vector. */
	query: Int8Array;
	entries: Entry[];
}

/** What of a receipt does not follow from its transcript. */
export type ReceiptFacts = Omit<
	Receipt,
	'format' | 'id' | 'rules' | 'prompt' | 'reply' | 'query' | 'entries' | 'tokens' | 'weights'
>;

/** The commitment that a settled batch makes for one reply (contracts/src/audit/Convictions.sol, struct Record). */
export interface SettlementRecord {
	/** The receipt's id: so a record commits to all of the receipt. It holds salted hashes, so it cannot be guessed. */
	salt: Hex;
	prompt: Hex;
	output: Hex;
	query: Hex;
	entries: Hex;
	unattributed: number;
	tokens: number;
}

/** Writes the receipt of a reply. Throws a RangeError where the entries are none (`faultOfEntries`). */
export function makeReceipt(facts: ReceiptFacts, transcript: Transcript): Receipt {
	const { salt, prompt, reply, query, entries } = transcript;
	const fields: Omit<Receipt, 'id'> = {
		...facts,
		format: RECEIPT_FORMAT,
		rules: RULES,
		prompt: hashTokens(salt, 'prompt', prompt),
		reply: hashTokens(salt, 'reply', reply),
		query: hashQuery(query),
		entries: hashEntries(entries),
		tokens: { prompt: prompt.length, reply: reply.length },
		weights: sharesOf(entries, facts.unattributed)
	};
	return { ...fields, id: receiptId(fields) };
}

/**
 * The receipt of a reply of which nothing is attributed, and why: it is paid by static units alone.
 *
 * @param served who served it, with what, at which price and when; a whole receipt will do
 */
export function makeEmptyReceipt(
	served: Pick<ReceiptFacts, 'base' | 'adapter' | 'host' | 'price' | 'time'>,
	unmeasured: Unmeasured,
	{ salt, prompt, reply }: Pick<Transcript, 'salt' | 'prompt' | 'reply'>
): { receipt: Receipt; transcript: Transcript } {
	const { base, adapter, host, price, time } = served;
	const transcript = { salt, prompt, reply, query: new Int8Array(32), entries: [] };
	const nothing = { index: null, lift: 0, support: 0 };
	const unattributed = unattributedScore([], 0, { ...nothing, tokens: reply.length });
	const facts = { base, adapter, host, price, time, unmeasured, ...nothing, unattributed };
	return { receipt: makeReceipt(facts, transcript), transcript };
}

/** The identity that a receipt's fields give; a receipt of which a field was changed does not carry it. */
export function receiptId(receipt: Omit<Receipt, 'id'> & { id?: Hex }): Hex {
	const { id, ...fields } = receipt;
	return hashJson(fields);
}

/** keccak256(salt ‖ what ‖ ids as uint32, big-endian): says nothing of the text without the salt. */
export function hashTokens(salt: Hex, what: 'prompt' | 'reply', ids: readonly number[]): Hex {
	const bytes = new Uint8Array(ids.length * 4);
	const view = new DataView(bytes.buffer);
	ids.forEach((id, i) => view.setUint32(i * 4, id));
	return toHex(keccak_256(concatBytes(fromHex(salt), new TextEncoder().encode(what), bytes)));
}

export function hashQuery(query: Int8Array): Hex {
	return toHex(keccak_256(new Uint8Array(query.buffer, query.byteOffset, query.length)));
}

export function hashEntries(entries: readonly Entry[]): Hex {
	return toHex(keccak_256(encodeEntries(entries)));
}

/** What a batch commits to for this reply. Its list of weights is `recordList(entries, unattributed, tokens)`. */
export function recordOf(receipt: Receipt): SettlementRecord {
	return {
		salt: receipt.id,
		prompt: receipt.prompt,
		output: receipt.reply,
		query: receipt.query,
		entries: receipt.entries,
		unattributed: receipt.unattributed,
		tokens: Math.min(receipt.tokens.reply, 65_535)
	};
}

/** Leaf of a batch's tree of records: keccak256(abi.encode(record)). */
export function hashRecord({ unattributed, tokens, ...hashes }: SettlementRecord): Hex {
	const words = new Uint8Array(7 * 32);
	const { salt, prompt, output, query, entries } = hashes;
	[salt, prompt, output, query, entries].forEach((hash, i) => words.set(fromHex(hash), i * 32));
	const view = new DataView(words.buffer);
	view.setUint32(6 * 32 - 4, unattributed);
	view.setUint32(7 * 32 - 4, tokens);
	return toHex(keccak_256(words));
}

/** What the reply costs in wei: price × reply tokens / 1,000, rounded down. */
export function amountOf({ price, tokens }: Receipt): bigint {
	return (BigInt(price) * BigInt(tokens.reply)) / 1000n;
}
