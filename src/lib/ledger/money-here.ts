import { session } from '../chain/session.svelte.ts';

/**
 * Whether this device has to do with money: a wallet was connected here, or a reply has left a receipt. Asks no more than that, with
 * none of the chain's code.
 */
export async function moneyIsHere(): Promise<boolean> {
	if (!session.sandbox) return true;
	const known = await indexedDB.databases?.();
	if (!known?.some(({ name }) => name === 'openledger-ledger')) return false;
	const { db } = await import('./db.ts');
	return (await db.receipts.limit(1).count()) > 0;
}
