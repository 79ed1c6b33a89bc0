import {
	concatHex,
	encodeAbiParameters,
	encodeFunctionData,
	keccak256,
	numberToHex,
	zeroHash,
	type Hex
} from 'viem';
import { hashRecord, recordOf } from '#workers/attribution/receipt.ts';
import { recordList, type Weight } from '#workers/attribution/shares.ts';
import { settlementAbi } from '../../../contracts-abi/abi/Settlement.ts';
import { encodeLeaves } from '../../../contracts/client/leaves.ts';
import type { BatchRecord, ReceiptRecord, SettlementMode } from './records.ts';

/** Units of weight that a record of so many tokens shares out (contracts/src/audit/Scores.sol). */
const unitsOf = (tokens: number) => 64 * Math.min(tokens, 1023);

/**
 * What is owed, as batches: one for each model and host, in the order of their oldest receipt, numbered from `nonce` on.
 * Receipts that owe nothing are left out.
 */
export function composeBatches(
	owed: readonly ReceiptRecord[],
	mode: SettlementMode,
	nonce: number
): BatchRecord[] {
	const groups = new Map<string, ReceiptRecord[]>();
	for (const record of owed) {
		if (record.amount === 0n || record.model === 0) continue;
		const key = `${record.model} ${record.host}`;
		groups.set(key, [...(groups.get(key) ?? []), record]);
	}
	return [...groups.values()].map((records, i) => composeBatch(records, mode, nonce + i));
}

function composeBatch(records: readonly ReceiptRecord[], mode: SettlementMode, nonce: number): BatchRecord {
	const [first] = records;
	if (!first) throw new RangeError('a batch of no receipts');
	const { model, host } = first;
	const lists = records.map(({ receipt, transcript }) => {
		const tokens = recordOf(receipt).tokens;
		return { tokens, weights: recordList(transcript.entries, receipt.unattributed, tokens) };
	});
	return {
		model,
		host,
		amount: records.reduce((sum, { amount }) => sum + amount, 0n),
		nonce,
		transcripts: commitmentOf(records, lists),
		leaves: mode === 'auditable' ? encodeLeaves(sumLists(lists)) : '0x',
		receipts: records.map(({ id }) => id)
	};
}

interface List {
	tokens: number;
	weights: Weight[];
}

/** floor(65,535 × Σ lists / Σ units), as Convictions.convictSum checks it; without zeros. */
function sumLists(lists: readonly List[]): Weight[] {
	const sums = new Map<number, number>();
	let units = 0;
	for (const { tokens, weights } of lists) {
		units += unitsOf(tokens);
		for (const { id, weight } of weights) sums.set(id, (sums.get(id) ?? 0) + weight);
	}
	// Both below 2^53 for more replies than a tab can hold; the product with 65,535 needs more.
	return [...sums]
		.sort(([a], [b]) => a - b)
		.map(([id, sum]) => ({ id, weight: Number((65_535n * BigInt(sum)) / BigInt(units || 1)) }))
		.filter(({ weight }) => weight > 0);
}

/** keccak256(abi.encode(keccak256(lists), recordsRoot, count)): what an audit opens (Convictions.sol, struct Opening). */
function commitmentOf(records: readonly ReceiptRecord[], lists: readonly List[]): Hex {
	const packed = lists.map(({ tokens, weights }) => {
		const leaves = encodeLeaves(weights);
		const length = (leaves.length - 2) / 2;
		return concatHex([numberToHex(tokens, { size: 2 }), numberToHex(length, { size: 2 }), leaves]);
	});
	const root = merkleRoot(records.map(({ receipt }) => hashRecord(recordOf(receipt))));
	return keccak256(
		encodeAbiParameters(
			[{ type: 'bytes32' }, { type: 'bytes32' }, { type: 'uint32' }],
			[keccak256(concatHex(packed)), root, records.length]
		)
	);
}

/** Zero-filled to a power of two (contracts/src/libraries/Transitions.sol). */
function merkleRoot(leaves: readonly Hex[]): Hex {
	let row = [...leaves];
	while (Math.log2(row.length) % 1 !== 0) row.push(zeroHash);
	while (row.length > 1)
		row = Array.from({ length: row.length / 2 }, (_, i) =>
			keccak256(concatHex([row[2 * i] ?? zeroHash, row[2 * i + 1] ?? zeroHash]))
		);
	return row[0] ?? zeroHash;
}

/** Data of the transaction that settles all batches at once: all of them land or none. */
export function settlementData(batches: readonly BatchRecord[]): Hex {
	const calls = batches.map(({ model, host, amount, nonce, transcripts, leaves }) =>
		encodeFunctionData({
			abi: settlementAbi,
			functionName: 'settle',
			args: [model, host, amount, nonce, transcripts, leaves]
		})
	);
	const [only] = calls;
	if (calls.length === 1 && only) return only;
	return encodeFunctionData({ abi: settlementAbi, functionName: 'multicall', args: [calls] });
}
