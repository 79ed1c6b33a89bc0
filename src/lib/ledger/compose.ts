import {
	concatHex,
	encodeAbiParameters,
	encodeFunctionData,
	keccak256,
	numberToHex,
	zeroHash,
	type Hex
} from 'viem';
import { hashRecord, recordOf } from '#workers/attribution/receipts/receipt.ts';
import { recordList, type Weight } from '#workers/attribution/receipts/shares.ts';
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
	return {
		model,
		host,
		amount: records.reduce((sum, { amount }) => sum + amount, 0n),
		nonce,
		transcripts: commitmentOf(records),
		leaves: mode === 'auditable' ? encodeLeaves(sumLists(listsOf(records))) : '0x',
		receipts: records.map(({ id }) => id)
	};
}

interface List {
	tokens: number;
	weights: Weight[];
}

function listsOf(records: readonly ReceiptRecord[]): List[] {
	return records.map(({ receipt, transcript }) => {
		const tokens = recordOf(receipt).tokens;
		return { tokens, weights: recordList(transcript.entries, receipt.unattributed, tokens) };
	});
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

/** What a batch commits to and an audit opens (Convictions.sol, struct Opening). */
export interface Committed {
	/** Of each record: uint16 tokens, uint16 length, so many bytes of leaves. */
	lists: Hex;
	/** Rows of the records' Merkle tree, the leaves first, zero-filled to a power of two (contracts/src/libraries/Transitions.sol). */
	tree: Hex[][];
}

/** What settling these receipts committed to. They must stand in the order of their batch. */
export function committedOf(records: readonly ReceiptRecord[]): Committed {
	const packed = listsOf(records).map(({ tokens, weights }) => {
		const leaves = encodeLeaves(weights);
		const length = (leaves.length - 2) / 2;
		return concatHex([numberToHex(tokens, { size: 2 }), numberToHex(length, { size: 2 }), leaves]);
	});
	let row: Hex[] = records.map(({ receipt }) => hashRecord(recordOf(receipt)));
	while (Math.log2(row.length) % 1 !== 0) row.push(zeroHash);
	const tree = [row];
	while (row.length > 1) {
		const below = row;
		row = Array.from({ length: below.length / 2 }, (_, i) =>
			keccak256(concatHex([below[2 * i] ?? zeroHash, below[2 * i + 1] ?? zeroHash]))
		);
		tree.push(row);
	}
	return { lists: concatHex(packed), tree };
}

/** Siblings of record `index`, from the leaf up. */
export function pathOf({ tree }: Committed, index: number): Hex[] {
	return tree.slice(0, -1).map((row, level) => row[(index >> level) ^ 1] ?? zeroHash);
}

/** keccak256(abi.encode(keccak256(lists), recordsRoot, count)) */
function commitmentOf(records: readonly ReceiptRecord[]): Hex {
	const { lists, tree } = committedOf(records);
	return keccak256(
		encodeAbiParameters(
			[{ type: 'bytes32' }, { type: 'bytes32' }, { type: 'uint32' }],
			[keccak256(lists), tree.at(-1)?.[0] ?? zeroHash, records.length]
		)
	);
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
