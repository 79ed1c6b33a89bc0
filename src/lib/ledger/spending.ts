import { parseEther } from 'viem';
import type { ReceiptRecord, SettlementMode, SpendingRecord } from './records.ts';

/** What a person has chosen before choosing anything. */
export function defaultSpending(chain: number): SpendingRecord {
	return { chain, limit: parseEther('20'), threshold: parseEther('10'), mode: 'private', declinedAt: 0n };
}

/**
 * Gas of settling so many batches, measured (bench/results/settle.json): 46,600 for a private one, 3 bytes of leaves for
 * each contributor at the calldata floor of 40 gas a byte (EIP-7623) on top of that.
 */
export function settlementGas(batches: number, mode: SettlementMode, contributors: number): bigint {
	if (batches === 0) return 0n;
	const leaves = mode === 'auditable' ? 4_900 + 120 * contributors : 0;
	return BigInt(46_600 + 26_000 * (batches - 1) + leaves);
}

/** The network's fee may take this part of a payment before settling is called too early. */
const WORTHWHILE = 50n;

export interface Tab {
	/** What is owed, the oldest first. */
	receipts: ReceiptRecord[];
	/** Wei. */
	owed: bigint;
	/** What the network will take for settling now. Wei. */
	fee: bigint;
	/** From this sum on the fee is at most 2 % of it. Wei. */
	breakEven: bigint;
	contributors: number;
}

export function tabOf(receipts: ReceiptRecord[], mode: SettlementMode, gasPrice: bigint): Tab {
	const owed = receipts.reduce((sum, { amount }) => sum + amount, 0n);
	const batches = new Set(receipts.map(({ model, host }) => `${model} ${host}`)).size;
	const people = new Set(
		receipts.flatMap(({ receipt }) => receipt.weights.map(({ id }) => id)).filter((id) => id > 0)
	);
	const fee = settlementGas(batches || 1, mode, people.size) * gasPrice;
	return { receipts, owed, fee, breakEven: fee * WORTHWHILE, contributors: people.size };
}

/** Whether settling is to be offered now, without being asked. Once declined, only after a fifth more is owed. */
export function isDue({ owed }: Tab, { threshold, declinedAt }: SpendingRecord): boolean {
	return threshold > 0n && owed >= threshold && owed * 5n >= declinedAt * 6n;
}

/** What stands in the way of another reply. */
export type Obstacle = 'deposit' | 'limit';

/**
 * Whether a reply of `tokens` tokens may run: within the day's free allowance always, beyond it only if the prepaid
 * balance covers it beside what is owed, and the limit is not passed.
 */
export function obstacle(question: {
	/** Wei for 1,000 tokens. */
	price: bigint;
	/** Tokens a day without a deposit. */
	allowance: bigint;
	/** Tokens that today's replies by this model took. */
	used: number;
	tokens: number;
	owed: bigint;
	/** Wei that can be spent. */
	free: bigint;
	limit: bigint;
}): Obstacle | undefined {
	const { price, allowance, used, tokens, owed, free, limit } = question;
	if (price === 0n || BigInt(used) < allowance) return undefined;
	const cost = (price * BigInt(tokens)) / 1000n;
	if (owed + cost > limit) return 'limit';
	return owed + cost > free ? 'deposit' : undefined;
}

/** What a reply of so many tokens costs: what lies beyond the allowance. Wei. */
export function costOf(price: bigint, allowance: bigint, used: number, tokens: number): bigint {
	const left = allowance > BigInt(used) ? allowance - BigInt(used) : 0n;
	const paid = BigInt(tokens) > left ? BigInt(tokens) - left : 0n;
	return (price * paid) / 1000n;
}
