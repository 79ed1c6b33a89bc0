import { Dexie } from 'dexie';
import { db } from '../ledger/db.ts';
import type { PayState } from './use.ts';

/** What replies of an adapter cost this device on a chain, and how far their payments are. @param weights SHA-256 of its weights */
export async function receiptsOf(
	chain: number,
	weights: string
): Promise<{ time: number; amount: bigint; state: PayState }[]> {
	// Without a filter of Dexie's, which would wake the page for each.
	const all = await db.receipts
		.where('[chain+time]')
		.between([chain, Dexie.minKey], [chain, Dexie.maxKey])
		.toArray();
	const settlements = new Map((await db.settlements.toArray()).map(({ id, state }) => [id, state]));
	const own = all.filter(({ receipt }) => receipt.adapter?.weights === weights);
	return own.map(({ time, amount, settlement }) => {
		const state = settlement ? settlements.get(settlement) : undefined;
		return {
			time,
			amount,
			state: state === 'settled' ? 'paid' : !state || state === 'void' ? 'owed' : 'sent'
		};
	});
}
