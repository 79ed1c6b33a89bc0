import { launchRules } from '../../../contracts/deploy/params.ts';
import { amountOf } from '#workers/attribution/receipts/receipt.ts';
import { db as ledger } from '../ledger/db.ts';
import type { SettlementMode } from '../ledger/records.ts';
import { defaultSpending } from '../ledger/spending.ts';
import type { AttributionRecord } from './records.ts';
import { partOf } from './words.ts';

/**
 * What a reply pays. `unpriced`: no price is known for its adapter on the network that was chosen then. `free`: within the day's free
 * tokens. `owed`: on the tab. `sent`: in a settlement that the chain has not confirmed. `paid`: in one that it has.
 */
export interface Pay {
	state: 'unpriced' | 'free' | 'owed' | 'sent' | 'paid';
	/** Wei that the reply costs; 0 where it is unpriced or free. */
	amount: bigint;
	/** Wei that it would cost beyond the free tokens. */
	full: bigint;
	/** By measured weights, or by fixed shares, which look at no reply. */
	mode: SettlementMode;
}

/** Reads what the ledger says of a reply's receipt. */
export async function payOf(record: Pick<AttributionRecord, 'id' | 'receipt'>): Promise<Pay> {
	const { receipt } = record;
	const full = receipt ? amountOf(receipt) : 0n;
	const kept = (await ledger.receipts.where({ reply: record.id }).toArray()).at(-1);
	if (!kept || kept.model === 0) return { state: 'unpriced', amount: 0n, full, mode: 'private' };
	const settlement = kept.settlement ? await ledger.settlements.get(kept.settlement) : undefined;
	const { mode } = settlement ?? (await ledger.spending.get(kept.chain)) ?? defaultSpending(kept.chain);
	const state =
		kept.amount === 0n
			? 'free'
			: settlement?.state === 'settled'
				? 'paid'
				: settlement && settlement.state !== 'void'
					? 'sent'
					: 'owed';
	return { state, amount: kept.amount, full, mode };
}

/**
 * Wei that a share of a reply earns by measured weights: its part of the contributors' pool without what goes by fixed shares
 * (docs/settlement.md, P1 to P6; the payer's own device has no host, so that share is the pool's too). The network's rules may have
 * changed since launch, so it is a close figure, not a promise.
 */
export function earnedBy(amount: bigint, share: number): bigint {
	const { contributors, host, staticShare, cap } = launchRules;
	const pool = (amount * BigInt(contributors + host)) / 10_000n;
	const weighted = (pool * BigInt(10_000 - staticShare)) / 10_000n;
	const most = (weighted * BigInt(cap)) / 10_000n;
	const part = partOf(weighted, share);
	return part < most ? part : most;
}

/** What a row's shares of replies come to: paid by measured weights, owed by them, and what only they would have given. Wei. */
export function earningsOf(replies: readonly (Pick<Pay, 'state' | 'mode'> & { wei: bigint })[]): {
	earned: bigint;
	coming: bigint;
	unweighed: bigint;
} {
	const sums = { earned: 0n, coming: 0n, unweighed: 0n };
	for (const { state, mode, wei } of replies)
		sums[mode === 'private' ? 'unweighed' : state === 'paid' ? 'earned' : 'coming'] += wei;
	return sums;
}
