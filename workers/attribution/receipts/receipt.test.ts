import { encodeAbiParameters, keccak256, parseAbiParameters } from 'viem';
import { describe, expect, test } from 'vitest';
import { fails } from '#test/support/check.ts';
import { toHex } from '#workers/datanets/hash.ts';
import {
	amountOf,
	hashRecord,
	hashTokens,
	makeReceipt,
	receiptId,
	recordOf,
	type ReceiptFacts,
	type Transcript
} from './receipt.ts';
import { newSalt } from './salt.ts';
import { formatReceipt, parseReceipt } from './receipt-file.ts';

const hash = (byte: number) => toHex(new Uint8Array(32).fill(byte));
const facts: ReceiptFacts = {
	base: hash(1).slice(2),
	adapter: { config: hash(2).slice(2), weights: hash(3).slice(2) },
	index: { root: hash(4), description: hash(5) },
	unmeasured: null,
	lift: 12_345_678,
	support: 900_000,
	unattributed: 14,
	host: 0,
	price: '2500000000000000',
	time: 1_790_000_000
};
const transcript: Transcript = {
	salt: hash(7),
	prompt: [1, 2, 300],
	reply: [4, 5, 6, 7, 4095],
	query: Int8Array.from({ length: 32 }, (_, i) => i * 7 - 100),
	entries: [
		{ contributor: 1, row: 0, score: 5 },
		{ contributor: 3, row: 1, score: 9 }
	]
};

describe('a receipt', () => {
	const receipt = makeReceipt(facts, transcript);

	test('carries weights that follow from its entries, and an identity that follows from all of it', () => {
		expect(receipt.weights.map(({ id }) => id)).toEqual([0, 1, 3]);
		expect(receipt.weights[0]?.weight).toBe(32_767);
		expect(receiptId(receipt)).toBe(receipt.id);
		for (const [field, value] of Object.entries(receipt)) {
			if (field === 'id') continue;
			const changed = { ...receipt, [field]: typeof value === 'number' ? value + 1 : 'x' };
			expect(receiptId(changed), field).not.toBe(receipt.id);
		}
	});

	test('reads back what was written, with and without its transcript', () => {
		expect(parseReceipt(formatReceipt({ receipt }))).toEqual({ receipt });
		expect(parseReceipt(formatReceipt({ receipt, transcript }))).toEqual({ receipt, transcript });
	});

	test('says nothing of the words without the salt, and prompt and reply never hash alike', () => {
		const again = makeReceipt(facts, { ...transcript, salt: newSalt() });
		expect(again.prompt).not.toBe(receipt.prompt);
		expect(again.reply).not.toBe(receipt.reply);
		expect(hashTokens(hash(7), 'prompt', [1])).not.toBe(hashTokens(hash(7), 'reply', [1]));
		expect(formatReceipt({ receipt })).not.toContain('4095');
	});

	test('is committed to by the record that the audit contract opens', () => {
		const record = recordOf(receipt);
		// A struct without dynamic parts is encoded as its fields.
		const encoded = encodeAbiParameters(
			parseAbiParameters('bytes32, bytes32, bytes32, bytes32, bytes32, uint32, uint16'),
			[
				record.salt,
				record.prompt,
				record.output,
				record.query,
				record.entries,
				record.unattributed,
				record.tokens
			]
		);
		expect(hashRecord(record)).toBe(keccak256(encoded));
		expect(record.query).toBe(keccak256(Uint8Array.from(transcript.query, (value) => value & 255)));
		expect(record.entries).toBe(
			keccak256(`0x${[1, 0, 5, 3, 1, 9].map((value) => value.toString(16).padStart(8, '0')).join('')}`)
		);
	});

	test('costs the price of its reply tokens, rounded down', () => {
		expect(amountOf(receipt)).toBe(12_500_000_000_000n);
		expect(amountOf({ ...receipt, price: '199' })).toBe(0n);
	});
});

test('a file that is no receipt is refused with the field that is wrong', async () => {
	const receipt = makeReceipt(facts, transcript);
	const file = JSON.parse(formatReceipt({ receipt, transcript })) as {
		receipt: Record<string, unknown>;
		transcript: Record<string, unknown>;
	};
	const wrongs: [part: 'receipt' | 'transcript', field: string, values: unknown[]][] = [
		['receipt', 'format', ['openledger-receipt/1', 1]],
		['receipt', 'id', ['0x12', receipt.id.toUpperCase()]],
		['receipt', 'rules', [-1, 1.5, '1']],
		['receipt', 'base', [receipt.id, null]],
		['receipt', 'adapter', [{ config: facts.base }, { ...facts.adapter, more: 1 }, 'x']],
		['receipt', 'index', [{ root: 1, description: 2 }]],
		['receipt', 'unmeasured', ['because', 0]],
		['receipt', 'tokens', [{ prompt: 3 }, { prompt: 3, reply: -1 }]],
		['receipt', 'lift', [0.5, '1', null]],
		['receipt', 'unattributed', [2 ** 32, -1]],
		['receipt', 'weights', [[], [{ id: 1, weight: 65_536 }], [...receipt.weights].reverse()]],
		['receipt', 'price', ['-1', '01', '1e3', 5]],
		['receipt', 'time', ['2026-01-01', -5]],
		['receipt', 'tip', ['1']],
		['transcript', 'salt', ['0x']],
		['transcript', 'reply', [[-1], 'text', [1.5]]],
		['transcript', 'query', ['*', 5]],
		[
			'transcript',
			'entries',
			[
				[[0, 0, 1]],
				[[1, 2]],
				[
					[3, 1, 9],
					[1, 0, 5]
				]
			]
		]
	];
	for (const [part, field, values] of wrongs)
		for (const value of values) {
			const changed = { ...file, [part]: { ...file[part], [field]: value } };
			const error = await fails(() => parseReceipt(JSON.stringify(changed)), 'receipt/malformed');
			expect(error.message).toContain(`"${field}"`);
		}
	for (const json of ['', '{', '[]', '{}', '{"receipt":1}', JSON.stringify({ ...file, more: 1 })])
		await fails(() => parseReceipt(json), 'receipt/malformed');
});
