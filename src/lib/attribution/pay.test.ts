import 'fake-indexeddb/auto';
import { parseEther } from 'viem';
import { beforeEach, expect, test } from 'vitest';
import { splitBatch } from '../../../contracts/client/split.ts';
import { launchRules } from '../../../contracts/deploy/params.ts';
import type { Receipt } from '#workers/attribution/receipts/receipt.ts';
import { WHOLE } from '#workers/attribution/receipts/shares.ts';
import { db } from '../ledger/db.ts';
import type { ReceiptRecord, SettlementRecord } from '../ledger/records.ts';
import { defaultSpending } from '../ledger/spending.ts';
import { earnedBy, earningsOf, payOf } from './pay.ts';

const receipt = { price: parseEther('1').toString(), tokens: { prompt: 3, reply: 50 } } as Receipt;
const kept = {
	id: '0x1',
	chain: 7,
	model: 2,
	host: 0,
	reply: 'r',
	amount: parseEther('0.05')
} as Partial<ReceiptRecord> as ReceiptRecord;
const pay = () => payOf({ id: 'r', receipt });

beforeEach(async () => {
	await Promise.all([db.receipts.clear(), db.settlements.clear(), db.spending.clear()]);
});

test('a reply is unpriced, free, owed, on its way or paid, as the ledger has it', async () => {
	const full = parseEther('0.05');
	expect(await pay()).toEqual({ state: 'unpriced', amount: 0n, full, mode: 'private' });
	await db.receipts.put({ ...kept, amount: 0n });
	expect(await pay()).toEqual({ state: 'free', amount: 0n, full, mode: 'private' });
	await db.receipts.put(kept);
	await db.spending.put({ ...defaultSpending(7), mode: 'auditable' });
	expect(await pay()).toEqual({ state: 'owed', amount: full, full, mode: 'auditable' });
	const settlement = { id: 's', chain: 7, mode: 'private', state: 'sent' } as SettlementRecord;
	await db.receipts.put({ ...kept, settlement: 's' });
	await db.settlements.put(settlement);
	expect(await pay()).toMatchObject({ state: 'sent', mode: 'private' });
	await db.settlements.put({ ...settlement, state: 'settled' });
	expect(await pay()).toMatchObject({ state: 'paid', amount: full });
	await db.settlements.put({ ...settlement, state: 'void' });
	expect(await pay()).toMatchObject({ state: 'owed' });
});

test('what a share earns is what a batch of that reply alone pays, to the wei or a few', () => {
	const amount = parseEther('0.05');
	// The first has more than the cap allows.
	const shares = [30_000, 9_000, 4_321, 17];
	const weights = [
		{ id: 0, weight: WHOLE - shares.reduce((sum, share) => sum + share, 0) },
		...shares.map((weight, i) => ({ id: i + 1, weight }))
	];
	const sources = [{ datanet: 1, share: 10_000 }];
	const around = { sources, model: 1, base: 0, host: 0, poster: 0, amount };
	const paid = splitBatch({ shares: launchRules, weights, ...around });
	shares.forEach((share, i) => {
		const apart = (paid.get(i + 1) ?? 0n) - earnedBy(amount, share);
		expect(apart >= -3n && apart <= 3n).toBe(true);
	});
});

test('earnings are told apart by how and whether they were paid, and nothing is counted twice', () => {
	const one = (state: 'owed' | 'sent' | 'paid', mode: 'private' | 'auditable', wei: bigint) => ({
		...{ state, mode, wei }
	});
	expect(
		earningsOf([
			one('paid', 'auditable', 1n),
			one('paid', 'private', 20n),
			one('owed', 'auditable', 300n),
			one('sent', 'auditable', 4000n),
			one('owed', 'private', 50_000n)
		])
	).toEqual({ earned: 1n, coming: 4300n, unweighed: 50_020n });
	expect(earningsOf([])).toEqual({ earned: 0n, coming: 0n, unweighed: 0n });
});
